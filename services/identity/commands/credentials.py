"""Passwords and addresses: forgotten, changed, confirmed (ID4)."""

from __future__ import annotations

from typing import Any

from services.identity.commands.base import (
    Identity,
    account_in,
    attempt,
    change_account,
    change_by_token,
    login_taken,
    mailed_token,
    token_hash,
)
from services.identity.commands.sessions import check_credentials
from services.identity.domain import accounts, admitting
from services.identity.domain.accounts import Account, Changed
from services.identity.domain.attempts import MAIL_BY_ACCOUNT
from services.identity.domain.names import check_login_name
from services.identity.store.accounts import account_of
from shared.auth import Bearer
from shared.errors import Refused, not_found
from shared.store import DuplicateKey
from shared.web.routes import Command


async def set_password(identity: Identity, token: str, password: str, command: Command) -> None:
    """A new password by a mailed token; every login session of the account ends."""
    account_id = account_in(token)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        accounts.check_password_token(account, token_hash(token), identity.clock.machine())
        await identity.strength.check(password, account.known, "/password")
        kept = await identity.hashing.hash(password)
        return accounts.set_password(account, kept, survivor=None), {}

    await change_by_token(identity, account_id, command, decide)


async def change_password(
    identity: Identity, bearer: Bearer, current: str, new: str, caller: str, command: Command
) -> None:
    """A new password for who knows the old one; every other login session ends."""
    if await done_already(identity, bearer, command) is not None:
        return
    await check_current(identity, bearer, current, caller)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        await identity.strength.check(new, account.known, "/new_password")
        kept = await identity.hashing.hash(new)
        return accounts.set_password(account, kept, survivor=bearer.login_session), {}

    await change_account(identity, bearer.account, command, decide)


async def ask_email_change(
    identity: Identity, bearer: Bearer, new_email: str, password: str, caller: str,
    command: Command,
) -> None:  # fmt: skip
    """A new address waits to be confirmed there; until then the old one is written to."""
    if await done_already(identity, bearer, command) is not None:
        return
    await check_current(identity, bearer, password, caller)
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


async def done_already(
    identity: Identity, bearer: Bearer, command: Command
) -> dict[str, Any] | None:
    """The answer given to this command already, or None: a repetition is known before the password
    is checked, which may have changed since."""
    document = await identity.store.account(bearer.account)
    if document is None:
        raise not_found("ce compte")
    return identity.repeats.answer_in(document, command)


async def check_current(identity: Identity, bearer: Bearer, password: str, caller: str) -> None:
    """Refuse (403) a password that is not the bearer's, (429) one guess too many, (409) any where
    the account has none, but FranceConnect."""
    document = await identity.store.account(bearer.account)
    if document is None:
        raise not_found("ce compte")
    account = account_of(document)
    if account.password is None:
        raise Refused(
            "no-password",
            "Votre compte n'a pas de mot de passe. Choisissez-en un d'abord (Mot de passe oublié).",
        )
    try:
        await check_credentials(identity, account.login_name, password, caller)
    except Refused as refused:
        if refused.code == "wrong-credentials":
            raise Refused(
                "wrong-password", "Le mot de passe actuel est incorrect.", status=403
            ) from refused
        raise


async def change_login_name(
    identity: Identity, bearer: Bearer, login_name: str, password: str, caller: str,
    command: Command,
) -> None:  # fmt: skip
    """Another login name, for who knows the password; login sessions go on."""
    if await done_already(identity, bearer, command) is not None:
        return
    check_login_name(login_name, "/new_login_name")
    await check_current(identity, bearer, password, caller)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        return admitting.rename(account, login_name), {}

    try:
        await change_account(identity, bearer.account, command, decide)
    except DuplicateKey as error:
        raise login_taken("/new_login_name") from error
