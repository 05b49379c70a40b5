"""Movements of accounts: each one write, with what it says, and done once; then the invoices
follow, by whoever moved, or after its death by the job."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from services.billing.domain.accounts import Account, Holder
from services.billing.domain.accounts import move as decided
from services.billing.domain.movements import Grant, Movement, Refund, Transferred
from services.billing.queries.accounts import holder_of
from services.billing.state import Billing
from services.billing.store.accounts import Read, account_id
from shared.auth import AgentScope
from shared.errors import Refused, not_found
from shared.ids import derived_id
from shared.tasks import each_of_all

_MOST = 200


async def move(billing: Billing, holder: Holder, movement: Movement) -> Account:
    """The account after a movement; the same movement again changes nothing.

    Raises ``Refused``: ``payment-unknown``, ``credit-too-small``.
    """
    read = await moved(billing, holder, movement)
    await follow(billing, read)
    return read.account


async def moved(billing: Billing, holder: Holder, movement: Movement) -> Read:
    """The account after a movement, whose invoices have not followed yet."""
    while True:
        read = await billing.accounts.read(holder)
        done = decided(read.account, movement)
        if done.account is read.account:
            return read
        if now := await billing.accounts.write(read, movement, done):
            return now


async def by_agent(
    billing: Billing, scope: AgentScope, family: str, movement: Grant | Refund
) -> Account:
    """Credit that an agent gives, or gives back; the same command again has one effect.

    Raises ``Refused``: 404, ``credit-too-small``, ``idempotency-key-reused``.
    """
    await billing.card_of(scope, family)
    holder = await holder_of(billing, scope.town, family)
    after = await move(billing, holder, movement)
    known = await billing.accounts.movement(holder, movement.id)
    said = asdict(movement)
    if known is not None and any(known.get(name) != value for name, value in said.items()):
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à une autre demande.", status=422
        )
    return after


async def hand_over(billing: Billing, scope: AgentScope, family: str, transfer: str) -> Account:
    """Take a refund off the list of those to be made. Raises ``Refused`` (404)."""
    await billing.card_of(scope, family)
    _id = derived_id("transferred", transfer)
    for account in await billing.accounts.of_family(scope.town, family):
        if _id in account.done or transfer in {one.id for one in account.transfers}:
            return await move(billing, account.holder, Transferred(_id, transfer))
    raise not_found("ce remboursement")


async def follow(billing: Billing, read: Read) -> None:
    """Have the invoices say what the account does."""
    if read.behind:
        debts = {invoice: read.account.debts[invoice] for invoice in read.behind}
        await billing.invoices.follow(debts, read.version)
        await billing.accounts.followed(read)


async def follow_all(billing: Billing) -> None:
    """The job: what a dead process left behind."""
    await each_of_all(
        lambda after: billing.accounts.behind(after, _MOST),
        lambda read: account_id(read.account.holder),
        partial(follow, billing),
    )
