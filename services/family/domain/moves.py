"""Members moved between family records: two records become one, one becomes two, a child goes
from one to the other; and the first undone.

Everything here is decided from the two records as they stand, both held still meanwhile
(``commands.moves``): what each is afterwards, or a refusal. Members keep their ids wherever they
go, so that whatever else speaks of them (bookings, accounts, invoices) still finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from services.family.domain.household import Child, Contact, Family, Guardian
from services.family.domain.imported import counted
from services.family.domain.pairs import (
    MemberT,
    Vault,
    answered_since,
    brought,
    filled,
    filled_from,
    forgets,
    guarded,
    health_that_differs,
    known_by,
    names_of_same,
    returned,
    taken_back,
    united,
)
from shared.contracts.family import Became, ChildRights
from shared.errors import Refused
from shared.ids import derived_id

MoveKind = Literal["merge", "undo", "split", "transfer"]
#: How long a merge may be undone.
UNDO_WITHIN = timedelta(days=30)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Wish(_Part):
    """What is to be done; each kind uses its own fields.

    ``same`` (merge): members of the source who are members of the target already.
    ``guardians`` and ``reference`` (split): who leaves, and the new record's number.
    ``children`` (transfer; split: those also in the new record, all without).
    ``rights`` (transfer): what the target's guardians may do about the children, as (guardian,
    see, decide, pay).
    """

    same: tuple[Became, ...] = ()
    guardians: tuple[str, ...] = ()
    children: tuple[str, ...] | None = None
    reference: str | None = None
    rights: tuple[tuple[str, bool, bool, bool], ...] = ()


class Pair(_Part):
    """The two records of a move; ``target`` None when it is still to be made."""

    source: Family
    target: Family | None


class Seen(_Part):
    """The record, and the version of it, that the agent looked at."""

    family: str
    version: int


class Move(_Part):
    """One act of an agent on two records. ``before`` and ``after`` once decided, or ``given_up``;
    ``undoes`` names the merge that this undoes, ``undone_by`` what undid this one."""

    id: str
    town: str
    kind: MoveKind
    source: str
    target: str
    wish: Wish
    agent: str
    at: datetime
    body_hash: str
    before: Pair | None = None
    after: Pair | None = None
    given_up: bool = False
    done: bool = False
    undoes: str | None = None
    undone_by: str | None = None
    seen: Seen | None = None


def decide(move: Move, pair: Pair, vault: Vault, merge: Move | None = None) -> Pair:
    """Both records as the move leaves them; an undo undoes ``merge``. Raises ``Refused``."""
    if move.kind == "split":
        return _split(move, pair.source)
    if pair.target is None:
        raise Refused("not-found", "Introuvable : ce dossier.", status=404)
    if move.kind == "transfer":
        return _transfer(move.wish, pair.source, pair.target)
    if move.kind == "merge":
        return _merge(move.wish, pair.source, pair.target, vault)
    if merge is None or merge.before is None or merge.after is None:
        raise Refused("not-found", "Introuvable : ce regroupement.", status=404)
    return _undo(pair.source, pair.target, merge.before, merge.after, vault)


# -- merge ------------------------------------------------------------------------------------


def _merge(wish: Wish, source: Family, target: Family, vault: Vault) -> Pair:
    into = {one.member: one.into for one in wish.same}
    _check_same(wish.same, source, target)
    _check_health(wish.same, source, target, vault)
    # After a split, a child is of both records under one id.
    here = _members(target) | into.keys()
    names = names_of_same(wish.same, source, target)
    gone = {into[one.id]: one for _, one in source.members() if one.id in into}
    kept_children = tuple(known_by(filled_from(gone, one, vault), names) for one in target.children)
    arriving = {guardian.id: _rights_into(guardian, into) for guardian in source.guardians}
    known = {
        "here": {child.id for child in target.children},
        "there": {into.get(child.id, child.id) for child in source.children},
    }
    kept_guardians = tuple(
        known_by(guarded(filled(guardian, same, vault), same, arriving[same.id], **known), names)
        if isinstance(same, Guardian)
        else guardian
        for guardian, same in ((one, gone.get(one.id)) for one in target.guardians)
    )
    new_guardians = tuple(
        _arrived(guardian).model_copy(
            update={"role": "co_holder", "invoiced": False, "rights": arriving[guardian.id]}
        )
        for guardian in source.guardians
        if guardian.id not in into
    )
    coming = _members(source) - here
    after = target.model_copy(update={
        "guardians": (*kept_guardians, *new_guardians),
        "children": (*kept_children, *(_arrived(c) for c in source.children if c.id in coming)),
        "contacts": (
            *(filled_from(gone, contact, vault) for contact in target.contacts),
            *(_arrived(c) for c in source.contacts if c.id in coming),
        ),
        **_told_of_both(target, source, coming),
        "former": (*target.former, source.reference, *source.former),
    })  # fmt: skip
    after = after.model_copy(update={"revisions": counted(target, after)})
    became = (*(one for one in source.became if one.member not in into), *wish.same)
    merged = source.model_copy(update={"merged_into": target.id, "became": became})
    return Pair(source=merged, target=brought(source, after, into, vault))


def _check_health(same: Sequence[Became], source: Family, target: Family, vault: Vault) -> None:
    """Nobody but those who know the child may choose between two health sheets."""
    members = {one.id: one for family in (source, target) for _, one in family.members()}
    for position, one in enumerate(same):
        labels = health_that_differs(members[one.into], members[one.member], vault)
        if labels:
            raise Refused(
                "health-differs",
                "Les deux dossiers ne disent pas la même chose de la santé de cet enfant"
                f" ({', '.join(labels)}) : corrigez l'un des deux avec la famille, puis"
                " recommencez.",
                field=f"/same/{position}",
            )  # fmt: skip


def _arrived(member: MemberT) -> MemberT:
    """Somebody whom the town's spreadsheet does not know under this record: it leaves them alone
    (``domain.imported``)."""
    return member.model_copy(update={"origin": "desk"})


def _told_of_both(one: Family, other: Family, some: Collection[str]) -> dict[str, Any]:
    """What is kept of members besides themselves (changes, revisions, measures): all that ``one``
    has, and what ``other`` has of ``some``."""
    more = _told_of(other, lambda member: member in some)
    return {
        "changes": (*one.changes, *more["changes"]),
        "measures": (*one.measures, *more["measures"]),
        "revisions": {**more["revisions"], **one.revisions},
    }


def _told_of(family: Family, about: Callable[[str], bool]) -> dict[str, Any]:
    return {
        "changes": tuple(one for one in family.changes if about(one.member)),
        "measures": tuple(one for one in family.measures if about(one.guardian)),
        "revisions": {
            slot: count for slot, count in family.revisions.items() if about(slot.partition("/")[0])
        },
    }


def _check_same(same: Sequence[Became], source: Family, target: Family) -> None:
    """Each member of the source is paired once at most, and with one of its own kind."""
    kinds = ("guardians", "children", "contacts")
    ids = [
        ({one.id for one in getattr(source, kind)}, {one.id for one in getattr(target, kind)})
        for kind in kinds
    ]
    for position, one in enumerate(same):
        if not any(one.member in left and one.into in right for left, right in ids):
            raise Refused(
                "not-the-same-kind",
                "Ces deux fiches ne peuvent pas être celles d'une même personne.",
                status=422, field=f"/same/{position}",
            )  # fmt: skip
    for side in ([one.member for one in same], [one.into for one in same]):
        if len(set(side)) < len(side):
            raise Refused(
                "paired-twice", "Une même fiche est rapprochée de deux autres.", status=422,
                field="/same",
            )  # fmt: skip


def _rights_into(guardian: Guardian, into: dict[str, str]) -> tuple[ChildRights, ...]:
    """A guardian's rights, over the children as they are called in the target."""
    named = [
        right.model_copy(update={"child": into.get(right.child, right.child)})
        for right in guardian.rights
    ]
    return united(tuple(named))


