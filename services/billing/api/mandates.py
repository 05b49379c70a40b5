"""Direct debit: asked for and left by families, answered by agents."""

from __future__ import annotations

from services.billing.commands import mandates
from services.billing.commands.online_invoices import next_month
from services.billing.domain.debits.mandates import DirectDebit
from services.billing.queries import mandates as queries
from services.billing.schemas.mandates import (
    AcceptanceIn,
    BankDetailsOut,
    DebitRecapIn,
    DebitRecapOut,
    DirectDebitOut,
    DirectDebitPage,
    DirectDebitQuery,
    EndIn,
    FamilyIn,
    RefusalIn,
    RequestIn,
)
from services.billing.schemas.online_invoices import FamilyQuery
from services.billing.state import Billing
from shared.auth import FAMILY, agents, either
from shared.banking import bank_name_of
from shared.web.routes import PDF, Call, File, NoBody, NoQuery, Route

OFFICERS = agents("billing_office", "collection_officer")
_ACCESS = either(FAMILY, OFFICERS)


async def see_direct_debit(billing: Billing, call: Call[NoBody, FamilyQuery]) -> DirectDebitOut:
    held, _, file = await queries.found(billing, call.scope, call.query.family)
    month = await next_month(billing, file, held.debit.family)
    return DirectDebitOut.of(held.debit, file, month)


async def recap_direct_debit(billing: Billing, call: Call[DebitRecapIn, NoQuery]) -> DebitRecapOut:
    held, _, file = await queries.found(billing, call.scope, call.body.family)
    wanted = call.body.direct_debit
    if wanted:
        queries.collecting(file)
    month = await next_month(billing, file, held.debit.family)
    return DebitRecapOut.of(held.debit.family, month, file, wanted=wanted)


async def ask_direct_debit(billing: Billing, call: Call[RequestIn, NoQuery]) -> DirectDebitOut:
    debit = await mandates.ask(billing, call.scope, call.body, call.known_command)
    return await _answer(billing, call.town, debit)


async def leave_direct_debit(billing: Billing, call: Call[FamilyIn, NoQuery]) -> DirectDebitOut:
    debit = await mandates.leave(billing, call.scope, call.body.family, call.known_command)
    return await _answer(billing, call.town, debit)


async def see_bank_details(billing: Billing, call: Call[NoBody, FamilyQuery]) -> BankDetailsOut:
    debit, details = await queries.bank_details(
        billing, call.scope, call.known_bearer, call.query.family
    )
    return BankDetailsOut(family=debit.family, **details._asdict(), bank=bank_name_of(details.iban))


async def print_mandate(billing: Billing, call: Call[NoBody, FamilyQuery]) -> File:
    call.act.concerns(family=call.query.family)
    return await queries.printed(billing, call.scope, call.known_bearer, call.query.family)


async def list_direct_debits(
    billing: Billing, call: Call[NoBody, DirectDebitQuery]
) -> DirectDebitPage:
    asked = call.query
    found = await queries.listed(billing, call.agent_scope, asked.state, asked.after, asked.limit)
    file = (await billing.towns.get(call.town)).file
    items = tuple(DirectDebitOut.of(one, file) for one in found)
    return DirectDebitPage(items=items, next=items[-1].id if len(items) == asked.limit else None)


async def accept_request(billing: Billing, call: Call[AcceptanceIn, NoQuery]) -> DirectDebitOut:
    debit = await mandates.accept(
        billing, call.agent_scope, call.path["family"], call.body, call.known_command
    )
    return await _answer(billing, call.town, debit)


async def refuse_request(billing: Billing, call: Call[RefusalIn, NoQuery]) -> DirectDebitOut:
    debit = await mandates.refuse(
        billing, call.agent_scope, call.path["family"], call.body, call.known_command
    )
    return await _answer(billing, call.town, debit)


async def resume_mandate(billing: Billing, call: Call[NoBody, NoQuery]) -> DirectDebitOut:
    debit = await mandates.resume(
        billing, call.agent_scope, call.path["family"], call.known_command
    )
    return await _answer(billing, call.town, debit)


