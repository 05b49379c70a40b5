"""Invoices, charges, month ends and quotes."""

from __future__ import annotations

from services.billing.commands import month_ends, quotes
from services.billing.queries import invoices as queries
from services.billing.queries import printing
from services.billing.schemas.invoices import (
    ChargeOut,
    ChargeQuery,
    ChargesOut,
    InvoiceOut,
    InvoicePage,
    InvoiceQuery,
    InvoiceSummary,
    QuoteIn,
    QuoteOut,
    RunIn,
    RunOut,
    RunsOut,
)
from services.billing.state import Billing
from shared.auth import FAMILY, agents, either
from shared.web.routes import PDF, Call, File, NoBody, NoQuery, Plain, Route

_READERS = agents("billing_office", "administrator", "childcare_office")
_BILLING_OFFICE = agents("billing_office")


async def list_invoices(billing: Billing, call: Call[NoBody, InvoiceQuery]) -> Plain:
    found = await queries.listed(billing, call.scope, call.query)
    full = len(found) == call.query.limit
    if not found:
        return Plain({"items": [], "next": None})
    office = (await billing.towns.get(call.town)).file.collection_office
    items = [InvoiceSummary.kept(one, office) for one in found]
    return Plain({"items": items, "next": found[-1]["_id"] if full else None})


async def see_invoice(billing: Billing, call: Call[NoBody, NoQuery]) -> InvoiceOut:
    found = await queries.invoice(billing, call.scope, call.path["invoice"])
    office = (await billing.towns.get(call.town)).file.collection_office
    return InvoiceOut.of(found, office)


async def get_document(billing: Billing, call: Call[NoBody, NoQuery]) -> File:
    return await printing.printed(billing, call.scope, call.path["invoice"])


async def list_charges(billing: Billing, call: Call[NoBody, ChargeQuery]) -> ChargesOut:
    found = await queries.charges(billing, call.agent_scope, call.query)
    return ChargesOut(charges=tuple(ChargeOut.of(one) for one in found))


async def end_month(billing: Billing, call: Call[RunIn, NoQuery]) -> RunOut:
    scope, month = call.agent_scope, call.body.month
    run = await month_ends.run_month(billing, scope, month, call.known_command)
    return RunOut.of(run, await queries.issued_so_far(billing, run))


async def list_runs(billing: Billing, call: Call[NoBody, NoQuery]) -> RunsOut:
    found = await queries.runs(billing, call.agent_scope)
    return RunsOut(
        runs=tuple([RunOut.of(one, await queries.issued_so_far(billing, one)) for one in found])
    )


async def ask_quote(billing: Billing, call: Call[QuoteIn, NoQuery]) -> QuoteOut:
    found = await quotes.quote(billing, call.scope, call.body, call.known_command)
    return QuoteOut.of(found, "valid")


async def see_quote(billing: Billing, call: Call[NoBody, NoQuery]) -> QuoteOut:
    return QuoteOut.of(*await quotes.see(billing, call.scope, call.path["quote"]))


ROUTES = [
    Route(
        "POST", "/quotes", ask_quote, "The price of a basket, before it is validated",
        access=either(FAMILY, _READERS), answer=QuoteOut, body=QuoteIn, status=201,
        idempotent=True, refusals=("idempotency-key-reused", "decisions-waiting"),
    ),
    Route(
        "GET", "/quotes/{quote}", see_quote, "A quote, and whether it still holds",
        access=either(FAMILY, _READERS), answer=QuoteOut,
    ),
    Route(
        "GET", "/invoices", list_invoices, "Invoices the bearer may see, newest first",
        access=either(FAMILY, _READERS), answer=InvoicePage, query=InvoiceQuery,
    ),
    Route(
        "GET", "/invoices/{invoice}", see_invoice, "An invoice with its lines",
        access=either(FAMILY, _READERS), answer=InvoiceOut,
    ),
    Route(
        "GET", "/invoices/{invoice}/document.pdf", get_document,
        "An invoice or credit note to keep: accessible, archived, with its lines as data inside",
        access=either(FAMILY, _READERS), answer=PDF,
    ),
    Route(
        "GET", "/charges", list_charges, "Charges, paid at booking or in arrears, by state",
        access=_BILLING_OFFICE, answer=ChargesOut, query=ChargeQuery,
    ),
    Route(
        "POST", "/invoice-runs", end_month, "Invoice a month that is over",
        access=_BILLING_OFFICE, answer=RunOut, body=RunIn, status=201, idempotent=True,
        refusals=("month-not-over", "decisions-waiting", "idempotency-key-reused"),
    ),
    Route(
        "GET", "/invoice-runs", list_runs, "The latest month ends",
        access=_BILLING_OFFICE, answer=RunsOut,
    ),
]  # fmt: skip
