"""The end of an account: closed, undone, erased (ID11); what goes with a family that is erased."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.identity.commands.base import (
    Identity,
    account_in,
    change_account,
    change_by_token,
    contended,
    mailed_token,
    token_hash,
)
from services.identity.commands.credentials import check_current, done_already
from services.identity.domain import accounts, closing
from services.identity.domain.accounts import Account, Changed
from services.identity.erasure import ERASED
from services.identity.store.accounts import account_of
from shared.auth import Bearer
from shared.erasure import Erased
from shared.web.routes import Command

_BATCH = 100
_TRIES = 20


async def close(
    identity: Identity, bearer: Bearer, password: str, caller: str, command: Command
) -> dict[str, Any]:
    """Close the bearer's account; when it will be erased: ``{due_at}``."""
    if (known := await done_already(identity, bearer, command)) is not None:
        return known
    await check_current(identity, bearer, password, caller)
    token = mailed_token(bearer.account)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        changed = closing.close(account, bearer.town, token, identity.clock.machine())
        due = changed.account.closing
        return changed, {"due_at": due.due_at if due else None}

    return await change_account(identity, bearer.account, command, decide)


async def undo(identity: Identity, bearer: Bearer) -> None:
    """Keep the bearer's account after all."""

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        return closing.undo(account), {}

    await change_account(identity, bearer.account, None, decide)


async def undo_by_token(identity: Identity, token: str, command: Command) -> None:
    """Keep an account after all, by the link of the mail."""

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        return closing.undo_by_token(account, token_hash(token), identity.clock.machine()), {}

    await change_by_token(identity, account_in(token), command, decide)


async def erase_due(identity: Identity) -> None:
    """The job that erases closed accounts when their time has come; resumable."""
    now = identity.clock.machine()
    for account_id in await identity.store.accounts_closing(now, _BATCH):
        await erase_account(identity, account_id, lambda account: closing.is_due(account, now))


async def erase_account(
    identity: Identity, account_id: str, still: Callable[[Account], bool]
) -> bool:
    """Erase an account, if it is ``still`` to be erased as it is read; whether it is gone.

    What is about it is deleted first, and by its id, so that a crash in between leaves an account
    that is erased the next time.
    """
    for _ in range(_TRIES):
        document = await identity.store.account(account_id)
        if document is None or document["state"] == "erased":
            return True
        account = account_of(document)
        if not still(account):
            return False
        await _forget(identity, account)
        changed = closing.erase(account)
        if await identity.store.erase_account(document, changed.account, changed.events):
            await _forget(identity, account)
            return True
    raise contended()


async def _forget(identity: Identity, account: Account) -> None:
    for membership in account.memberships:
        await identity.store.erase(ERASED, Erased(membership.town, account=account.id))


async def family_erased(identity: Identity, gone: Erased, but: str) -> None:
    """The town has erased a family: links to it end, and with them accounts that served nothing
    else. Twice, it finds nothing more to do. ``but``: the event that says so."""
    town, family = gone.town, gone.family or ""

    def alone(account: Account) -> bool:
        left = accounts.unlink_family(account, town, family).account
        return closing.goes_with_family(left, town)

    async def unlink(account: Account) -> tuple[Changed, dict[str, Any]]:
        return accounts.unlink_family(account, town, family), {}

    await identity.store.erase(ERASED, gone, but=but)
    for account_id in await identity.store.account_ids_of_family(town, family):
        if not await erase_account(identity, account_id, alone):
            await change_account(identity, account_id, None, unlink)