async def end_mandate(billing: Billing, call: Call[EndIn, NoQuery]) -> DirectDebitOut:
    debit = await mandates.end(
        billing, call.agent_scope, call.path["family"], call.body, call.known_command
    )
    return await _answer(billing, call.town, debit)


async def _answer(billing: Billing, town: str, debit: DirectDebit) -> DirectDebitOut:
    file = (await billing.towns.get(town)).file
    return DirectDebitOut.of(debit, file, await next_month(billing, file, debit.family))


ROUTES = [
    Route(
        "GET", "/direct-debit", see_direct_debit,
        "Whether a family's invoices are collected, and from which a request would count",
        access=_ACCESS, answer=DirectDebitOut, query=FamilyQuery,
    ),
    Route(
        "POST", "/direct-debit/recaps", recap_direct_debit,
        "Join or leave direct debit, step 1: what it would mean; nothing changes",
        access=_ACCESS, answer=DebitRecapOut, body=DebitRecapIn,
        refusals=("direct-debit-unavailable",),
    ),
    Route(
        "POST", "/direct-debit/requests", ask_direct_debit,
        "Join direct debit, step 2: a request, with the account to collect from",
        access=_ACCESS, answer=DirectDebitOut, body=RequestIn, status=201, idempotent=True,
        refusals=(
            "direct-debit-unavailable", "month-changed", "request-waiting", "agreement-date",
            "iban-invalid", "iban-not-sepa", "bic-invalid", "guardian-missing",
            "idempotency-key-reused",
        ),
    ),
    Route(
        "POST", "/direct-debit/revocations", leave_direct_debit,
        "Leave direct debit, step 2: a request is taken back, a mandate revoked",
        access=_ACCESS, answer=DirectDebitOut, body=FamilyIn, status=201, idempotent=True,
        refusals=("no-direct-debit", "idempotency-key-reused"),
    ),
    Route(
        "GET", "/direct-debit/bank-details", see_bank_details,
        "The account to collect from, in full; each reading is recorded",
        access=_ACCESS, answer=BankDetailsOut, query=FamilyQuery,
    ),
    Route(
        "GET", "/direct-debit/mandate.pdf", print_mandate,
        "The mandate in force, to sign; each reading is recorded",
        access=_ACCESS, answer=PDF, query=FamilyQuery,
    ),
    Route(
        "GET", "/office/direct-debits", list_direct_debits,
        "The town's requests and mandates of direct debit",
        access=OFFICERS, answer=DirectDebitPage, query=DirectDebitQuery,
    ),
    Route(
        "POST", "/office/direct-debits/{family}/acceptances", accept_request,
        "Accept a request: it comes to a mandate, or gives it other bank details",
        access=OFFICERS, answer=DirectDebitOut, body=AcceptanceIn, status=201, idempotent=True,
        refusals=(
            "request-decided", "agreement-date", "direct-debit-unavailable",
            "idempotency-key-reused",
        ),
    ),
    Route(
        "POST", "/office/direct-debits/{family}/refusals", refuse_request, "Refuse a request",
        access=OFFICERS, answer=DirectDebitOut, body=RefusalIn, status=201, idempotent=True,
        refusals=("request-decided", "idempotency-key-reused"),
    ),
    Route(
        "POST", "/office/direct-debits/{family}/resumptions", resume_mandate,
        "Use a suspended mandate again",
        access=OFFICERS, answer=DirectDebitOut, status=201, idempotent=True,
        refusals=("mandate-not-suspended", "idempotency-key-reused"),
    ),
    Route(
        "POST", "/office/direct-debits/{family}/ends", end_mandate,
        "End a mandate, at once or after one more collection",
        access=OFFICERS, answer=DirectDebitOut, body=EndIn, status=201, idempotent=True,
        refusals=("idempotency-key-reused",),
    ),
]  # fmt: skip
