"""From a family's charges of a month to the lines and the total of its invoice.

One line per child, activity, units, rule, price and reason: count × price, in cents. A charge
without a price is left aside, never given another one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.billing.domain.accounts import Debt, DebtState, Holder
from services.billing.domain.charges import Charge, PayWhen
from services.billing.domain.corrections import (
    Billed,
    Difference,
    Entry,
    Reduction,
    as_billed,
    entries_of,
)
from services.billing.domain.known import facts_of, line_ref
from services.billing.domain.months import first_day
from services.billing.domain.online_invoices import Delivery
from services.billing.domain.prices.basket import price
from services.billing.domain.prices.book import PriceBook
from services.billing.domain.prices.facts import Facts, Line
from services.billing.domain.prices.lines import PricedLine, UnpricedCode
from shared.contracts.family import FamilyChanged, Guardian
from shared.contracts.town_file import TownFile
from shared.french import of_month
from shared.ids import derived_id
from shared.money import Cents

InvoiceKind = Literal["month", "booking", "credit_note"]
#: States of invoices of which nothing is to be paid now.
ARCHIVED: tuple[DebtState, ...] = ("settled", "carried", "void")
LeftAsideCode = Literal[UnpricedCode, "nobody-invoiced", "changed-since-draft", "reckoning-failed"]


class OthersPart(BaseModel):
    """What another payer owes of a line, besides what the family does; ``claimed_only``: the
    family's price is not lessened by it."""

    model_config = ConfigDict(frozen=True)

    payer: str
    name: str
    cents: Cents
    claimed_only: bool


class InvoiceLine(BaseModel):
    """``count`` times ``price_cents``, what the family owes. Names and prices are as they were when
    the invoice was issued: ``tariff`` is the rule that gave the price, ``reason`` says why.

    ``what``: something booked; something due ``once`` in a time; a ``late`` pick-up.
    """

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
    what: Literal["booked", "once", "late"] = "booked"
    units: tuple[str, ...] = ()
    reason: str = ""
    paid_by_others: tuple[OthersPart, ...] = ()


class Balance(BaseModel):
    """A line after the total: ``credit`` taken off (below zero), small rests of earlier invoices
    taken over (``carried_in``)."""

    model_config = ConfigDict(frozen=True)

    what: Literal["credit", "carried_in"]
    text: str
    cents: Cents


@dataclass(frozen=True, slots=True)
class LeftAside:
    """A charge that no invoice holds, and why."""

    charge: Charge
    code: LeftAsideCode


@dataclass(frozen=True, slots=True)
class Priced:
    """Charges with their price: ``total_cents`` is the sum of the lines. ``facts``, ``entries`` and
    ``aside`` are what later differences are reckoned from."""

    lines: tuple[InvoiceLine, ...]
    charges: tuple[Charge, ...]
    left_aside: tuple[LeftAside, ...]
    facts: Facts = Facts()
    entries: tuple[Entry, ...] = ()
    aside: tuple[str, ...] = ()

    def begins(self, basis: str) -> Billed:
        """The beginning of the chain of what the invoice of that id bills."""
        return Billed(
            basis=basis, position=0, facts=self.facts, entries=self.entries, aside=self.aside
        )

    @property
    def total_cents(self) -> int:
        return sum(line.total_cents for line in self.lines)


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice with its number: ``sequence`` of ``year`` at the collection office. ``version`` is
    that of the town file by which it was priced.

    ``kind``: of a month; of a ``booking`` paid at once (of that ``request``; unpaid, it
    ``expires``); a credit note, of another invoice (``of``), with the ``reductions`` that it makes.
    A supplement, for what is to be paid more, is of that invoice's kind. ``billed``: its part of
    chains of entries, where it is read for that. ``balance`` and what follows it is the account's
    word: ``state`` is None until it is said, ``unpaid_cents`` is what can be paid now; ``kept``:
    it was settled once; ``debit_on``: the day on which the rest is collected; ``delivery``: how
    it reached the family.
    """

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
    version: int = 0
    kind: InvoiceKind = "month"
    request: str | None = None
    of: str | None = None
    expires: datetime | None = None
    billed: tuple[Billed, ...] = ()
    reductions: tuple[Reduction, ...] = ()
    balance: tuple[Balance, ...] = ()
    state: DebtState | None = None
    settled_cents: int = 0
    unpaid_cents: int = 0
    kept: bool = False
    debit_on: date | None = None
    delivery: Delivery | None = None

    @property
    def holder(self) -> Holder:
        """Whose account it is on."""
        return Holder(self.town, self.office, self.family)

    @property
    def billing(self) -> PayWhen:
        """When its lines are paid for: under which of the town's headings it is shown."""
        return paid_when(self.kind, self.request)

    @property
    def number(self) -> str:
        """``VEY-2026-000001``."""
        return f"{self.office}-{self.year}-{self.sequence:06d}"

    @property
    def total_cents(self) -> int:
        return sum(line.total_cents for line in self.lines)


def paid_when(kind: str, request: str | None) -> PayWhen:
    """When what an invoice, or a credit note, of that kind is for is paid for."""
    at_booking = request is not None or kind == "booking"
    return "pay_at_booking" if at_booking else "pay_in_arrears"


