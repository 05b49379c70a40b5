"""From a family's charges of a month to the lines and the total of its invoice.

One line per child, activity, unit and price: count × price, in cents. The price of a day is that
of the tariff in force on it; a charge without one is left aside, never given another price.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.billing.domain.charges import Charge
from shared.contracts.family import FamilyChanged, Guardian
from shared.contracts.town_file import Tariff, TownFile
from shared.ids import derived_id
from shared.money import Cents

LeftAsideCode = Literal["no-tariff", "activity-removed", "nobody-invoiced", "month-invoiced"]


class InvoiceLine(BaseModel):
    """``count`` times ``price_cents``. Names are as they were when the invoice was issued."""

    model_config = ConfigDict(frozen=True)

    child: str
    child_name: str
    activity: str
    activity_name: str
    unit: str
    unit_name: str
    tariff: str
    days: tuple[date, ...]
    count: int
    price_cents: Cents
    total_cents: Cents


@dataclass(frozen=True, slots=True)
class LeftAside:
    """A charge that no invoice holds, and why."""

    charge: Charge
    code: LeftAsideCode


@dataclass(frozen=True, slots=True)
class Priced:
    """Charges with their price: ``total_cents`` is the sum of the lines."""

    lines: tuple[InvoiceLine, ...]
    charges: tuple[Charge, ...]
    left_aside: tuple[LeftAside, ...]

    @property
    def total_cents(self) -> int:
        return sum(line.total_cents for line in self.lines)


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice with its number: ``sequence`` of ``year`` at the collection office."""

    id: str
    town: str
    family: str
    guardian: str
    month: str
    office: str
    year: int
    sequence: int
    issued_on: date
    due_on: date
    lines: tuple[InvoiceLine, ...]

    @property
    def number(self) -> str:
        """``VEY-2026-000001``."""
        return f"{self.office}-{self.year}-{self.sequence:06d}"

    @property
    def total_cents(self) -> int:
        return sum(line.total_cents for line in self.lines)


def invoice_id(town: str, family: str, month: str) -> str:
    """A family has one invoice per month, whoever issues it."""
    return derived_id("invoice", town, family, month)


def invoiced_guardian(card: FamilyChanged) -> Guardian | None:
    """To whom the family's invoices are addressed."""
    return next((guardian for guardian in card.guardians if guardian.invoiced), None)


def due_on(file: TownFile, issued_on: date) -> date:
    """The day until which an invoice may be paid."""
    return issued_on + timedelta(days=file.collection_office.due_days)


def price(charges: Iterable[Charge], file: TownFile) -> Priced:
    """The lines of an invoice, in the order of the town file's activities within each child."""
    grouped: dict[tuple[str, str, str, str], list[Charge]] = defaultdict(list)
    left_aside: list[LeftAside] = []
    tariffs = {tariff.id: tariff for tariff in file.tariffs}
    for charge in sorted(charges, key=lambda one: (one.day, one.id)):
        code, tariff = _tariff(charge, file)
        if tariff is None:
            left_aside.append(LeftAside(charge, code))
        else:
            key = (charge.child, charge.activity, charge.unit, tariff.id)
            grouped[key].append(charge)
    lines = [_line(group, tariffs[key[3]], file) for key, group in grouped.items()]
    order = {activity.id: position for position, activity in enumerate(file.activities)}
    lines.sort(key=lambda ln: (ln.child_name, ln.child, order[ln.activity], ln.unit, ln.days[0]))
    held = tuple(charge for group in grouped.values() for charge in group)
    return Priced(tuple(lines), held, tuple(left_aside))


def _tariff(charge: Charge, file: TownFile) -> tuple[LeftAsideCode, Tariff | None]:
    activity = file.activity(charge.activity)
    if activity is None or all(unit.id != charge.unit for unit in activity.units):
        return "activity-removed", None
    about = (charge.activity, charge.unit)
    in_force = (
        tariff
        for tariff in file.tariffs
        if (tariff.activity, tariff.unit) == about and tariff.holds_on(charge.day)
    )
    return "no-tariff", next(in_force, None)


def _line(charges: Sequence[Charge], tariff: Tariff, file: TownFile) -> InvoiceLine:
    first, activity = charges[0], file.activity(tariff.activity)
    if activity is None:
        raise LookupError(tariff.activity)
    count = sum(charge.quantity for charge in charges)
    unit = next(unit for unit in activity.units if unit.id == tariff.unit)
    return InvoiceLine(
        child=first.child, child_name=first.child_name or "", activity=activity.id,
        activity_name=activity.name, unit=unit.id, unit_name=unit.name, tariff=tariff.id,
        days=tuple(charge.day for charge in charges), count=count,
        price_cents=tariff.price_cents, total_cents=count * tariff.price_cents,
    )  # fmt: skip
