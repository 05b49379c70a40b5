"""Request and response models of households at a glance; ``schemas.dossiers`` has every field."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from services.family.domain.household import ContactKind, Family, GuardianRole
from services.family.domain.parts import Address
from services.family.schemas.uploads import Id
from shared.contracts.family import ChildRights
from shared.web.routes import Input, Output


class GuardianOut(Output):
    """An adult of the household. ``protected`` and ``limited`` are shown to agents and to the
    guardian; the coordinates of a protected one, to nobody else."""

    id: str
    role: GuardianRole
    first_name: str
    last_name: str
    phone: str | None
    email: str | None
    address: Address | None
    invoiced: bool
    rights: tuple[ChildRights, ...]
    protected: bool
    limited: bool


class ChildOut(Output):
    """A child. ``school`` is an id of the town file."""

    id: str
    first_name: str
    last_name: str
    birth_date: date
    school: str | None
    level: str | None
    school_class: str | None


class ContactOut(Output):
    """Somebody to call, or who may fetch a child."""

    id: str
    kind: ContactKind
    first_name: str
    last_name: str
    phone: str | None
    relation: str | None


class FamilyOut(Output):
    """A household as its reader may see it; ``waiting``: how many changes wait for the town."""

    family: str
    reference: str
    guardians: tuple[GuardianOut, ...]
    children: tuple[ChildOut, ...]
    contacts: tuple[ContactOut, ...]
    waiting: int

    @classmethod
    def of(cls, family: Family) -> FamilyOut:
        """The answer for a family."""
        return cls.model_validate(
            {**family.model_dump(), "family": family.id, "waiting": len(family.waiting())}
        )


class HouseholdOut(FamilyOut):
    """One of the bearer's households; ``me`` is the guardian that they are in it."""

    me: str


class HouseholdsOut(Output):
    """Every household of the bearer in this town."""

    households: tuple[HouseholdOut, ...]


class Search(Input):
    """``search``: names or references (their beginnings), a telephone, an e-mail, a date of birth
    (JJ/MM/AAAA), any of these together; two letters at least."""

    search: Annotated[str, Field(min_length=2, max_length=100)]


class FamilyLine(Output):
    """A family in a list."""

    family: str
    reference: str
    holder: str
    children: tuple[str, ...]


class FamiliesOut(Output):
    """At most 50 families."""

    families: tuple[FamilyLine, ...]


class Asked(Input):
    """``family``, as often as there are families: whose names."""

    family: Annotated[list[Id], Field(min_length=1, max_length=100)]


class Named(Output):
    """Somebody of a household."""

    id: str
    first_name: str
    last_name: str


class NamesOf(Output):
    """What a list calls a family and its people."""

    family: str
    reference: str
    guardians: tuple[Named, ...]
    children: tuple[Named, ...]


class NamesOut(Output):
    """The families asked for, as far as they are; in no order."""

    items: tuple[NamesOf, ...]


class AlikeOut(Output):
    """A record that may be the same family's; ``reasons`` in words for an agent."""

    family: FamilyLine
    points: int
    reasons: tuple[str, ...]


class DuplicatesOut(Output):
    """The likeliest first."""

    duplicates: tuple[AlikeOut, ...]