def invoice_id(town: str, family: str, month: str) -> str:
    """A family has one invoice per month, whoever issues it."""
    return derived_id("invoice", town, family, month)


def booking_invoice_id(request: str, attempt: str) -> str:
    """One invoice each time that places of a request are held for payment, or given unpaid."""
    return derived_id("booking-invoice", request, attempt)


def invoiced_guardian(card: FamilyChanged) -> Guardian | None:
    """To whom the family's invoices are addressed."""
    return next((guardian for guardian in card.guardians if guardian.invoiced), None)


def balance_of(debt: Debt) -> tuple[Balance, ...]:
    """What the account adds to the total of a new invoice, or takes off."""
    lines = []
    if debt.carried_in:
        text = "Report des factures précédentes"
        lines.append(Balance(what="carried_in", text=text, cents=debt.carried_in))
    if debt.used:
        lines.append(Balance(what="credit", text="Avoir déduit", cents=-debt.used))
    return tuple(lines)


def due_on(file: TownFile, issued_on: date) -> date:
    """The day until which an invoice may be paid."""
    return issued_on + timedelta(days=file.collection_office.due_days)


def priced(
    charges: Sequence[Charge], card: FamilyChanged, book: PriceBook, known: Sequence[Line] = ()
) -> Priced:
    """The lines of an invoice, in the order of the town file's activities within each child."""
    facts = facts_of(card, book, charges, known)
    found = price(book, facts)
    unpriced = {
        (one.ref, unit): one.code for one in found.unpriced for unit in one.units
    }  # fmt: skip
    left_aside = [
        LeftAside(charge, unpriced[line_ref(charge), charge.unit])
        for charge in sorted(charges, key=lambda one: (one.day, one.id))
        if (line_ref(charge), charge.unit) in unpriced
    ]
    aside = {one.charge.id for one in left_aside}
    names = {one.child: one.child_name or "" for one in charges}
    grouped: dict[tuple[object, ...], list[PricedLine]] = defaultdict(list)
    for line in found.lines:
        each = Fraction(line.cents, line.count)
        key = (line.child, line.activity, line.what, line.units, line.rule, each, line.reason)
        grouped[key].append(line)
    lines = [_line(group, names, book) for group in grouped.values()]
    order = {activity.id: position for position, activity in enumerate(book.file.activities)}
    lines.sort(
        key=lambda ln: (ln.child_name, ln.child, order[ln.activity], ln.what, ln.unit, ln.days[0])
    )
    held = tuple(one for one in charges if one.id not in aside)
    billed, without = as_billed(facts.lines, found.unpriced, {})
    facts = facts.model_copy(update={"lines": billed})
    return Priced(tuple(lines), held, tuple(left_aside), facts, entries_of(found), without)


def _line(group: Sequence[PricedLine], names: Mapping[str, str], book: PriceBook) -> InvoiceLine:
    first = group[0]
    total = sum(one.cents for one in group)
    count = sum(one.count for one in group)
    if total % count:
        count = 1
    units = [book.unit_name(first.activity, unit) for unit in first.units]
    return InvoiceLine(
        child=first.child, child_name=names.get(first.child, ""), activity=first.activity,
        activity_name=book.activities[first.activity].name,
        unit=first.units[0] if first.units else "",
        unit_name=" + ".join(units) if first.what == "booked" else first.reason,
        tariff=first.rule, days=tuple(one.day for one in group), count=count,
        price_cents=total // count, total_cents=total, what=first.what, units=first.units,
        reason=first.reason, paid_by_others=_others(group),
    )  # fmt: skip


_WORDS = {"booked": "réservation ajoutée", "cancelled": "annulation", "changed": "modification"}


def correction_lines(
    found: Difference, month: str, names: Mapping[str, str], book: PriceBook
) -> tuple[InvoiceLine, ...]:
    """The lines of a correction, each naming the month that it corrects."""
    of = of_month(first_day(month))
    grouped: dict[tuple[object, ...], list[Entry]] = defaultdict(list)
    for one in found.billed.entries:
        grouped[one.child, one.activity, one.units, one.kind, one.what, one.cents].append(one)
    lines = []
    for group in grouped.values():
        first = group[0]
        activity = book.activities.get(first.activity)
        units = [book.unit_name(first.activity, unit) if activity else unit for unit in first.units]
        lines.append(
            InvoiceLine(
                child=first.child, child_name=names.get(first.child, ""), activity=first.activity,
                activity_name=activity.name if activity else first.activity,
                unit=first.units[0] if first.units else "", unit_name=" + ".join(units), tariff="",
                days=tuple(sorted(one.day for one in group)), count=len(group),
                price_cents=first.cents, total_cents=first.cents * len(group), what=first.what,
                units=first.units, reason=f"Régularisation {of} : {_WORDS[first.kind]}",
            )
        )  # fmt: skip
    return tuple(lines)


def _others(group: Sequence[PricedLine]) -> tuple[OthersPart, ...]:
    """What each other payer owes of these lines together."""
    sums: dict[tuple[str, str, bool], int] = defaultdict(int)
    for line in group:
        for one in line.paid_by_others:
            sums[one.payer, one.name, one.claimed_only] += one.cents
    return tuple(
        OthersPart(payer=payer, name=name, cents=cents, claimed_only=claimed_only)
        for (payer, name, claimed_only), cents in sums.items()
    )
