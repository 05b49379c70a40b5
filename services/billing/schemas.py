"""Request and response models of billing. Amounts are in euro cents."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from services.billing.domain.charges import Charge
from services.billing.domain.invoicing import Invoice, InvoiceLine
from services.billing.domain.months import Month
from services.billing.domain.runs import LeftAsideLine, Run
from shared.money import Cents
from shared.web.routes import Input, Output, Page, PageQuery


class InvoiceSummary(Output):
    """An invoice in a list. ``month`` is the month of the bookings."""

    invoice: str
    number: str
    family: str
    guardian: str
    month: str
    issued_on: date
    due_on: date
    total_cents: Cents

    @classmethod
    def of(cls, invoice: Invoice) -> InvoiceSummary:
        """The answer for an invoice."""
        return cls.model_validate(_fields(invoice))


class InvoiceOut(InvoiceSummary):
    """An invoice, whole."""

    lines: tuple[InvoiceLine, ...]

    @classmethod
    def of(cls, invoice: Invoice) -> InvoiceOut:
        """The answer for an invoice."""
        return cls.model_validate({**_fields(invoice), "lines": invoice.lines})


class InvoiceQuery(PageQuery):
    """Which invoices. ``month`` is the month of the bookings."""

    family: Annotated[str, Field(max_length=40)] | None = None
    month: Month | None = None


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


class RunIn(Input):
    """The month to end."""

    month: Month


class RunOut(Output):
    """A month end; ``asked_by`` is an account, ``operator``, or ``rule`` when nobody asked.

    ``invoices`` and ``total_cents`` are of those it issued; ``left_aside`` counts the charges on
    no invoice, of which ``lines`` names at most 200. All four are None until it is finished.
    """

    run: str
    month: str
    asked_by: str
    asked_at: datetime
    finished: bool
    invoices: int | None
    total_cents: Cents | None
    left_aside: int | None
    lines: tuple[LeftAsideLine, ...] | None

    @classmethod
    def of(cls, run: Run) -> RunOut:
        """The answer for a month end."""
        outcome = run.outcome
        return cls(
            run=run.id, month=run.month, asked_by=run.asked_by, asked_at=run.asked_at,
            finished=outcome is not None,
            invoices=outcome and outcome.invoices,
            total_cents=outcome and outcome.total_cents,
            left_aside=outcome and outcome.left_aside,
            lines=outcome and outcome.lines,
        )  # fmt: skip


class RunsOut(Output):
    """The town's month ends, latest first."""

    runs: tuple[RunOut, ...]


def _fields(invoice: Invoice) -> dict[str, object]:
    return {
        "invoice": invoice.id, "number": invoice.number, "family": invoice.family,
        "guardian": invoice.guardian, "month": invoice.month, "issued_on": invoice.issued_on,
        "due_on": invoice.due_on, "total_cents": invoice.total_cents,
    }  # fmt: skip
