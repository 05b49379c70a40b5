"""What a town's spreadsheet changes of a record that exists already.

The file has the last word on what its columns say and on who it named before; what families and
agents have added since – other fields, members, waiting changes, and what was decided about a
guardian's rights – stays.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar

from services.family.domain.fields import owner_of, value_of
from services.family.domain.household import Child, Contact, Family, Guardian
from services.family.domain.work import slot_of
from shared.contracts.dossier import FIELDS
from shared.contracts.family import ChildRights

_COLUMNS = {
    Guardian: ("role", "first_name", "last_name", "phone", "email", "address", "invoiced"),
    Child: ("first_name", "last_name", "birth_date", "school", "level"),
    Contact: ("kind", "first_name", "last_name", "phone", "relation"),
}
_MemberT = TypeVar("_MemberT", Guardian, Child, Contact)


def imported(held: Family, file: Family) -> Family:
    """The record held, as the file has it."""
    children = _members(held.children, file.children)
    after = held.model_copy(
        update={
            "guardians": tuple(
                _with_rights(one, held, file) for one in _members(held.guardians, file.guardians)
            ),
            "children": children,
            "contacts": _members(held.contacts, file.contacts),
        }
    )
    return after.model_copy(update={"revisions": counted(held, after)})


def _members(held: Sequence[_MemberT], file: Sequence[_MemberT]) -> tuple[_MemberT, ...]:
    before: dict[str, _MemberT] = {one.id: one for one in held}
    after = [_over(before[one.id], one) if one.id in before else one for one in file]
    ids = {one.id for one in file}
    after += [one for one in held if one.id not in ids and one.origin != "import"]
    return tuple(after)


def _over(held: _MemberT, file: _MemberT) -> _MemberT:
    columns = _COLUMNS[type(file)]
    return held.model_copy(update={name: getattr(file, name) for name in columns})


def unheeded(after: Family, file: Family) -> tuple[Guardian, ...]:
    """The guardians to whom the file gives other rights over its children than they have."""
    theirs = {child.id for child in file.children}
    return tuple(
        one
        for one in after.guardians
        if (said := file.guardian(one.id)) is not None
        and _given(one, theirs) != _given(said, theirs)
    )


def _given(guardian: Guardian, children: Collection[str]) -> set[ChildRights]:
    return {
        right
        for right in guardian.rights
        if right.child in children and (right.see or right.decide or right.pay)
    }


def _with_rights(guardian: Guardian, held: Family, file: Family) -> Guardian:
    """The rights that the file gives over its children, and those held over the others.

    What was decided about a guardian stands: the file gives them nothing over the children that
    the record had, and one limited by a court order nothing over new ones either.
    """
    theirs = {child.id for child in file.children}
    others = {child.id for child in held.children if child.origin != "import"} - theirs
    said, before = file.guardian(guardian.id), held.guardian(guardian.id)
    decided = [one for one in held.measures if one.guardian == guardian.id]
    if before is None and decided:  # taken away by a file, and there again
        before = guardian.model_copy(
            update=decided[-1].model_dump(include={"protected", "limited"})
            | {"rights": decided[-1].rights}
        )
        guardian = before
    known = before.rights if before else ()
    if said is None:
        given = tuple(right for right in guardian.rights if right.child in theirs)
    elif before is not None and (before.limited or decided):
        had = {child.id for child in held.children} | {right.child for right in known}
        new = () if before.limited else said.rights
        given = (
            *(right for right in known if right.child in theirs),
            *(right for right in new if right.child not in had),
        )
    else:
        given = said.rights
    kept = tuple(right for right in known if right.child in others)
    return guardian.model_copy(update={"rights": (*given, *kept)})


def counted(held: Family, after: Family) -> dict[str, int]:
    """The revisions, with one more for each field that was changed."""
    revisions = dict(after.revisions)
    for owner, member in after.members():
        before = owner_of(held, member.id)
        if before is None:
            continue
        for field in FIELDS:
            changed = field.owner == owner and not field.keyed and (
                value_of(before[1], field.name) != value_of(member, field.name)
            )  # fmt: skip
            if changed:
                slot = slot_of(member.id, field.name)
                revisions[slot] = revisions.get(slot, 0) + 1
    return revisions
