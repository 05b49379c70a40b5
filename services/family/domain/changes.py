"""A family asks to change its dossier; an agent changes it.

Each change names the count of events (``revisions``) that its author saw of the field. Whatever
happens to a field – a change sent, decided, withdrawn, an agent's own edit – raises the count, so
that nobody overwrites what they have not seen. A field has at most one waiting change: the
family's later one takes its place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from services.family.domain.fields import owner_of, value_of
from services.family.domain.household import HOUSEHOLD, Change, Guardian, Origin
from services.family.domain.kinds import Wrong, read
from services.family.domain.membership import KINDS_OF_MEMBER, MemberKind, joined, left
from services.family.domain.work import Work, slot_of
from shared.errors import Refused, forbidden, not_found
from shared.ids import derived_id

CERTIFICATE = "health_certificate"


@dataclass(frozen=True, slots=True)
class SetField:
    """A new value (JSON; None empties the field), and the revision that its author saw."""

    member: str
    field: str
    value: Any
    base: int


@dataclass(frozen=True, slots=True)
class AddMember:
    """Somebody new, with the values of their fields."""

    kind: MemberKind
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """Somebody who is no longer of the household."""

    member: str


Item = SetField | AddMember | RemoveMember


def submit(work: Work, request: str, items: Sequence[Item]) -> None:
    """Take in what was sent: at once where the town's rules or an agent say so, else waiting.

    Raises ``Refused``: ``field-changed`` (409) with every field that has changed meanwhile;
    ``invalid-input``, ``field-unknown``, ``field-not-editable``, ``certificate-missing``,
    ``guardian-known``, ``child-known``, ``collector-too-young``, ``holder-needed`` with the item
    at fault.
    """
    _check_revisions(work, items)
    for position, item in enumerate(items):
        change_id = derived_id("change", request, str(position))
        try:
            _check_certificate(work, item, items)
            _take(work, request, change_id, item)
        except Refused as refused:
            refused.field = f"/changes/{position}{refused.field or ''}"
            raise


def _take(work: Work, request: str, change_id: str, item: Item) -> None:
    if isinstance(item, SetField):
        _set(work, request, change_id, item)
    elif isinstance(item, AddMember):
        _add(work, request, change_id, item)
    else:
        _remove(work, request, change_id, item)


def _set(work: Work, request: str, change_id: str, item: SetField) -> None:
    _, holder, ruled = work.ruled(item.member, item.field)
    if item.value is None and ruled.required:
        raise _invalid("/value", f"{ruled.field.label} : champ obligatoire.")
    before = work.family
    try:
        stored = None if item.value is None else work.stored(item.member, ruled, item.value)
        work.put(item.member, ruled, stored)
    except Wrong as wrong:
        raise _invalid("/value", f"{ruled.field.label} : {wrong}") from wrong
    work.check_collector(item.member)
    change = Change(
        id=change_id, request=request, act="set", member=item.member, field=item.field,
        value=stored, by=work.setting.by, at=work.setting.now,
    )  # fmt: skip
    if not work.actor.at_once:
        _replace_waiting(work, item.member, item.field)
    same = not ruled.field.reach.sealed and stored == value_of(holder, item.field)
    if work.actor.at_once or ruled.validation == "automatic" or same:
        change = _at_once(change)
    else:
        work.family = before.model_copy(update={"changes": work.family.changes})
    work.keep(change)


def _at_once(change: Change) -> Change:
    return change.model_copy(
        update={"state": "accepted", "value": None, "decided_by": change.by,
                "decided_at": change.at}
    )  # fmt: skip


def _replace_waiting(work: Work, member: str, name: str) -> None:
    for earlier in work.family.waiting():
        if earlier.act == "set" and (earlier.member, earlier.field) == (member, name):
            work.settle(earlier, "replaced")


def _add(work: Work, request: str, change_id: str, item: AddMember) -> None:
    owner = KINDS_OF_MEMBER[item.kind]
    if not work.may_change("household", HOUSEHOLD):
        raise forbidden("Vous n'avez pas ce droit.")
    member = derived_id("member", change_id)
    values: dict[str, Any] = {}
    for name, value in item.values.items():
        ruled = work.rules.find(owner, name)
        if ruled is None or not (ruled.editable or work.actor.agent):
            raise Refused(
                "field-unknown", f"Champ inconnu : {name}.", status=422, field=f"/values/{name}"
            )
        try:
            values[name] = work.stored(member, ruled, value)
        except Wrong as wrong:
            raise _invalid(f"/values/{name}", f"{ruled.field.label} : {wrong}") from wrong
    for ruled in work.rules.of(owner):
        if ruled.required and ruled.name not in values:
            raise _invalid(f"/values/{ruled.name}", f"{ruled.field.label} : champ obligatoire.")
    change = Change(
        id=change_id, request=request, act="add", member=member, kind=item.kind, value=values,
        by=work.setting.by, at=work.setting.now,
    )  # fmt: skip
    before = work.family
    join(work, change)  # refused now rather than when it is decided
    if work.actor.at_once:
        change = _at_once(change)
    else:
        work.family = before
    work.keep(change)


def join(work: Work, change: Change) -> None:
    """Make the new member of a change that adds one. Raises ``Refused``, ``Wrong``."""
    kind = cast("MemberKind", change.kind)
    known = {
        name: ruled
        for name in change.value
        if (ruled := work.rules.find(KINDS_OF_MEMBER[kind], name)) is not None
    }
    named = {
        name: read(ruled.field.kind, change.value[name], ruled.key, work.setting)
        for name, ruled in known.items()
        if not ruled.field.reach.sealed
    }
    origin: Origin = "desk" if change.by.agent else "online"
    work.family = joined(work.family, kind, change.member, named, origin)
    for name, ruled in known.items():
        work.put(change.member, ruled, change.value[name], change)
    work.check_collector(change.member)


def _remove(work: Work, request: str, change_id: str, item: RemoveMember) -> None:
    owner, holder = work.reached(item.member)
    if owner == "household":
        raise not_found("cette personne")
    if isinstance(holder, Guardian):
        if not work.actor.agent:
            raise forbidden("Demandez au service de retirer un responsable du dossier.")
        if holder.role == "holder":
            raise Refused("holder-needed", "Un dossier garde son titulaire.")
    change = Change(
        id=change_id, request=request, act="remove", member=item.member, by=work.setting.by,
        at=work.setting.now,
    )  # fmt: skip
    if work.actor.agent:
        leave(work, item.member)
        change = _at_once(change)
    elif any(c.act == "remove" and c.member == item.member for c in work.family.waiting()):
        raise Refused("already-asked", "Ce retrait attend déjà une réponse.")
    work.keep(change)


def leave(work: Work, member: str) -> None:
    """Take a member away; what waited about them waits no longer."""
    work.family = left(work.family, member)
    for change in work.family.waiting():
        if change.member == member:
            work.settle(change, "replaced")


def _check_revisions(work: Work, items: Sequence[Item]) -> None:
    """Refuse what was written over something that its author had not seen."""
    sets = [(n, item) for n, item in enumerate(items) if isinstance(item, SetField)]
    slots = [slot_of(item.member, item.field) for _, item in sets]
    if len(slots) != len(set(slots)):
        raise _invalid("/changes", "Un champ y figure deux fois.")
    stale = [
        (position, item)
        for position, item in sets
        if item.base != work.family.revisions.get(slot_of(item.member, item.field), 0)
    ]
    if stale:
        raise Refused(
            "field-changed",
            "Ces informations ont changé depuis que vous les avez affichées : vérifiez-les.",
            field=f"/changes/{stale[0][0]}",
            current=[_current(work, item.member, item.field) for _, item in stale],
        )


def _current(work: Work, member: str, name: str) -> dict[str, Any]:
    """What is there now: what counts, what waits, their revision. What is sealed is only read
    where its reading is recorded."""
    _, holder, ruled = work.ruled(member, name)
    waiting = [one for one in work.family.waiting()
               if one.act == "set" and (one.member, one.field) == (member, name)]  # fmt: skip
    sealed = ruled.field.reach.sealed
    return {
        "member": member,
        "field": name,
        "revision": work.family.revisions.get(slot_of(member, name), 0),
        "value": None if sealed else value_of(holder, name),
        "waits": bool(waiting),
        "waiting": waiting[0].value if waiting and not sealed else None,
    }


def _check_certificate(work: Work, item: Item, items: Sequence[Item]) -> None:
    """Who tells of a child's health certifies it in the same sending."""
    if work.actor.agent or isinstance(item, RemoveMember):
        return
    if isinstance(item, SetField):
        found = owner_of(work.family, item.member)
        owner = found[0] if found else None
        told = {item.field}
        certified = any(
            isinstance(one, SetField) and (one.member, one.field) == (item.member, CERTIFICATE)
            for one in items
        )
    else:
        owner, told = KINDS_OF_MEMBER[item.kind], set(item.values)
        certified = CERTIFICATE in told
    ruled = [work.rules.find(owner, name) for name in told] if owner else []
    if not certified and any(one and one.field.sensitivity == "health" for one in ruled):
        raise Refused(
            "certificate-missing",
            "Cochez la case qui certifie les informations sur la santé de l'enfant.",
            status=422,
        )


def _invalid(field: str, sentence: str) -> Refused:
    return Refused("invalid-input", sentence, status=422, field=field)
