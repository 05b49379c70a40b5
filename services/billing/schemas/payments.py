"""Request and response models of payments. Amounts are in euro cents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AliasChoices, ConfigDict, Field

from services.billing.domain.payments import (
    MEANS,
    Means,
    Part,
    Payment,
    Problem,
    Reversal,
    State,
    is_awaited,
)
from shared.contracts.town_file import DeskMeans, TownFile
from shared.money import Cents
from shared.web.routes import Input, Output, Page, PageQuery

_Id = Annotated[str, Field(min_length=1, max_length=60)]


def _each_once(invoices: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(invoices)) != len(invoices):
        raise ValueError("Chaque facture n'est payée qu'une fois.")
    return invoices


_Invoices = Annotated[
    tuple[_Id, ...], Field(min_length=1, max_length=50), AfterValidator(_each_once)
]


class PaymentIn(Input):
    """Invoices to be paid together on line, and where PayFiP writes to."""

    invoices: _Invoices
    email: Annotated[str, Field(max_length=80, description="PayFiP sends its ticket there")]


class DeskPaymentIn(Input):
    """What was handed over, for invoices of a family in this order; more than they need becomes
    credit. ``reference``: the number on a cheque or a voucher."""

    family: _Id
    means: DeskMeans
    cents: Annotated[int, Field(ge=1, le=10_000_000)]
    invoices: _Invoices
    payer: Annotated[_Id | None, Field(description="The guardian who pays")] = None
    reference: Annotated[str, Field(pattern=r"^[A-Za-z0-9 /.-]{1,40}$")] | None = None


class ReversalIn(Input):
    """Why a payment did not hold."""

    reason: Annotated[str, Field(min_length=3, max_length=200)]


class AcceptedOut(Output):
    """A means of payment: ``text`` in words that families know; taken for all, or for these
    activities (by name) and children below an age."""

    means: Means
    text: str
    activities: tuple[str, ...]
    age_below: int | None
    note: str | None


class OfficeMeans(Output):
    """How the régie is paid."""

    office: str
    label: str
    means: tuple[AcceptedOut, ...]

    @classmethod
    def of(cls, file: TownFile) -> OfficeMeans:
        """The means that the town declares; PayFiP first."""
        names = {one.id: one.name for one in file.activities}
        office = file.collection_office
        online = (AcceptedOut(means="payfip", text=MEANS["payfip"], activities=(), age_below=None,
                              note="Carte bancaire ou prélèvement unique"),)  # fmt: skip
        return cls(
            office=office.code, label=office.label,
            means=(
                *(online if office.payfip else ()),
                *(
                    AcceptedOut(
                        means=one.means, text=MEANS[one.means], age_below=one.age_below,
                        activities=tuple(names[each] for each in one.activities), note=one.note,
                    )
                    for one in office.means
                ),
            ),
        )  # fmt: skip


class PaymentSummary(Output):
    """A payment. ``since``: when it came into its state. ``awaited``: the payer came back from
    PayFiP's page, which may have been paid: paying again, before its result is known, may be paying
    twice."""

    payment: str
    family: str
    office: str
    means: Means
    cents: Cents
    invoices: tuple[Part, ...]
    state: State
    awaited: bool
    created_at: datetime
    since: datetime

    @classmethod
    def of(cls, payment: Payment, now: datetime) -> PaymentSummary:
        """The answer for a payment."""
        return cls.model_validate(_fields(payment, now))


class PaymentOut(PaymentSummary):
    """A payment, and the address of PayFiP's page while it may be opened."""

    page: Annotated[
        str | None,
        Field(description="Where the payer's browser goes, once, within a quarter of an hour"),
    ]

    @classmethod
    def at(cls, payment: Payment, page: str | None, now: datetime) -> PaymentOut:
        """The answer for a payment whose page is there."""
        return cls.model_validate({**_fields(payment, now), "page": page})


class PaymentForAgents(PaymentSummary):
    """A payment as agents see it. ``reference``: the régie's own word for it at PayFiP, or what is
    written on a cheque or a voucher."""

    reference: str | None
    payer: str | None
    reversal: Reversal | None
    operation: str | None
    letter: str | None
    problem: Problem | None

    @classmethod
    def of(cls, payment: Payment, now: datetime) -> PaymentForAgents:
        """The answer for a payment."""
        return cls.model_validate(
            {**_fields(payment, now), "reference": payment.refdet or payment.reference,
             "payer": payment.payer, "reversal": payment.reversal, "operation": payment.idop,
             "letter": payment.letter, "problem": payment.problem}
        )  # fmt: skip


class PaymentQuery(PageQuery):
    """Which payments; ``undetermined`` ones wait for an agent."""

    family: Annotated[str, Field(max_length=40)] | None = None
    state: State | None = None


class PaymentPage(Page[PaymentSummary]):
    """Payments, newest first."""


class OfficePaymentPage(Page[PaymentForAgents]):
    """Payments as agents see them, newest first."""


class OperationQuery(Input):
    """What PayFiP sends along: its operation, in either spelling; whatever else is ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    idop: Annotated[str, Field(max_length=64, validation_alias=AliasChoices("idop", "idOp"))] = ""


class Returned(Output):
    """What came of a payment, for whoever knows its operation."""

    payment: str
    state: State


def _fields(payment: Payment, now: datetime) -> dict[str, object]:
    return {
        "payment": payment.id, "family": payment.family, "office": payment.office,
        "means": payment.means, "cents": payment.cents, "invoices": payment.parts,
        "state": payment.state, "awaited": is_awaited(payment, now),
        "created_at": payment.created_at, "since": payment.since,
    }  # fmt: skip
