"""Movements of accounts: each one write, with what it says, and done once; then the invoices
follow, by whoever moved, or after its death by the job."""

from __future__ import annotations

from services.billing.domain.accounts import Account, Holder, Movement
from services.billing.domain.accounts import move as decided
from services.billing.state import Billing
from services.billing.store.accounts import Read

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


async def follow(billing: Billing, read: Read) -> None:
    """Have the invoices say what the account does."""
    if read.behind:
        debts = {invoice: read.account.debts[invoice] for invoice in read.behind}
        await billing.invoices.follow(debts, read.version)
        await billing.accounts.followed(read)


async def follow_all(billing: Billing) -> None:
    """The job: what a dead process left behind."""
    for read in await billing.accounts.behind(_MOST):
        await follow(billing, read)
