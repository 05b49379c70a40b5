"""What a reader sees of a family: the one function through which every answer goes.

It gives the family without whatever the reader may not see, so that nothing made of it can tell:
children without the right to see them; another guardian's own affairs; the address, telephones,
e-mail and workplace of a protected guardian; all but a few fields for a guardian limited by a
court order; fields that an agent's role does not read, and that the town hides. Sealed fields are
left out unless they are asked for, which is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from services.family.domain.fields import Rules, emptied, field_of, owner_of
from services.family.domain.household import Change, Family, Guardian, Member
from services.family.domain.work import Actor, owner_of_change
from shared.contracts.dossier import FIELDS, DossierField, Owner

#: Without these a member is not shown at all.
_NAMED = "last_name"
#: Stands for a sealed value that was not asked for.
MASK = {"sealed": True}
_HolderT = TypeVar("_HolderT", Member, Family)


@dataclass(frozen=True, slots=True)
class Eyes:
    """A reader, and the rules of the town. ``sealed``: whether sealed fields are asked for."""

    reader: Actor
    rules: Rules
    sealed: bool = False

    def see(self, family: Family) -> Family:
        """The family as the reader may see it."""
        children = tuple(
            self._member("child", one)
            for one in family.children
            if self.reader.agent or (self._me and self._me.sees(one.id))
        )
        ids = {child.id for child in children}
        seen = self._without_fields("household", family).model_copy(
            update={
                "guardians": tuple(
                    self._rights_in(self._member("guardian", one), ids)
                    for one in family.guardians
                    if self._named("guardian", one)
                ),
                "children": children,
                "contacts": tuple(
                    self._member("contact", one)
                    for one in family.contacts
                    if self._named("contact", one)
                ),
            }
        )
        changes = (self._change(family, seen, one) for one in family.changes)
        return seen.model_copy(
            update={
                "changes": tuple(change for change in changes if change),
                "measures": family.measures if self.reader.agent else (),
                "revisions": {
                    slot: count
                    for slot, count in family.revisions.items()
                    if self._reads_slot(family, seen, *slot.split("/", 1))
                },
            }
        )

    def reads(self, owner: Owner, holder: Member | Family, field: DossierField) -> bool:
        """Whether the reader may read that field of that member, asked for if it is sealed."""
        reach = field.reach
        if self.reader.agent:
            return reach.roles is None or bool(reach.roles & self.reader.roles)
        if self._me is None:
            return False
        if holder.id == self._me.id:
            return True
        if self._me.limited:
            named = owner == "child" and field.rule == "required"
            return named or field.path in self.rules.dossier.limited_guardian
        if isinstance(holder, Guardian) and holder.protected and reach.protected:
            return False
        return reach.household

    # -- inside ----------------------------------------------------------------------------

    @property
    def _me(self) -> Guardian | None:
        return None if self.reader.agent else self.reader.guardian

    def _named(self, owner: Owner, holder: Member) -> bool:
        field = field_of(owner, _NAMED)
        return field is not None and self.reads(owner, holder, field)

    def _member(self, owner: Owner, member: _HolderT) -> _HolderT:
        shown = self._without_fields(owner, member)
        if isinstance(shown, Guardian) and self._me and shown.id != self._me.id:
            return shown.model_copy(update={"protected": False, "limited": False})
        return shown

    def _without_fields(self, owner: Owner, holder: _HolderT) -> _HolderT:
        for field in FIELDS:
            if field.owner != owner:
                continue
            if not (self.rules.keeps(field) and self.reads(owner, holder, field)):
                holder = emptied(holder, field.name)
            elif field.reach.sealed and not self.sealed and field.name in holder.more:
                more = {**holder.more, field.name: MASK}
                holder = holder.model_copy(update={"more": more})
        return holder

    def _rights_in(self, guardian: Any, children: set[str]) -> Any:
        rights = tuple(right for right in guardian.rights if right.child in children)
        return guardian.model_copy(update={"rights": rights})

    def _change(self, family: Family, seen: Family, change: Change) -> Change | None:
        """A change as the reader sees it; None when its member or field is hidden."""
        owner = owner_of_change(family, change)
        if change.act == "add" and owner is not None:
            if self._me and self._me.limited and change.by.guardian != self._me.id:
                return None
            values = {
                name: value
                for name, value in (change.value or {}).items()
                if self._adds(owner, name, change)
            }
            return change.model_copy(update={"value": values or None})
        if change.act == "remove":
            return change if owner_of(seen, change.member) or change.state == "accepted" else None
        return self._set(family, seen, change)

    def _adds(self, owner: Owner, name: str, change: Change) -> bool:
        field = field_of(owner, name)
        if field is None or (field.reach.sealed and not self.sealed):
            return False
        if self.reader.agent:
            return field.reach.roles is None or bool(field.reach.roles & self.reader.roles)
        own = self._me is not None and change.by.guardian == self._me.id
        return own or field.reach.household

    def _set(self, family: Family, seen: Family, change: Change) -> Change | None:
        field = self._read_of(family, seen, change.member, change.field)
        if field is None:
            return None
        if field.reach.sealed and not self.sealed:
            return change.model_copy(update={"value": None, "reason": None})
        return change

    def _reads_slot(self, family: Family, seen: Family, member: str, name: str) -> bool:
        if not name:  # of the member itself, who joins or leaves
            return owner_of(seen, member) is not None
        return self._read_of(family, seen, member, name) is not None

    def _read_of(self, family: Family, seen: Family, member: str, name: str) -> DossierField | None:
        """A field that the reader may read, of a member whom they are shown; asked of the member
        as it is, not as it is shown."""
        found = owner_of(family, member)
        field = field_of(found[0], name) if found and owner_of(seen, member) else None
        if found is None or field is None or not self.reads(*found, field):
            return None
        return field
