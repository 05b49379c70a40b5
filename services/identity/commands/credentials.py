"""Passwords and addresses: forgotten, changed, confirmed (ID4)."""

from __future__ import annotations

from typing import Any

from services.identity.commands.base import (
    Identity,
    account_in,
    attempt,
    change_account,
    change_by_token,
    mailed_token,
    token_hash,
)
from services.identity.commands.sessions import check_credentials
from services.identity.domain import accounts
from services.identity.domain.accounts import Account, Changed
from services.identity.domain.attempts import MAIL_BY_ACCOUNT
from services.identity.domain.passwords import check_password
from services.identity.store.accounts import account_of
from shared.auth import Bearer
from shared.errors import Refused, not_found
from shared.web.routes import Command


async def set_password(identity: Identity, token: str, password: str, command: Command) -> None:
    """A new password by a mailed token; every login session of the account ends."""
    account_id = account_in(token)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        accounts.check_password_token(account, token_hash(token), identity.clock.machine())
        check_password(password, account.login_name, account.email, "/password")
        kept = await identity.hashing.hash(password)
        return accounts.set_password(account, kept, survivor=None), {}

    await change_by_token(identity, account_id, command, decide)


async def change_password(
    identity: Identity, bearer: Bearer, current: str, new: str, caller: str, command: Command
) -> None:
    """A new password for who knows the old one; every other login session ends."""
    if await _done_already(identity, bearer, command):
        return
    await _check_current(identity, bearer, current, caller)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        check_password(new, account.login_name, account.email, "/new_password")
        kept = await identity.hashing.hash(new)
        return accounts.set_password(account, kept, survivor=bearer.login_session), {}

    await change_account(identity, bearer.account, command, decide)


async def ask_email_change(
    identity: Identity, bearer: Bearer, new_email: str, password: str, caller: str,
    command: Command,
) -> None:  # fmt: skip
    """A new address waits to be confirmed there; until then the old one is written to."""
    if await _done_already(identity, bearer, command):
        return
    await _check_current(identity, bearer, password, caller)
    await attempt(identity, MAIL_BY_ACCOUNT, bearer.account)
    token = mailed_token(bearer.account)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        now = identity.clock.machine()
        return accounts.ask_email(account, bearer.town, new_email, token, now), {}

    await change_account(identity, bearer.account, command, decide)


async def confirm_email(identity: Identity, token: str, command: Command) -> None:
    """The address that received the token is the account's from now on."""
    account_id = account_in(token)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        now = identity.clock.machine()
        return accounts.confirm_email(account, token_hash(token), now), {}

    await change_by_token(identity, account_id, command, decide)


async def _done_already(identity: Identity, bearer: Bearer, command: Command) -> bool:
    """A repetition is known before the password is checked: it may have changed since."""
    document = await identity.store.account(bearer.account)
    if document is None:
        raise not_found("ce compte")
    return identity.repeats.answer_in(document, command) is not None


async def _check_current(identity: Identity, bearer: Bearer, password: str, caller: str) -> None:
    document = await identity.store.account(bearer.account)
    if document is None:
        raise not_found("ce compte")
    try:
        await check_credentials(identity, account_of(document).login_name, password, caller)
    except Refused as refused:
        if refused.code == "wrong-credentials":
            raise Refused(
                "wrong-password", "Le mot de passe actuel est incorrect.", status=403
            ) from refused
        raise
