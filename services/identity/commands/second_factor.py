"""The second factor as its holder sets it up (ID9)."""

from __future__ import annotations

from typing import Any

from services.identity.commands.base import Identity, attempt, change_account
from services.identity.commands.codes import (
    check_code,
    open_secret,
    seal_secret,
    with_code,
    wrong_code,
    wrong_credentials,
)
from services.identity.commands.credentials import check_current, done_already
from services.identity.domain import agents, second_factor
from services.identity.domain.accounts import Account, Changed
from services.identity.domain.attempts import CODE_BY_ACCOUNT
from services.identity.domain.second_factor import PendingFactor, SecondFactor
from services.identity.domain.sessions import not_recognised
from services.identity.queries import holder, town_file
from services.identity.store.sessions import session_of
from shared.auth import Bearer
from shared.errors import Refused
from shared.web.routes import Command


async def begin(
    identity: Identity, bearer: Bearer, password: str, code: str | None, caller: str,
    command: Command,
) -> tuple[str, str]:  # fmt: skip
    """A fresh secret, and its address for an application. It is in use once ``confirm``ed.

    Asks for the password, and for a code of the factor there is, if any. A repetition gives the
    same secret.
    """
    account = await holder(identity, bearer)
    if account.pending_factor is None or not await _begun_by(identity, bearer, command):
        await check_current(identity, bearer, password, caller)
        if account.second_factor is not None:
            await check_code(identity, account, code)
        secret = seal_secret(identity, account.id, second_factor.new_secret())

        async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
            pending = PendingFactor(secret=secret, begun_in=bearer.login_session)
            return Changed(account.model_copy(update={"pending_factor": pending}), ()), {}

        await change_account(identity, bearer.account, command, decide)
        account = await holder(identity, bearer)
    if account.pending_factor is None:
        raise _nothing_begun()
    opened = open_secret(identity, account.id, account.pending_factor.secret)
    _, file = await town_file(identity, bearer.town)
    return opened, second_factor.provisioning_uri(opened, account.login_name, file.name)


async def confirm(identity: Identity, bearer: Bearer, code: str, command: Command) -> list[str]:
    """The secret is in use, and the one before no longer; its recovery codes, shown here only.

    This login session, which must still be open, counts as opened with it; others have the
    guarded roles no more, and end when there was a factor before.
    """
    await attempt(identity, CODE_BY_ACCOUNT, bearer.account)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        pending = account.pending_factor
        if pending is None:
            raise _nothing_begun()
        now = identity.clock.machine()
        session = await identity.store.session(bearer.login_session)
        if session is None or not session_of(session).alive(account.epoch, account.survivor, now):
            raise not_recognised()
        secret = open_secret(identity, account.id, pending.secret)
        step = second_factor.matching_step(secret, code, now, after=0)
        if step is None:
            raise wrong_code()
        factor = SecondFactor(
            secret=pending.secret, confirmed_at=now, confirmed_in=bearer.login_session,
            last_step=step,
        )  # fmt: skip
        return agents.with_second_factor(account, factor), {}

    await change_account(identity, bearer.account, command, decide)
    await identity.store.forgive(CODE_BY_ACCOUNT, bearer.account)
    return await _codes(identity, bearer, 0)


async def renew_recovery_codes(
    identity: Identity, bearer: Bearer, password: str, code: str, caller: str, command: Command
) -> list[str]:
    """Other recovery codes, shown here only; those before are worth nothing from now on.

    Asks for the password and for a code, of the application or one of the old ones. A repetition
    gives the same codes.
    """
    known = await done_already(identity, bearer, command)
    if known is None:
        await check_current(identity, bearer, password, caller)
        await attempt(identity, CODE_BY_ACCOUNT, bearer.account)

        async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
            used = with_code(identity, account, code, wrong_credentials).second_factor
            if used is None:
                raise Refused("no-second-factor", "Votre compte n'a pas de second facteur.")
            factor = second_factor.with_new_recovery_codes(used)
            changed = account.model_copy(update={"second_factor": factor})
            return Changed(changed, ()), {"round": factor.recovery_round}

        known = await change_account(identity, bearer.account, command, decide)
        await identity.store.forgive(CODE_BY_ACCOUNT, bearer.account)
    return await _codes(identity, bearer, known["round"])


async def _codes(identity: Identity, bearer: Bearer, round_: int) -> list[str]:
    account = await holder(identity, bearer)
    if account.second_factor is None:
        raise _nothing_begun()
    secret = open_secret(identity, account.id, account.second_factor.secret)
    return second_factor.recovery_codes(secret, round_)


async def _begun_by(identity: Identity, bearer: Bearer, command: Command) -> bool:
    document = await identity.store.account(bearer.account)
    return document is not None and identity.repeats.answer_in(document, command) is not None


def _nothing_begun() -> Refused:
    return Refused("second-factor-not-begun", "Commencez par demander un nouveau secret.")