# -- undo -------------------------------------------------------------------------------------


def check_undo(merge: Move, now: datetime) -> None:
    """Refuse what is no merge, is undone already, or was made too long ago."""
    if merge.kind != "merge" or not merge.done:
        raise Refused("not-a-merge", "Seul un regroupement de dossiers s'annule.")
    if merge.undone_by is not None:
        raise Refused("already-undone", "Ce regroupement a déjà été annulé.")
    if now > merge.at + UNDO_WITHIN:
        raise Refused(
            "too-late-to-undo",
            f"Ce regroupement a plus de {UNDO_WITHIN.days} jours : séparez plutôt le dossier.",
        )


def _undo(source: Family, target: Family, before: Pair, after: Pair, vault: Vault) -> Pair:
    """What came from the source goes back as it is now; what has left the target since stays
    where it is; what the town has changed in the target since stays changed."""
    if source.merged_into != target.id or before.target is None or after.target is None:
        raise Refused("changed-since", "Ce dossier a été regroupé autrement depuis.")
    into = {one.member: one.into for one in source.became}
    here = _members(target)
    back = {
        member for member in _members(before.source)
        if into.get(member, member) in here
    }  # fmt: skip
    people: tuple[Guardian | Child | Contact, ...] = (
        *target.guardians, *target.children, *target.contacts
    )  # fmt: skip
    current = {one.id: one for one in people}
    known_as = after.target.known_as()
    returning_children = [
        returned(child, one, known_as.get(child.id, ())).model_copy(update={"origin": child.origin})
        for child in before.source.children
        if child.id in back
        if isinstance(one := current.get(child.id, child), Child)
    ]
    children = {child.id for child in returning_children}
    restored = _with_roles([
        _returning(guardian, current.get(guardian.id), known_as.get(guardian.id, ()), children)
        for guardian in before.source.guardians
        if guardian.id in back
    ])  # fmt: skip
    if not restored:
        raise Refused("changed-since", "Plus aucun responsable de ce dossier n'y est encore.")
    leaving = back - into.keys() - _members(before.target)
    if all(one.id in leaving for one in target.guardians):
        raise Refused("changed-since", "Plus aucun responsable ne resterait dans ce dossier.")
    merged_rights, old_rights = _rights(after.target), _rights(before.target)
    held, target = target, taken_back(target, before.source, before.target, after.target, into)
    source = answered_since(source, held, after.target, vault)
    kept = [one for one in target.guardians if one.id not in leaving]
    were = {name for also in before.target.known_as().values() for name in also}
    names = names_of_same(source.became, before.source, before.target).values()
    aliases = {name for some in names for name in some} - were
    return Pair(
        source=before.source.model_copy(update={
            "became": tuple(one for one in source.became if one.member not in back),
            **_told_of_both(
                source.model_copy(update=_told_of(source, lambda member: member not in leaving)),
                held, leaving,
            ),
            "guardians": tuple(restored),
            "children": tuple(returning_children),
            "contacts": tuple(
                current.get(one.id, one).model_copy(update={"origin": one.origin})
                for one in before.source.contacts if one.id in back
            ),
        }),
        target=target.model_copy(update={
            **_told_of(target, lambda member: member not in leaving),
            "guardians": tuple(_with_roles([
                forgets(guardian, aliases).model_copy(update={"rights": tuple(
                    _unmerged(guardian.id, right, merged_rights, old_rights)
                    for right in guardian.rights
                    if right.child not in leaving
                )})
                for guardian in kept
            ])),
            "children": tuple(
                forgets(child, aliases) for child in target.children if child.id not in leaving
            ),
            "contacts": tuple(one for one in target.contacts if one.id not in leaving),
            "former": tuple(
                one for one in target.former
                if one not in (before.source.reference, *before.source.former)
            ),
        }),
    )  # fmt: skip


