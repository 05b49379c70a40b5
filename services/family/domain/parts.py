"""What the values of a dossier are made of."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
INSEE_CODE = r"^[0-9][0-9AB][0-9]{3}$"
FileId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Phone = Annotated[
    str, StringConstraints(strip_whitespace=True, pattern=r"^\+?[0-9][0-9 .()/-]{3,28}$")
]

#: What is served, said without its reason: a religion is nobody's business (CNIL), an illness is
#: the care plan's.
Diet = Literal["no_restriction", "without_pork", "without_meat", "without_fish", "without_gluten"]
Scheme = Literal["caf", "msa", "other"]


class Part(BaseModel):
    """Base of what a dossier is made of: unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Address(Part):
    """A postal address; ``citycode``: INSEE's code of the commune, of an address that was
    completed (``addresses``)."""

    street: Line
    postcode: Annotated[str, Field(pattern=r"^[0-9]{5}$")]
    city: Line
    citycode: Annotated[str, Field(pattern=INSEE_CODE)] | None = None


class Quotient(Part):
    """A quotient familial: ``value`` in euros, from the first of the month ``effect`` until the
    next one's, or ``until`` (included). ``source``: who vouches for it; ``proof``: a document."""

    value: Annotated[Decimal, Field(ge=0, le=100_000, decimal_places=2)]
    effect: date
    until: date | None = None
    source: Literal["family", "desk", "caf", "msa"] = "family"
    proof: FileId | None = None


class Insurance(Part):
    """The insurance of the family's children outside school hours."""

    company: Line
    policy: Line
    until: date | None = None


class ConsentGiven(Part):
    """What a guardian says of a permission, and of which version of its text."""

    given: bool
    version: Line


class Consent(ConsentGiven):
    """A permission as it is kept: who said so, and when."""

    by: str
    at: datetime


class Certified(Part):
    """The box that certifies the health sheet, and the version of its text."""

    certified: Literal[True]
    version: Line


class Certificate(Part):
    """A certified health sheet: by whom, when, and the last day that it is good for."""

    version: Line
    by: str
    at: datetime
    until: date


class Doctor(Part):
    """The treating doctor."""

    name: Line
    phone: Phone


class CarePlan(Part):
    """A projet d'accueil individualisé: renewed each school year (circular of 10 February 2021).

    ``packed_meal``: the family brings the meals; ``kit``: where the emergency kit is kept;
    ``protocol``: what to do; ``document``: the signed plan.
    """

    first: date
    last: date
    protocol: LongText
    kit: Line | None = None
    packed_meal: bool = False
    document: FileId | None = None


class Vaccination(Part):
    """One injection, of a vaccine of the table (``domain.health``)."""

    vaccine: Line
    on: date


class Sealed(Part):
    """A value that only the service's keys open."""

    key: str
    box: str


class Author(Part):
    """Who did something: an account, as that guardian of the family. An ``agent`` names the
    guardian for whom they did it, if there is one."""

    account: str
    guardian: str | None = None
    agent: bool = False
