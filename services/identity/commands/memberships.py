"""One account in several towns and families: switching, the notice read, a link withdrawn."""

from __future__ import annotations

from typing import Any

from services.identity.commands.base import Identity, change_account, need_town
from services.identity.commands.following import records_about
from services.identity.commands.sessions import (
    Tokens,
    join_town,
    need_holder,
    open_session,
    opened_by,
)
from services.identity.domain import accounts, agents
from services.identity.domain.accounts import Account, Changed
from services.identity.domain.following import withdraw
from services.identity.domain.sessions import not_recognised
from services.identity.store.sessions import session_of
from shared.auth import AgentScope, Bearer
from shared.contracts.town_file import TownFile
from shared.errors import Refused, not_found
from shared.web.routes import Command


async def switch_town(
    identity: Identity, bearer: Bearer, town: str, device: str, command: Command
) -> Tokens:
    """A login session in another town, joined if need be, without typing the password again.

    It lasts no longer than that of which it comes: the password is typed once in thirty days.
    """
    if (opened := await opened_by(identity, command)) is not None:
        return opened
    await need_town(identity, town)
    document = await identity.store.session(bearer.login_session)
    holder = await need_holder(identity, bearer.account)
    if document is None:
        raise not_recognised()
    session = session_of(document)
    if not session.alive(holder.epoch, holder.survivor, identity.clock.machine()):
        raise not_recognised()
    await join_town(identity, holder.id, town)
    return await open_session(
        identity, holder.id, town, device, command, epoch=holder.epoch,
        authenticated_at=session.authenticated_at,
        strong=agents.is_strong(holder, session.id, opened_strong=session.strong),
    )  # fmt: skip


async def read_notice(identity: Identity, bearer: Bearer, version: str, command: Command) -> None:
    """« J'ai compris » : kept with the instant and the version. Refused (409) for another version
    than the town's own."""
    document = await identity.store.town(bearer.town)
    if document is None:
        raise not_found("cette commune")
    notice = TownFile.model_validate(document["file"]).first_login_notice
    if notice is None or notice.version != version:
        raise Refused("notice-outdated", "Ce message a changé depuis : relisez-le.")

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        return accounts.read_notice(account, bearer.town, version, identity.clock.machine()), {}

    await change_account(identity, bearer.account, command, decide)


async def unlink_family(
    identity: Identity, scope: AgentScope, account_id: str, family: str
) -> None:
    """Withdraw an account's link to a family, and those from which it follows; its tokens lose it
    within five minutes. What proved it until now, a key or an invitation, proves it no more; those
    that are still open are revoked. Cut short, the same again goes on."""

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        if account.membership(scope.town) is None:
            raise not_found("ce compte")
        records = await records_about(identity, scope.town, account)
        now = identity.clock.machine()
        return withdraw(account, scope.town, family, records, now), {}

    await change_account(identity, account_id, None, decide)
    holder = await need_holder(identity, account_id)
    for (record, guardian), at in holder.withdrawn(scope.town).items():
        await identity.store.revoke_keys_of(scope.town, record, guardian, at)
        await identity.store.revoke_invitations_of(scope.town, record, guardian, at)