def _returning(old: Guardian, now: object, merged: Collection[str], children: set[str]) -> Guardian:
    """A guardian of the source again: what they are now, with the rights of then over the
    children who come back too."""
    fresh = returned(old, now if isinstance(now, Guardian) else old, merged)
    rights = tuple(right for right in old.rights if right.child in children)
    return fresh.model_copy(
        update={
            "role": old.role, "invoiced": old.invoiced, "rights": rights, "origin": old.origin,
        }
    )  # fmt: skip


Rights = dict[tuple[str, str], ChildRights]


def _rights(family: Family) -> Rights:
    return {
        (guardian.id, right.child): right
        for guardian in family.guardians
        for right in guardian.rights
    }


def _unmerged(guardian: str, right: ChildRights, merged: Rights, old: Rights) -> ChildRights:
    """A right as before the merge, unless it was changed since."""
    about = (guardian, right.child)
    if right != merged.get(about):
        return right
    nothing = ChildRights(child=right.child, see=False, decide=False, pay=False)
    return old.get(about, nothing)


# -- split and transfer -----------------------------------------------------------------------


def _split(move: Move, source: Family) -> Pair:
    wish = move.wish
    leaving = [one for one in source.guardians if one.id in wish.guardians]
    staying = [one for one in source.guardians if one.id not in wish.guardians]
    if len(leaving) < len(set(wish.guardians)):
        raise _unknown("/guardians", "un de ces responsables n'est pas de ce dossier.")
    if not leaving or not staying:
        raise Refused(
            "nobody-left", "Il faut au moins un responsable dans chacun des deux dossiers.",
            status=422, field="/guardians",
        )  # fmt: skip
    shared = _children(source, wish.children)
    ids = {child.id for child in shared}
    gone = {one.id for one in leaving}
    new = source.model_copy(update={
        **_told_of(source, lambda member: member in gone),
        "id": move.target,
        "reference": wish.reference,
        "guardians": tuple(_with_roles([
            _arrived(one).model_copy(
                update={"rights": tuple(right for right in one.rights if right.child in ids)}
            )
            for one in leaving
        ])),
        "children": tuple(_arrived(child) for child in shared),
        "contacts": tuple(
            _arrived(one).model_copy(update={"id": derived_id("contact", move.id, one.id)})
            for one in source.contacts
        ),
        "former": (),
    })  # fmt: skip
    left = source.model_copy(update={
        **_told_of(source, lambda member: member not in gone),
        "guardians": tuple(_with_roles(staying)),
    })  # fmt: skip
    return Pair(source=left, target=new)


