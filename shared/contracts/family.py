"""What family says."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.events import Event


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class ChildRights(_Part):
    """What one guardian may do about one child: three separate rights."""

    child: str
    see: bool
    decide: bool
    pay: bool


class Guardian(_Part):
    """An adult of the household; ``invoiced`` marks the one to whom invoices are addressed."""

    id: str
    first_name: str
    last_name: str
    invoiced: bool
    rights: tuple[ChildRights, ...]


#: School levels that a child may have, in the order of the classes.
Level = Literal[
    "TPS", "PS", "MS", "GS", "CP", "CE1", "CE2", "CM1", "CM2", "ULIS", "6E", "5E", "4E", "3E",
]  # fmt: skip


class Child(_Part):
    """A child of the household, with what booking and billing need and nothing of health."""

    id: str
    first_name: str
    last_name: str
    birth_date: date
    school: str | None
    level: str | None


class FamilyChanged(Event, service="family", name="family-changed", kind="state"):
    """A family's card, whole."""

    family: str
    reference: str
    guardians: tuple[Guardian, ...]
    children: tuple[Child, ...]
