"""Payments: opened on PayFiP, seen, checked, and what PayFiP and browsers bring back.

``payfip/notifications`` and ``payfip/returns`` are called by PayFiP and by browsers: they prove
nothing. All they bring is an operation's name, about which PayFiP is then asked.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from services.billing.commands import desk, online
from services.billing.domain.payments import Payment
from services.billing.queries import payments as queries
from services.billing.schemas.payments import (
    DeskPaymentIn,
    OfficeMeans,
    OfficePaymentPage,
    OperationQuery,
    PaymentForAgents,
    PaymentIn,
    PaymentOut,
    PaymentPage,
    PaymentQuery,
    PaymentSummary,
    Returned,
    ReversalIn,
)
from services.billing.state import Billing
from shared.auth import ACCOUNT, FAMILY, PUBLIC, agents, either
from shared.web.routes import Call, Empty, NoBody, NoQuery, Redirect, Route

OFFICERS = agents("billing_office", "collection_officer")
_FORM = "application/x-www-form-urlencoded"


def _shown(billing: Billing, payment: Payment) -> PaymentOut:
    return PaymentOut.at(payment, online.page(billing, payment), billing.clock.town())


async def pay(billing: Billing, call: Call[PaymentIn, NoQuery]) -> PaymentOut:
    wish = call.body
    payment = await online.pay(
        billing, call.family_scope, wish.invoices, wish.email, call.known_command
    )
    return _shown(billing, payment)


async def list_payments(billing: Billing, call: Call[NoBody, PaymentQuery]) -> PaymentPage:
    found = await queries.payments(billing, call.family_scope, call.query)
    full, now = len(found) == call.query.limit, billing.clock.town()
    return PaymentPage(
        items=tuple(PaymentSummary.of(one, now) for one in found),
        next=found[-1].id if full else None,
    )


async def list_office_payments(
    billing: Billing, call: Call[NoBody, PaymentQuery]
) -> OfficePaymentPage:
    found = await queries.payments(billing, call.agent_scope, call.query)
    full, now = len(found) == call.query.limit, billing.clock.town()
    return OfficePaymentPage(
        items=tuple(PaymentForAgents.of(one, now) for one in found),
        next=found[-1].id if full else None,
    )


async def see_payment(billing: Billing, call: Call[NoBody, NoQuery]) -> PaymentOut:
    known = await queries.payment(billing, call.family_scope, call.path["payment"])
    payment = await online.looked_at(billing, known)
    return _shown(billing, payment)


async def check_payment(billing: Billing, call: Call[NoBody, NoQuery]) -> PaymentForAgents:
    known = await queries.payment(billing, call.agent_scope, call.path["payment"])
    payment, _ = await online.resolve(billing, known)
    return PaymentForAgents.of(payment, billing.clock.town())


async def record_payment(billing: Billing, call: Call[DeskPaymentIn, NoQuery]) -> PaymentForAgents:
    payment = await desk.record(billing, call.agent_scope, call.body, call.known_command)
    return PaymentForAgents.of(payment, billing.clock.town())


async def reverse_payment(billing: Billing, call: Call[ReversalIn, NoQuery]) -> PaymentForAgents:
    scope, reason = call.agent_scope, call.body.reason
    payment = await desk.reverse(billing, scope, call.path["payment"], reason)
    return PaymentForAgents.of(payment, billing.clock.town())


async def list_means(billing: Billing, call: Call[NoBody, NoQuery]) -> OfficeMeans:
    return OfficeMeans.of((await billing.towns.get(call.town)).file)


def _operation(call: Call[NoBody, OperationQuery]) -> str:
    """PayFiP's operation, from the query or the form, in either spelling."""
    if call.query.idop or call.file is None:
        return call.query.idop
    form = parse_qs(call.file.content.decode("utf-8", "replace"))
    return next((form[name][0] for name in ("idop", "idOp") if name in form), "")


async def notify_payment(billing: Billing, call: Call[NoBody, OperationQuery]) -> Empty:
    await online.hint(billing, call.town, _operation(call))
    return Empty()


async def return_from_payment(
    billing: Billing, call: Call[NoBody, OperationQuery]
) -> Returned | Redirect:
    payment = await online.returned(billing, call.town, _operation(call))
    target = online.front_page(billing, payment)
    return Redirect(target) if target else Returned(payment=payment.id, state=payment.state)


_REFUSALS = (
    "families-differ", "offices-differ", "nothing-to-pay", "being-collected",
    "payment-too-late", "amount-too-small", "amount-too-large", "amount-changed", "payment-over",
    "online-payment-unavailable", "email-refused", "payment-not-opened",
    "online-payment-refused", "idempotency-key-reused",
)  # fmt: skip
ROUTES = [
    Route(
        "POST", "/payments", pay, "Pay one invoice or several of a family on PayFiP",
        access=FAMILY, answer=PaymentOut, body=PaymentIn, status=201, idempotent=True,
        refusals=_REFUSALS,
    ),
    Route(
        "GET", "/payments", list_payments, "The bearer's payments, newest first",
        access=FAMILY, answer=PaymentPage, query=PaymentQuery,
    ),
    Route(
        "GET", "/payments/{payment}", see_payment,
        "A payment; PayFiP is asked about one that is not finished, once in some seconds",
        access=FAMILY, answer=PaymentOut,
    ),
    Route(
        "GET", "/office/payments", list_office_payments, "The town's payments, newest first",
        access=OFFICERS, answer=OfficePaymentPage, query=PaymentQuery,
    ),
    Route(
        "POST", "/office/payments/{payment}/checks", check_payment, "Ask PayFiP about a payment",
        access=OFFICERS, answer=PaymentForAgents, idempotent=True,
    ),
    Route(
        "POST", "/office/payments", record_payment, "Enter what was handed over at the desk",
        access=OFFICERS, answer=PaymentForAgents, body=DeskPaymentIn, status=201, idempotent=True,
        refusals=(
            "families-differ", "offices-differ", "nothing-to-pay", "being-collected",
            "means-not-accepted", "too-much-cash", "voucher-too-large", "payer-unknown",
            "idempotency-key-reused",
        ),
    ),
    Route(
        "POST", "/office/payments/{payment}/reversals", reverse_payment,
        "Undo a payment that did not hold",
        access=OFFICERS, answer=PaymentForAgents, body=ReversalIn, status=201, idempotent=True,
        refusals=("payment-not-received", "reversed-by-its-bank"),
    ),
    Route(
        "GET", "/payment-means", list_means, "How the régie is paid",
        access=either(ACCOUNT, OFFICERS), answer=OfficeMeans,
    ),
    *(
        Route(
            method, "/payfip/notifications", notify_payment,
            "PayFiP says that something came of an operation",
            access=PUBLIC, answer=Empty, query=OperationQuery, status=204, max_body=4096,
            takes=(_FORM,) if method == "POST" else (),
        )
        for method in ("GET", "POST")
    ),
    *(
        Route(
            method, "/payfip/returns", return_from_payment, "A browser comes back from PayFiP",
            access=PUBLIC, answer=Returned, query=OperationQuery, redirects=True, max_body=4096,
            takes=(_FORM,) if method == "POST" else (),
        )
        for method in ("GET", "POST")
    ),
]  # fmt: skip
