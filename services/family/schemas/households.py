"""Request and response models of the family service.

The members of a household are answered as they are kept: ``domain.household`` says their fields.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from services.family.domain.household import Child, Contact, Family, Guardian
from shared.web.routes import Input, Output


class FamilyOut(Output):
    """A household as its reader may see it."""

    family: str
    reference: str
    guardians: tuple[Guardian, ...]
    children: tuple[Child, ...]
    contacts: tuple[Contact, ...]

    @classmethod
    def of(cls, family: Family) -> FamilyOut:
        """The answer for a family."""
        return cls.model_validate({**family.model_dump(), "family": family.id})


class HouseholdOut(FamilyOut):
    """One of the bearer's households; ``me`` is the guardian that they are in it."""

    me: str


class HouseholdsOut(Output):
    """Every household of the bearer in this town."""

    households: tuple[HouseholdOut, ...]


class Search(Input):
    """``search``: beginnings of the words to find, two letters at least."""

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
