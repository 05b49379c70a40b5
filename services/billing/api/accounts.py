"""Accounts: credit, refunds and transfers."""

from __future__ import annotations

from services.billing.commands import accounts
from services.billing.domain.movements import Grant, Refund
from services.billing.queries import accounts as queries
from services.billing.schemas.accounts import (
    AccountOut,
    CreditIn,
    RefundIn,
    TransferOut,
    TransferPage,
)
from services.billing.state import Billing
from shared.auth import FAMILY, AgentScope, agents, either
from shared.web.routes import Call, NoBody, NoQuery, PageQuery, Route

_OFFICE = agents("billing_office", "collection_officer")


async def see_account(billing: Billing, call: Call[NoBody, NoQuery]) -> AccountOut:
    found = await queries.account(billing, call.scope, call.path["family"])
    return AccountOut.of(found, sources=isinstance(call.scope, AgentScope))


async def give_credit(billing: Billing, call: Call[CreditIn, NoQuery]) -> AccountOut:
    family, command = call.path["family"], call.known_command
    call.act.concerns(family=family)
    grant = Grant(command.id, call.body.cents, reason=call.body.reason)
    return AccountOut.of(await accounts.by_agent(billing, call.agent_scope, family, grant))


async def refund(billing: Billing, call: Call[RefundIn, NoQuery]) -> AccountOut:
    family, command = call.path["family"], call.known_command
    call.act.concerns(family=family)
    wanted = Refund(command.id, call.body.cents, call.body.payment)
    return AccountOut.of(await accounts.by_agent(billing, call.agent_scope, family, wanted))


async def list_transfers(billing: Billing, call: Call[NoBody, PageQuery]) -> TransferPage:
    accounts, names, after = await queries.transfers(
        billing, call.agent_scope, call.query.after, call.query.limit
    )
    return TransferPage(
        items=tuple(
            TransferOut.of(one, transfer, names) for one in accounts for transfer in one.transfers
        ),
        next=after,
    )


async def hand_over(billing: Billing, call: Call[NoBody, NoQuery]) -> AccountOut:
    family, transfer = call.path["family"], call.path["transfer"]
    call.act.concerns(family=family)
    return AccountOut.of(await accounts.hand_over(billing, call.agent_scope, family, transfer))


ROUTES = [
    Route(
        "GET", "/accounts/{family}", see_account, "What a family owes and is owed",
        access=either(FAMILY, _OFFICE), answer=AccountOut,
    ),
    Route(
        "POST", "/accounts/{family}/credits", give_credit, "Give a family credit",
        access=_OFFICE, answer=AccountOut, body=CreditIn, status=201, idempotent=True,
        refusals=("idempotency-key-reused",),
    ),
    Route(
        "POST", "/accounts/{family}/refunds", refund, "Give credit back by transfer",
        access=_OFFICE, answer=AccountOut, body=RefundIn, status=201, idempotent=True,
        refusals=("credit-too-small", "idempotency-key-reused"),
    ),
    Route(
        "GET", "/transfers", list_transfers, "Refunds that are to be made by transfer",
        access=_OFFICE, answer=TransferPage, query=PageQuery,
    ),
    Route(
        "POST", "/accounts/{family}/transfers/{transfer}/sent", hand_over,
        "A refund was handed over to the Treasury",
        access=_OFFICE, answer=AccountOut, idempotent=True,
    ),
]  # fmt: skip
