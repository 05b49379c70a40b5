"""A family record: guardians, children, contacts, and who sees what of it.

Whoever may see a member sees every field of it (``schemas``): what only some may read needs a
model of its own.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict

from shared.contracts import family as contract
from shared.ids import derived_id

GuardianRole = Literal["holder", "co_holder"]
ContactKind = Literal["emergency", "authorised_collector"]

LEVELS: tuple[contract.Level, ...] = get_args(contract.Level)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Address(_Part):
    """A postal address."""

    street: str
    postcode: str
    city: str


class Guardian(_Part):
    """An adult of the household, and what they may do about each child.

    ``invoiced``: invoices are addressed to them.
    """

    id: str
    role: GuardianRole
    first_name: str
    last_name: str
    phone: str | None
    email: str | None
    address: Address | None
    invoiced: bool
    rights: tuple[contract.ChildRights, ...]

    def sees(self, child: str) -> bool:
        """Whether this guardian has the right to see that child."""
        return any(right.child == child and right.see for right in self.rights)


class Child(_Part):
    """A child of the household. ``school`` is an id of the town file."""

    id: str
    first_name: str
    last_name: str
    birth_date: date
    school: str | None
    level: str | None


class Contact(_Part):
    """Somebody to call, or who may fetch a child."""

    id: str
    kind: ContactKind
    first_name: str
    last_name: str
    phone: str
    relation: str | None


class Family(_Part):
    """A family record. ``reference`` is the town's own number for it."""

    town: str
    reference: str
    guardians: tuple[Guardian, ...]
    children: tuple[Child, ...]
    contacts: tuple[Contact, ...]

    @property
    def id(self) -> str:
        """The same town and reference give the same id, file after file."""
        return family_id(self.town, self.reference)

    def guardian(self, guardian: str) -> Guardian | None:
        """The guardian of that id, or None."""
        return next((one for one in self.guardians if one.id == guardian), None)

    def seen_by(self, guardian: Guardian) -> Family:
        """The family as that guardian may see it: without the children they may not see."""
        seen = tuple(child for child in self.children if guardian.sees(child.id))
        ids = {child.id for child in seen}
        guardians = tuple(
            one.model_copy(update={"rights": tuple(r for r in one.rights if r.child in ids)})
            for one in self.guardians
        )
        return self.model_copy(update={"children": seen, "guardians": guardians})

    def card(self) -> contract.FamilyChanged:
        """What the other services are told."""
        return contract.FamilyChanged(
            family=self.id,
            reference=self.reference,
            guardians=tuple(
                contract.Guardian(
                    id=one.id, first_name=one.first_name, last_name=one.last_name,
                    invoiced=one.invoiced, rights=one.rights,
                )
                for one in self.guardians
            ),
            children=tuple(contract.Child(**child.model_dump()) for child in self.children),
        )  # fmt: skip

    def search_words(self) -> list[str]:
        """What an agent finds this family by: its reference and its members' names."""
        named: tuple[Guardian | Child, ...] = (*self.guardians, *self.children)
        texts = [self.reference, *(f"{one.first_name} {one.last_name}" for one in named)]
        return sorted({word for text in texts for word in words(text)})


def family_id(town: str, reference: str) -> str:
    """The id of a town's family record."""
    return derived_id("family", town, reference)


def member_id(family: str, person: str) -> str:
    """The id of a member, from the number the town gives within the family."""
    return derived_id("member", family, person)


def words(text: str) -> list[str]:
    """The words of a text, lower-case and without accents: ``D'Éon-Roux`` is d, eon, roux."""
    return re.findall(r"[a-z0-9]+", plain(text))


def plain(text: str) -> str:
    """Lower case, without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))
