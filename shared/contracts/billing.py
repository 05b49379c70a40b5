"""What billing says."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.contracts.erasure import HoldsBack
from shared.events import Event


class InvoiceIssued(Event, service="billing", name="invoice-issued", kind="fact", public=True):
    """An invoice has its number. ``month`` is its first day; amounts are in cents.

    ``invoice_kind``: of a month, of a ``booking`` paid at once (``request``), or a credit note of
    another invoice (``credited``). ``delivery``: whether the family reads it on line or gets paper.
    ``to_pay_cents``: what is to be paid of it, after credit was
    taken off; nothing when a rest too small is carried to the next. ``mandate_reference``: the
    mandate (RUM) in force by which it is to be collected, from ``due_on`` at the earliest.
    """

    invoice: str
    number: str
    family: str
    guardian: str
    month: date
    total_cents: int
    due_on: date
    invoice_kind: Literal["month", "booking", "credit_note"] = "month"
    to_pay_cents: int | None = None
    request: str | None = None
    credited: str | None = None
    delivery: Literal["online", "paper"] = "online"
    mandate_reference: str | None = None


class _OfAccount(BaseModel):
    """Of a family's account with a collection office (its code). Amounts are in cents."""

    family: str
    office: str


class Settled(BaseModel):
    """What a payment settled of an invoice."""

    model_config = ConfigDict(frozen=True)

    invoice: str
    cents: int


class PaymentReceived(
    _OfAccount, Event, service="billing", name="payment-received", kind="fact", public=True
):
    """A family's money came in; ``credit_cents`` of it settled no invoice. ``payer``: the guardian
    who paid, where that is known."""

    payment: str
    cents: int
    settled: tuple[Settled, ...]
    credit_cents: int
    payer: str | None = None


class PaymentReversed(
    _OfAccount, Event, service="billing", name="payment-reversed", kind="fact", public=True
):
    """A payment did not hold."""

    payment: str


class InvoiceSettled(
    _OfAccount, Event, service="billing", name="invoice-settled", kind="fact", public=True
):
    """Nothing is to be paid for an invoice: ``carried_cents`` of it will be asked with the next.

    ``request`` is the booking request whose places waited for it, where they still did.
    """

    invoice: str
    request: str | None = None
    carried_cents: int = 0


class InvoiceReopened(
    _OfAccount, Event, service="billing", name="invoice-reopened", kind="fact", public=True
):
    """``left_cents`` of an invoice are to be paid again, since a payment did not hold."""

    invoice: str
    left_cents: int


class PaymentExpired(
    _OfAccount, Event, service="billing", name="payment-expired", kind="fact", public=True
):
    """An invoice was not paid, in time or before its family took back what it was for: it is void,
    and that may be given to others."""

    invoice: str
    request: str | None = None


class PaidLate(_OfAccount, Event, service="billing", name="paid-late", kind="fact", public=True):
    """An invoice was paid after it had been voided: the money is credit, the places are gone."""

    invoice: str
    request: str


class CreditGranted(
    _OfAccount, Event, service="billing", name="credit-granted", kind="fact", public=True
):
    """A family has credit: what it had paid for ``invoice``, or what the town gives."""

    movement: str
    cents: int
    invoice: str | None = None


class CreditUsed(
    _OfAccount, Event, service="billing", name="credit-used", kind="fact", public=True
):
    """Credit settled a part of an invoice, or all of it."""

    invoice: str
    cents: int


class CreditRefunded(
    _OfAccount, Event, service="billing", name="credit-refunded", kind="fact", public=True
):
    """Money is to be given back by transfer."""

    movement: str
    cents: int


class TaskOpened(Event, service="billing", name="task-opened", kind="fact", public=True):
    """Something about a family's money waits for an agent; ``payment`` and ``request`` say what it
    is about."""

    task: str
    task_kind: str
    family: str
    cents: int | None = None
    payment: str | None = None
    request: str | None = None


class TaskDone(Event, service="billing", name="task-done", kind="fact", public=True):
    """An agent has seen to it, or it came right ``by_itself``."""

    task: str
    task_kind: str
    family: str
    by_itself: bool


class DirectDebitChanged(
    _OfAccount, Event, service="billing", name="direct-debit-changed", kind="fact"
):
    """What became of a guardian's request of direct debit, or of the mandate it came to.

    ``mandate_reference`` is the RUM, ``creditor`` the ICS. ``counts_from``: the month of the first
    invoice. ``reason``: an agent's words, or what a bank said.
    """

    guardian: str
    step: Literal[
        "requested", "accepted", "amended", "refused", "withdrawn", "suspended", "resumed", "ended"
    ]
    ended_for: (
        Literal["revoked", "by-office", "replaced", "lapsed", "collected", "rejected"] | None
    ) = None
    mandate_reference: str | None = None
    creditor: str | None = None
    counts_from: str | None = None
    reason: str | None = None


class DebitChanged(_OfAccount, Event, service="billing", name="debit-changed", kind="fact"):
    """What becomes of a direct debit ``on`` a day, for the guardian whose account it is: it is
    ``announced``; ``cancelled``; ``rejected`` before it was paid, or ``returned`` after. ``family``
    is the record that gave the mandate.

    ``invoices``: their numbers. ``mandate_reference`` is the RUM, ``creditor`` the ICS.
    ``reason``: what the bank said, in words.
    """

    debit: str
    guardian: str
    step: Literal["announced", "cancelled", "rejected", "returned"]
    cents: int
    on: date
    invoices: tuple[str, ...]
    mandate_reference: str
    creditor: str
    reason: str | None = None


class ErasureAnswered(Event, service="billing", name="erasure-answered", kind="fact"):
    """What holds the erasure of a family back here; nothing, when empty."""

    erasure: str
    family: str
    holds: tuple[HoldsBack, ...]
