"""A town's rules for the fields of its dossiers, and how a field is read and written.

A field is named within its member as ``<name>`` or, when keyed, ``<name>:<key>``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel

from services.family.domain.household import HOUSEHOLD, Family, Member
from services.family.domain.kinds import KINDS, Setting, written
from shared.contracts.dossier import (
    BY_PATH,
    FIELDS,
    DossierField,
    FieldRule,
    Owner,
    Validation,
)
from shared.contracts.town_file import Dossier


@dataclass(frozen=True, slots=True)
class Ruled:
    """One field of one kind of member in a town: ``name`` with its key, and the town's rule."""

    field: DossierField
    name: str
    rule: FieldRule
    validation: Validation

    @property
    def editable(self) -> bool:
        """Whether a family may change it."""
        return self.rule in ("editable", "required")

    @property
    def required(self) -> bool:
        """Whether it may never be empty."""
        return self.rule == "required"

    @property
    def key(self) -> str:
        """What the town calls the thing that this value is about; empty when it is not keyed."""
        return self.name.partition(":")[2]


class Rules:
    """The fields of a town's dossiers that are not hidden."""

    def __init__(self, dossier: Dossier) -> None:
        self.dossier = dossier
        said = {rule.field: rule for rule in dossier.fields}
        self._kept: set[str] = set()
        self._ruled: dict[str, dict[str, Ruled]] = {}
        for field in FIELDS:
            own = said.get(field.path)
            rule = (own and own.rule) or field.rule
            validation = (own and own.validation) or field.validation
            if rule == "hidden":
                continue
            self._kept.add(field.path)
            keys = dossier.keys_of(field) if field.keyed else ("",)
            for key in keys:
                name = f"{field.name}:{key}" if field.keyed else field.name
                by_name = self._ruled.setdefault(field.owner, {})
                by_name[name] = Ruled(field, name, rule, validation)

    def of(self, owner: Owner) -> Iterator[Ruled]:
        """The fields of one owner, in the table's order."""
        yield from self._ruled.get(owner, {}).values()

    def keeps(self, field: DossierField) -> bool:
        """Whether the town has that field at all."""
        return field.path in self._kept

    def find(self, owner: Owner, name: str) -> Ruled | None:
        """The field of that name, or None when the town has none."""
        return self._ruled.get(owner, {}).get(name)


@lru_cache(maxsize=256)
def rules_of(dossier: Dossier) -> Rules:
    """The rules of a town, made ready once for each version of its file."""
    return Rules(dossier)


def field_of(owner: Owner, name: str) -> DossierField | None:
    """The row of the table for a field, whatever the town's rules."""
    return BY_PATH.get(f"{owner}.{name.partition(':')[0]}")


def owner_of(family: Family, member: str) -> tuple[Owner, Member | Family] | None:
    """A member with its owner; the family itself for ``household``; None when there is none."""
    if member == HOUSEHOLD:
        return "household", family
    return next(((owner, one) for owner, one in family.members() if one.id == member), None)


def value_of(holder: Member | Family, name: str) -> Any:
    """What a field holds, as JSON or sealed; None when it is empty."""
    base, _, key = name.partition(":")
    value = getattr(holder, base) if base in type(holder).model_fields else holder.more.get(base)
    if key:
        value = (value or {}).get(key)
    return _plain(value)


def is_sealed(value: Any) -> bool:
    """Whether it is a value that only the service's keys open."""
    return isinstance(value, Mapping) and set(value) == {"key", "box"}


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return value.isoformat() if hasattr(value, "isoformat") else value


def with_value(family: Family, member: str, ruled: Ruled, value: Any, setting: Setting) -> Family:
    """The family with a field changed to a value that its kind has read, to a sealed one, or
    emptied (None)."""
    found = owner_of(family, member)
    if found is None:
        return family
    _, holder = found
    changed = _changed(holder, ruled, value, setting)
    return changed if isinstance(changed, Family) else replaced(family, changed)


def _changed(
    holder: Member | Family, ruled: Ruled, value: Any, setting: Setting
) -> Member | Family:
    base, _, key = ruled.name.partition(":")
    typed = base in type(holder).model_fields
    held = getattr(holder, base) if typed else holder.more.get(base)
    new = value
    if value is not None and not ruled.field.reach.sealed:
        into = KINDS[ruled.field.kind].into
        new = into(held.get(key) if key and held else held, value, setting)
    if key:
        others = {name: one for name, one in (held or {}).items() if name != key}
        new = others if new is None else {**others, key: new}
    if typed:
        return holder.model_copy(update={base: new if new is not None else _empty(holder, base)})
    stored = new if ruled.field.reach.sealed else new and written(ruled.field.kind, new)
    more = {name: one for name, one in holder.more.items() if name != base}
    return holder.model_copy(update={"more": more if new is None else {**more, base: stored}})


_HolderT = TypeVar("_HolderT", Member, Family)


def emptied(holder: _HolderT, name: str) -> _HolderT:
    """A member or family without that field, whatever its key."""
    if name in type(holder).model_fields:
        return holder.model_copy(update={name: _empty(holder, name)})
    more = {key: value for key, value in holder.more.items() if key != name}
    return holder.model_copy(update={"more": more})


def _empty(holder: Member | Family, attribute: str) -> Any:
    """What an attribute holds when it has no value."""
    default = type(holder).model_fields[attribute].default
    return default if isinstance(default, tuple | dict) else None


def replaced(family: Family, member: Member) -> Family:
    """The family with that member in the place of the one of its id."""
    return family.model_copy(
        update={
            group: tuple(member if one.id == member.id else one for one in getattr(family, group))
            for group in ("guardians", "children", "contacts")
        }
    )
