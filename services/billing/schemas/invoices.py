"""Request and response models of billing. Amounts are in euro cents."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Literal

from pydantic import Field

from services.billing.domain.accounts import DebtState
from services.billing.domain.charges import Charge
from services.billing.domain.invoicing import (
    Balance,
    Invoice,
    InvoiceKind,
    InvoiceLine,
    paid_when,
)
from services.billing.domain.months import Month
from services.billing.domain.prices.facts import Line
from services.billing.domain.quotes import Quote, QuotedLine, QuoteState, WithoutPrice
from services.billing.domain.runs import LeftAsideLine, Run
from shared.contracts.booking import Surcharged
from shared.contracts.town_file import CollectionOffice
from shared.money import Cents
from shared.store import Document
from shared.web.routes import Input, Output, Page, PageQuery


class InvoiceSummary(Output):
    """An invoice in a list. ``month`` is the month of the bookings; ``heading`` the town's, under
    which it is shown.

    ``state``: ``open`` (to pay), ``settled``, ``carried`` (the rest is asked with the next one),
    ``void``. ``unpaid_cents`` is what can be paid now: nothing, while the rest is collected from
    the family's account on the day ``debit_on``. ``pay_until``: what was booked is held for its
    payment until then.
    """

    invoice: str
    number: str
    family: str
    guardian: str
    month: str
    issued_on: date
    due_on: date
    total_cents: Cents
    kind: InvoiceKind
    heading: str
    credited: Annotated[str | None, Field(description="The invoice that a credit note lessens")]
    request: str | None
    state: DebtState | None
    settled_cents: Cents
    unpaid_cents: Cents
    debit_on: date | None
    pay_until: datetime | None

    @staticmethod
    def kept(invoice: Document, office: CollectionOffice) -> dict[str, object]:
        """What is said of an invoice in a list, from what is kept of it."""
        said = {
            **invoice, "invoice": invoice["_id"], "credited": invoice["of"],
            "debit_on": invoice.get("debit_on"), "pay_until": _instant(_held(invoice)),
            "heading": office.heading(paid_when(invoice["kind"], invoice["request"])),
        }  # fmt: skip
        for stored in ("_id", "of", "expires", "kept"):
            said.pop(stored, None)
        return said


def _held(invoice: Document) -> datetime | None:
    """Until when the places wait that a stored invoice is for; they are kept once it was paid."""
    expires: datetime | None = None if invoice.get("kept") else invoice.get("expires")
    return expires


def _instant(instant: datetime | None) -> str | None:
    """As a model would write it."""
    return None if instant is None else instant.isoformat().replace("+00:00", "Z")


class InvoiceOut(InvoiceSummary):
    """An invoice, whole. ``balance`` follows the total: credit taken off, rests taken over."""

    lines: tuple[InvoiceLine, ...]
    balance: tuple[Balance, ...]

    @classmethod
    def of(cls, invoice: Invoice, office: CollectionOffice) -> InvoiceOut:
        """The answer for an invoice."""
        same = (
            "number", "family", "guardian", "month", "issued_on", "due_on", "total_cents", "kind",
            "request", "state", "settled_cents", "unpaid_cents", "debit_on", "lines", "balance",
        )  # fmt: skip
        return cls.model_validate({
            "invoice": invoice.id, "credited": invoice.of,
            "heading": office.heading(invoice.billing),
            "pay_until": None if invoice.kept else invoice.expires,
            **{name: getattr(invoice, name) for name in same},
        })  # fmt: skip


class InvoiceQuery(PageQuery):
    """Which invoices. ``month`` is the month of the bookings; ``archived`` are all of which nothing
    is to be paid now."""

    family: Annotated[str, Field(max_length=40)] | None = None
    month: Month | None = None
    state: Literal["open", "archived"] | None = None


class InvoicePage(Page[InvoiceSummary]):
    """Invoices, newest first."""


ChargeState = Literal["uninvoiced", "invoiced", "cancelled-after-invoice"]


class ChargeQuery(Input):
    """Which charges: on no invoice, on one, or on one and cancelled since."""

    state: ChargeState = "uninvoiced"
    month: Month | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 200


class ChargeOut(Output):
    """One child, one day, one unit."""

    charge: str
    family: str
    request: str
    child: str
    child_name: str | None
    activity: str
    unit: str
    day: date
    invoice: str | None

    @classmethod
    def of(cls, charge: Charge) -> ChargeOut:
        """The answer for a charge."""
        return cls(
            charge=charge.id, family=charge.family, request=charge.request, child=charge.child,
            child_name=charge.child_name, activity=charge.activity, unit=charge.unit,
            day=charge.day, invoice=charge.invoice,
        )  # fmt: skip


class ChargesOut(Output):
    """Charges by day."""

    charges: tuple[ChargeOut, ...]


_Id = Annotated[str, Field(min_length=1, max_length=60)]
_Bounded = Annotated[int, Field(ge=0, le=1_000_000)]


class SurchargeIn(Input):
    """What coming late costs, as booking's check of the basket said it."""

    rule: _Id
    kind: Literal["percent", "amount", "price", "unstated"]
    cents: _Bounded | None = None
    total_cents: _Bounded | None = None
    percent: Annotated[int, Field(ge=1, le=1000)] | None = None
    rounding: Literal["half_up", "up", "down"] = "half_up"
    per: Literal["item", "day", "month", "period", "school_year"] = "item"
    once_for: Literal["child", "family"] = "child"
    also_following: Annotated[int, Field(ge=0, le=30)] = 0


