"""The online invoice: the current choice, and another in two steps."""

from __future__ import annotations

from services.billing.commands import online_invoices
from services.billing.schemas.online_invoices import (
    ChoiceIn,
    FamilyQuery,
    OnlineInvoiceOut,
    RecapOut,
    WishIn,
)
from services.billing.state import Billing
from shared.auth import FAMILY, agents, either
from shared.web.routes import Call, NoBody, NoQuery, Route

_ACCESS = either(FAMILY, agents("billing_office", "childcare_office"))


async def see_online_invoice(billing: Billing, call: Call[NoBody, FamilyQuery]) -> OnlineInvoiceOut:
    found = await online_invoices.standing(billing, call.scope, call.query.family)
    return OnlineInvoiceOut.of(found)


async def recap_online_invoice(billing: Billing, call: Call[WishIn, NoQuery]) -> RecapOut:
    found = await online_invoices.standing(billing, call.scope, call.body.family)
    return RecapOut.of(found, online=call.body.online)


async def choose_online_invoice(
    billing: Billing, call: Call[ChoiceIn, NoQuery]
) -> OnlineInvoiceOut:
    chosen = await online_invoices.choose(billing, call.scope, call.body, call.known_command)
    return OnlineInvoiceOut.of(chosen)


ROUTES = [
    Route(
        "GET", "/online-invoice", see_online_invoice,
        "Whether a family's invoices come on line, and from which a change would count",
        access=_ACCESS, answer=OnlineInvoiceOut, query=FamilyQuery,
    ),
    Route(
        "POST", "/online-invoice/recaps", recap_online_invoice,
        "Join or leave the online invoice, step 1: what it would mean; nothing changes",
        access=_ACCESS, answer=RecapOut, body=WishIn,
    ),
    Route(
        "POST", "/online-invoice/choices", choose_online_invoice,
        "Join or leave the online invoice, step 2",
        access=_ACCESS, answer=OnlineInvoiceOut, body=ChoiceIn, status=201, idempotent=True,
        refusals=("month-changed", "idempotency-key-reused"),
    ),
]  # fmt: skip
