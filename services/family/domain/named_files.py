"""The files that a dossier's fields name: a child's photo, the proof of a quotient, a care plan.

A value that waits names its file too. What is sealed is opened for it: the list is kept beside the
record in clear, so that files are found without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.family.domain.changes import AddMember, Item, SetField
from services.family.domain.fields import field_of, is_sealed, value_of
from services.family.domain.household import HOUSEHOLD, Family, Member
from services.family.domain.kinds import KINDS
from services.family.domain.membership import KINDS_OF_MEMBER
from services.family.domain.work import Open, owner_of_change
from shared.contracts.dossier import FIELDS, DossierField, Owner

_NAMING = tuple(field for field in FIELDS if KINDS[field.kind].files is not None)


class NamedFile(BaseModel):
    """A file, and the field of the member that names it."""

    model_config = ConfigDict(frozen=True)

    id: str
    member: str
    field: str


def named_files(family: Family, open_: Open) -> tuple[NamedFile, ...]:
    """Every file that a family's fields name, and that changes which wait name; each once."""
    found: list[NamedFile] = []
    held: list[tuple[Owner, str, Member | Family]] = [("household", HOUSEHOLD, family)]
    held += [(owner, member.id, member) for owner, member in family.members()]
    for owner, member, holder in held:
        for field in _NAMING:
            if field.owner == owner:
                found += _of(member, field, value_of(holder, field.name), open_)
    for change in family.waiting():
        owner_then = owner_of_change(family, change)
        values = change.value if change.act == "add" else {change.field: change.value}
        for name, value in (values or {}).items():
            naming = _naming(owner_then, name)
            if naming is not None:
                found += _of(change.member, naming, value, open_)
    return tuple(dict.fromkeys(found))


def told_files(family: Family, items: Sequence[Item]) -> Iterator[tuple[str, NamedFile]]:
    """The files that what was sent names, each with its place in it; of somebody new, ``member``
    is empty."""
    owners: Mapping[str, Owner] = {one.id: owner for owner, one in family.members()}
    for position, item in enumerate(items):
        if isinstance(item, SetField):
            owner = "household" if item.member == HOUSEHOLD else owners.get(item.member)
            yield from _told(owner, item.member, {item.field: item.value},
                             f"/changes/{position}/value", keyed=False)  # fmt: skip
        elif isinstance(item, AddMember):
            yield from _told(KINDS_OF_MEMBER[item.kind], "", item.values,
                             f"/changes/{position}/values", keyed=True)  # fmt: skip


def drafted_files(
    household: Mapping[str, Any], children: Iterable[Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """The files that the form of a new dossier names, each with its place in it."""
    parts: list[tuple[str, Owner, Mapping[str, Any]]] = [("/household", "household", household)]
    parts += [(f"/children/{number}", "child", one) for number, one in enumerate(children)]
    return [
        (place, named.id)
        for part, owner, values in parts
        for place, named in _told(owner, "", values, part, keyed=True)
    ]


def _told(
    owner: Owner | None, member: str, values: Mapping[str, Any], place: str, *, keyed: bool
) -> Iterator[tuple[str, NamedFile]]:
    for name, value in values.items():
        field = _naming(owner, name)
        for named in _of(member, field, value) if field is not None else ():
            yield f"{place}/{name}" if keyed else place, named


def _naming(owner: Owner | None, name: str) -> DossierField | None:
    """The field, if it names files."""
    field = field_of(owner, name) if owner else None
    return field if field in _NAMING else None


def _of(member: str, field: DossierField, value: Any, open_: Open | None = None) -> list[NamedFile]:
    files = KINDS[field.kind].files
    if open_ is not None and is_sealed(value):
        value = open_(member, field.name, value)
    if files is None or value is None:
        return []
    values = value if isinstance(value, list) else [value]
    return [
        NamedFile(id=_id, member=member, field=field.name)
        for one in values
        if isinstance(_id := files(one), str)
    ]