class QuoteLineIn(Input):
    """One line of a basket: a child, a day, units of an activity. ``of``: the booking in whose
    place it is put, as the recap names it (``request-line``): it costs the difference."""

    child: _Id
    activity: _Id
    date: date
    units: Annotated[tuple[_Id, ...], Field(min_length=1, max_length=40)]
    quantity: Annotated[int, Field(ge=1, le=100)] = 1
    starts: time | None = None
    ends: time | None = None
    surcharge: SurchargeIn | None = None
    of: _Id | None = None

    def fact(self, position: int) -> Line:
        """As the prices take it."""
        late = self.surcharge and Surcharged.model_validate(self.surcharge.model_dump())
        return Line(
            ref=str(position), child=self.child, activity=self.activity, units=self.units,
            day=self.date, quantity=self.quantity, starts=self.starts, ends=self.ends,
            surcharge=late,
        )  # fmt: skip


class QuoteIn(Input):
    """A basket."""

    family: _Id
    lines: Annotated[tuple[QuoteLineIn, ...], Field(min_length=1, max_length=400)]


class QuoteOut(Output):
    """A quote: the price shown is the price paid until ``valid_until``, unless it is ``changed``:
    the same lines would cost something else now. ``version`` is that of the town file."""

    quote: str
    family: str
    state: QuoteState
    lines: tuple[QuotedLine, ...]
    without_price: tuple[WithoutPrice, ...]
    total_cents: Cents
    asked_at: datetime
    valid_until: datetime
    version: int

    @classmethod
    def of(cls, quote: Quote, state: QuoteState) -> QuoteOut:
        """The answer for a quote."""
        return cls(
            quote=quote.id, family=quote.family, state=state, lines=quote.price.lines,
            without_price=quote.price.without_price, total_cents=quote.price.total_cents,
            asked_at=quote.asked_at, valid_until=quote.valid_until, version=quote.version,
        )  # fmt: skip


class RunIn(Input):
    """The month to end."""

    month: Month


class RunOut(Output):
    """A month end; ``asked_by`` is an account, ``operator``, or ``rule`` when nobody asked.

    ``invoices`` and ``total_cents`` are of those it issued; ``left_aside`` counts the charges on
    no invoice, of which ``lines`` names at most 200. All four are None until it is finished;
    ``so_far`` is how many invoices it has issued until now.
    """

    run: str
    month: str
    asked_by: str
    asked_at: datetime
    finished: bool
    so_far: int
    invoices: int | None
    total_cents: Cents | None
    left_aside: int | None
    lines: tuple[LeftAsideLine, ...] | None

    @classmethod
    def of(cls, run: Run, so_far: int) -> RunOut:
        """The answer for a month end; ``so_far`` is asked for as long as it is not finished."""
        outcome = run.outcome
        return cls(
            run=run.id, month=run.month, asked_by=run.asked_by, asked_at=run.asked_at,
            finished=outcome is not None, so_far=outcome.invoices if outcome else so_far,
            invoices=outcome and outcome.invoices,
            total_cents=outcome and outcome.total_cents,
            left_aside=outcome and outcome.left_aside,
            lines=outcome and outcome.lines,
        )  # fmt: skip


class RunsOut(Output):
    """The town's month ends, latest first."""

    runs: tuple[RunOut, ...]
