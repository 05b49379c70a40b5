"""Two members of two records who are one person: what the record that stays knows of them.

What protects somebody comes from either record; what the record that stays does not hold is taken
from the other. What is kept sealed is sealed again under the id that stays. Undone, whatever is
still as the merge made it is as it was before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from services.family.domain.fields import field_of, is_sealed
from services.family.domain.household import (
    Change,
    Child,
    Contact,
    Family,
    Guardian,
    Measure,
    Member,
)
from services.family.domain.imported import counted
from services.family.domain.work import reason_of, slot_of
from shared.contracts.dossier import FIELDS, Owner
from shared.contracts.family import Became, ChildRights

MemberT = TypeVar("MemberT", Guardian, Child, Contact)
PersonT = TypeVar("PersonT", Guardian, Child)
#: What a member is in one record, which another record does not fill.
_OWN = {"id", "origin", "role", "invoiced", "rights", "also", "kind"}
_FLAGS = {"protected", "limited"}
_OWNERS: Mapping[type[Member], Owner] = {Guardian: "guardian", Child: "child", Contact: "contact"}


class Vault(Protocol):
    """Seals a value for a field of a member, and opens it."""

    def seal(self, member: str, field: str, value: Any) -> dict[str, Any]:
        """The value, sealed."""

    def open(self, member: str, field: str, sealed: Mapping[str, Any]) -> Any:
        """What ``seal`` was given."""


def filled(kept: MemberT, gone: MemberT, vault: Vault) -> MemberT:
    """``kept`` with what ``gone`` has and they have not; of a bank account, all or nothing."""
    update: dict[str, Any] = {}
    for name in type(kept).model_fields.keys() - _OWN - _FLAGS - {"more"}:
        mine, theirs = getattr(kept, name), getattr(gone, name)
        if isinstance(mine, dict):
            update[name] = {**theirs, **mine}
        else:
            update[name] = theirs if mine is None else mine
    banked = any(_sensitivity(kept, name) == "bank" for name in kept.more)
    more = dict(kept.more)
    for name, value in gone.more.items():
        if name not in more and not (banked and _sensitivity(kept, name) == "bank"):
            more[name] = _moved(vault, gone.id, kept.id, name, value)
    return kept.model_copy(update={**update, "more": more})


def health_that_differs(kept: Member, gone: Member, vault: Vault) -> list[str]:
    """The labels of the fields about health of which the two records say different things."""
    return [
        field.label
        for field in FIELDS
        if field.owner == _OWNERS[type(kept)] and field.sensitivity == "health"
        and field.name in kept.more and field.name in gone.more
        and vault.open(kept.id, field.name, kept.more[field.name])
        != vault.open(gone.id, field.name, gone.more[field.name])
    ]  # fmt: skip


def guarded(
    kept: Guardian, gone: Guardian, arriving: tuple[ChildRights, ...], *, here: Collection[str],
    there: Collection[str],
) -> Guardian:  # fmt: skip
    """The guardian as protected and as limited as in either record, with the rights of both; who
    is limited, with those that both give over a child that both know, and over another those of
    the record that knows the limit.

    ``arriving``: the rights of ``gone``, ``here`` and ``there`` the children of both records, all
    by the ids that stay.
    """
    limited = kept.limited or gone.limited
    rights = united(kept.rights, arriving)
    if limited:
        records = ((kept.rights, here, kept.limited), (arriving, there, gone.limited))
        rights = tuple(_common(right.child, records) for right in rights)
    return kept.model_copy(
        update={"protected": kept.protected or gone.protected, "limited": limited, "rights": rights}
    )


def united(*rights: tuple[ChildRights, ...]) -> tuple[ChildRights, ...]:
    """What either lets one do, child by child."""
    found: dict[str, ChildRights] = {}
    for right in (one for some in rights for one in some):
        known = found.get(right.child)
        found[right.child] = right if known is None else ChildRights(
            child=right.child, see=known.see or right.see, decide=known.decide or right.decide,
            pay=known.pay or right.pay,
        )  # fmt: skip
    return tuple(found.values())


def _common(
    child: str, records: Iterable[tuple[tuple[ChildRights, ...], Collection[str], bool]]
) -> ChildRights:
    """All false rather than left out, so that an undo finds what to give back."""
    knowing = [
        (next((one for one in rights if one.child == child), None), limited)
        for rights, children, limited in records
        if child in children
    ]
    heard = len(knowing) > 1 or any(limited for _, limited in knowing)
    see, decide, pay = (
        heard and all(right is not None and getattr(right, name) for right, _ in knowing)
        for name in ("see", "decide", "pay")
    )
    return ChildRights(child=child, see=see, decide=decide, pay=pay)


def filled_from(gone: Mapping[str, Member], kept: MemberT, vault: Vault) -> MemberT:
    """``filled`` from whoever of the other record is the same person, if anybody."""
    same = gone.get(kept.id)
    return filled(kept, same, vault) if isinstance(same, type(kept)) else kept


def names_of_same(same: Sequence[Became], source: Family, target: Family) -> dict[str, list[str]]:
    """By who stays, every id of whoever of the source is the same guardian or child: said to be
    (``same``), or of both records under one id."""
    into, here = {one.member: one.into for one in same}, target.known_as()
    return {
        into.get(member, member): [name for name in (member, *also) if name not in here]
        for member, also in source.known_as().items()
        if into.get(member, member) in here
    }


def known_by(person: PersonT, names: dict[str, list[str]]) -> PersonT:
    """Also by the ids that they had in the other record."""
    also = dict.fromkeys((*person.also, *names.get(person.id, ())))
    return person.model_copy(update={"also": tuple(also)})


def forgets(person: PersonT, names: Collection[str]) -> PersonT:
    """Not by these ids any more."""
    also = tuple(name for name in person.also if name not in names)
    return person.model_copy(update={"also": also})


def returned(old: PersonT, now: PersonT, merged: Collection[str]) -> PersonT:
    """Who leaves a record again, as they are ``now``: by the ids of then and by those that they
    have got since they were ``merged``, not by those of the record that they leave."""
    since = tuple(name for name in now.also if name not in merged)
    also = dict.fromkeys(old.also + since)
    return now.model_copy(update={"also": tuple(also)})


def brought(source: Family, target: Family, into: Mapping[str, str], vault: Vault) -> Family:
    """The target with what waits in the source and is not of it yet – about those who are the
    same, the household, or somebody new – and with the measures about those who are the same."""
    here = {one.id for one in target.changes}
    changes = [_renamed_change(one, into, vault) for one in source.waiting() if one.id not in here]
    revisions = dict(target.revisions)
    for one in changes:
        slot = slot_of(one.member, one.field)
        revisions[slot] = revisions.get(slot, 0) + 1
    measures = (*target.measures, *_measures_of(source, into))
    return target.model_copy(
        update={
            "changes": (*target.changes, *changes),
            "measures": tuple(sorted(measures, key=lambda one: one.at)),
            "revisions": revisions,
        }
    )


def taken_back(
    now: Family, source: Family, before: Family, merged: Family, into: Mapping[str, str]
) -> Family:
    """The target as it is ``now`` without what it took of those who are the same, but for what was
    changed since; ``source`` and ``before`` as they were, ``merged`` as they became."""
    was, made = ({one.id: one for _, one in family.members()} for family in (before, merged))
    since = {one.guardian for one in now.measures if one not in merged.measures}

    def back(member: MemberT) -> MemberT:
        if member.id not in was or member.id not in made:
            return member
        flags = member.id not in since
        return _unfilled(member, was[member.id], made[member.id], flags=flags)

    theirs = {one.id for one in source.changes} - {one.id for one in before.changes}
    stays = {one.id for _, one in source.members()} - into.keys() - was.keys()
    measures = _measures_of(source, into)
    after = now.model_copy(
        update={
            "guardians": tuple(back(one) for one in now.guardians),
            "children": tuple(back(one) for one in now.children),
            "contacts": tuple(back(one) for one in now.contacts),
            "changes": tuple(
                one for one in now.changes
                if not (one.waits and one.id in theirs and one.member not in stays)
            ),
            "measures": tuple(one for one in now.measures if one not in measures),
        }
    )  # fmt: skip
    return after.model_copy(update={"revisions": counted(now, after)})


def answered_since(source: Family, target: Family, merged: Family, vault: Vault) -> Family:
    """A merged record with what the target (as it is now) has decided of what it brought."""
    came, now = {one.id for one in merged.changes}, {one.id: one for one in target.changes}

    def today(one: Change) -> Change:
        if not one.waits or one.id not in came:
            return one
        found = now.get(one.id)
        if found is None:
            return one.model_copy(update={"state": "replaced", "value": None})
        if found.waits:
            return one
        why = _moved(vault, found.member, one.member, reason_of(one.field), found.reason)
        return found.model_copy(update={"member": one.member, "by": one.by, "reason": why})

    return source.model_copy(update={"changes": tuple(today(one) for one in source.changes)})


def _measures_of(source: Family, into: Mapping[str, str]) -> list[Measure]:
    """Measures about those who are the same, by the ids that stay."""
    return [_renamed_measure(one, into) for one in source.measures if one.guardian in into]


def _renamed_measure(measure: Measure, into: Mapping[str, str]) -> Measure:
    """A measure by the ids that stay."""
    rights = tuple(
        one.model_copy(update={"child": into.get(one.child, one.child)}) for one in measure.rights
    )
    guardian = into.get(measure.guardian, measure.guardian)
    return measure.model_copy(update={"guardian": guardian, "rights": united(rights)})


def _renamed_change(change: Change, into: Mapping[str, str], vault: Vault) -> Change:
    """A change by the ids that stay."""
    member = into.get(change.member, change.member)
    by = change.by
    if by.guardian is not None:
        by = by.model_copy(update={"guardian": into.get(by.guardian, by.guardian)})
    value = change.value
    if change.act == "set":
        value = _moved(vault, change.member, member, change.field, value)
    return change.model_copy(update={"member": member, "by": by, "value": value})


def _unfilled(now: MemberT, before: Member, merged: Member, *, flags: bool) -> MemberT:
    """A member as before the merge, but for what was changed since; ``flags``: also in what
    protects them."""
    names = type(now).model_fields.keys() - _OWN - (set() if flags else _FLAGS)
    update: dict[str, Any] = {}
    for name in names:
        held, was, made = (getattr(one, name) for one in (now, before, merged))
        if isinstance(held, dict):
            kept = {key: one for key, one in held.items() if one != made.get(key)}
            same = {key: one for key, one in was.items() if held.get(key) == made.get(key)}
            update[name] = {**same, **kept}
        elif held == made:
            update[name] = was
    return now.model_copy(update=update)


def _moved(vault: Vault, old: str, new: str, field: str, value: Any) -> Any:
    if old == new or not is_sealed(value):
        return value
    return vault.seal(new, field, vault.open(old, field, value))


def _sensitivity(member: Member, name: str) -> str | None:
    field = field_of(_OWNERS[type(member)], name)
    return field.sensitivity if field else None