def _transfer(wish: Wish, source: Family, target: Family) -> Pair:
    moved = _children(source, wish.children or ())
    ids = {child.id for child in moved}
    if not ids:
        raise _unknown("/children", "aucun enfant à transférer.")
    given = {guardian: rights for guardian, *rights in wish.rights}
    if given.keys() - {one.id for one in target.guardians}:
        raise _unknown("/rights", "un de ces responsables n'est pas du dossier qui reçoit.")
    if not any(decides for _, decides, _ in given.values()):
        raise Refused(
            "nobody-decides", "Il faut un responsable qui décide pour ces enfants.", status=422,
            field="/rights",
        )  # fmt: skip
    here = {child.id for child in target.children}
    return Pair(
        source=_without_children(source, ids),
        target=target.model_copy(update={
            "guardians": tuple(
                one.model_copy(update={"rights": (
                    *(right for right in one.rights if right.child not in ids),
                    *_given(ids, given.get(one.id, (False, False, False))),
                )})
                for one in target.guardians
            ),
            "children": (*target.children, *(_arrived(one) for one in moved if one.id not in here)),
            **_told_of_both(target, source, ids - here),
        }),
    )  # fmt: skip


def _given(children: Iterable[str], rights: Sequence[bool]) -> list[ChildRights]:
    see, decide_, pay = rights
    return [
        ChildRights(child=one, see=see, decide=decide_, pay=pay) for one in sorted(children)
    ]  # fmt: skip


def _without_children(family: Family, ids: set[str]) -> Family:
    return family.model_copy(update={
        **_told_of(family, lambda member: member not in ids),
        "children": tuple(one for one in family.children if one.id not in ids),
        "guardians": tuple(
            one.model_copy(update={"rights": tuple(r for r in one.rights if r.child not in ids)})
            for one in family.guardians
        ),
    })  # fmt: skip


def _children(family: Family, wanted: Sequence[str] | None) -> list[Child]:
    """These children of a family, all of them for None."""
    found = [child for child in family.children if wanted is None or child.id in wanted]
    if wanted is not None and len(found) < len(set(wanted)):
        raise _unknown("/children", "un de ces enfants n'est pas de ce dossier.")
    return found


def _with_roles(guardians: Sequence[Guardian]) -> list[Guardian]:
    """One holder, the first for want of one; one who is invoiced, the holder for want of one."""
    holder = next((one.id for one in guardians if one.role == "holder"), None)
    holder = holder or (guardians[0].id if guardians else None)
    invoiced = next((one.id for one in guardians if one.invoiced), holder)
    return [
        one.model_copy(
            update={
                "role": "holder" if one.id == holder else "co_holder",
                "invoiced": one.id == invoiced,
            }
        )
        for one in guardians
    ]


def _members(family: Family) -> set[str]:
    members: tuple[Guardian | Child | Contact, ...] = (
        *family.guardians, *family.children, *family.contacts
    )  # fmt: skip
    return {one.id for one in members}


def _unknown(field: str, sentence: str) -> Refused:
    return Refused("invalid-input", f"{field} : {sentence}", status=422, field=field)
