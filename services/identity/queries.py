"""Use cases that only read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from services.identity.commands.base import Identity
from services.identity.commands.franceconnect_offer import Offer, offered
from services.identity.domain.accounts import Account, Link, Membership, NoticeRead
from services.identity.domain.admitting import Invitation, InvitationState
from services.identity.domain.agents import is_agent, roles_on
from services.identity.domain.family_keys import FamilyKey, State, state_of
from services.identity.domain.sessions import LoginSession
from services.identity.schemas.towns import (
    TownFileKept,
    TownFilePage,
    TownFileSaved,
    TownFilesQuery,
)
from services.identity.store.accounts import account_of
from shared.auth import AgentScope, Bearer, FamilyScope
from shared.contracts.town_file import Notice, TownFile
from shared.errors import not_found


async def town_file(identity: Identity, town: str) -> tuple[int, TownFile]:
    """The town's file and its version. Refused (404) when it was never loaded."""
    document = await identity.store.town(town)
    if document is None:
        raise not_found("cette commune")
    return document["version"], TownFile.model_validate(document["file"])


async def town_file_saved(
    identity: Identity, town: str, version: int | None = None
) -> TownFileSaved:
    """A version of the town's file, by default the one in force. Refused (404) when there is
    none."""
    found = await identity.store.town(town)
    if found is not None and version not in (None, found["version"]):
        found = await identity.store.town_file(town, version or 0)
    if found is None:
        raise not_found("cette commune" if version is None else "cette version")
    return TownFileSaved(**_kept(found), file=TownFile.model_validate(found["file"]))


async def town_files(identity: Identity, town: str, wanted: TownFilesQuery) -> TownFilePage:
    """Versions of the town's file, the newest first. Refused (404) when it was never loaded."""
    current = await identity.store.town(town)
    if current is None:
        raise not_found("cette commune")
    found = [current] if wanted.after is None else []
    found += await identity.store.replaced_files(
        town, min(wanted.after or current["version"], current["version"]),
        wanted.limit - len(found) + 1,
    )  # fmt: skip
    shown = found[: wanted.limit]
    return TownFilePage(
        items=tuple(TownFileKept(**_kept(one)) for one in shown),
        next=shown[-1]["version"] if len(found) > len(shown) else None,
    )


def _kept(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in ("version", "saved_at", "saved_by")}


async def franceconnect(identity: Identity, town: str) -> Offer | None:
    """What the town offers with FranceConnect, or None. Refused (404) when it was never loaded."""
    document = await identity.store.town(town)
    if document is None:
        raise not_found("cette commune")
    return offered(identity, town, document["file"].get("franceconnect"))


async def holder(identity: Identity, bearer: Bearer) -> Account:
    """The bearer's own account."""
    document = await identity.store.account(bearer.account)
    if document is None:
        raise not_found("ce compte")
    return account_of(document)


async def login_sessions(identity: Identity, bearer: Bearer) -> list[LoginSession]:
    """The login sessions of the bearer's account that still give tokens, latest first."""
    account = await holder(identity, bearer)
    now = identity.clock.machine()
    return [
        session
        for session in await identity.store.sessions_of(bearer.account)
        if session.alive(account.epoch, account.survivor, now)
    ]


async def family_links(identity: Identity, scope: FamilyScope) -> list[dict[str, Any]]:
    """The bearer's links in the town: ``{family, guardian, since, reference}``."""
    document = await identity.store.account(scope.account)
    membership = account_of(document).membership(scope.town) if document else None
    links = membership.families if membership else ()
    copies = await identity.store.families(scope.town, [link.family for link in links])
    references = {copy["_id"]: copy["reference"] for copy in copies}
    return [
        {
            "family": link.family,
            "guardian": link.guardian,
            "since": link.since,
            "reference": references.get(link.family),
        }
        for link in links
    ]


async def my_towns(identity: Identity, bearer: Bearer) -> list[tuple[Membership, str]]:
    """The bearer's memberships, each with the town's name."""
    account = await holder(identity, bearer)
    names = await identity.store.town_names([one.town for one in account.memberships])
    return [(one, names.get(one.town, one.town)) for one in account.memberships]


async def notice(identity: Identity, bearer: Bearer) -> tuple[Notice | None, NoticeRead | None]:
    """The town's notice, and what the bearer has read of it."""
    _, file = await town_file(identity, bearer.town)
    membership = (await holder(identity, bearer)).membership(bearer.town)
    return file.first_login_notice, membership.notice if membership else None


async def family_accounts(
    identity: Identity, scope: AgentScope, family: str
) -> list[tuple[Account, Link]]:
    """The accounts linked to a family of the town, each with its link."""
    return [
        (account, link)
        for account in await identity.store.accounts_of_family(scope, family)
        if (membership := account.membership(scope.town))
        for link in membership.families
        if link.family == family
    ]


async def invitations(
    identity: Identity, scope: AgentScope, family: str | None, after: str | None, limit: int
) -> list[tuple[Invitation, InvitationState]]:
    """Invitations of the town with the state each has now. Raises ``Refused``:
    ``cursor-unknown``."""
    now = identity.clock.machine()
    found = await identity.store.invitations(scope, family, after, limit)
    return [(one, one.state(now)) for one in found]


async def family_keys(
    identity: Identity, scope: AgentScope, family: str | None, after: str | None, limit: int
) -> list[tuple[FamilyKey, State]]:
    """Keys of the town with the state each has now. Raises ``Refused``: ``cursor-unknown``."""
    keys = await identity.store.keys(scope, family, after, limit)
    now = identity.clock.machine()
    return [(key, state_of(key, now)) for key in keys]


async def withheld_roles(identity: Identity, bearer: Bearer, account: Account) -> list[str]:
    """Roles that the account has today and the bearer's token has not."""
    membership = account.membership(bearer.town)
    if membership is None or not membership.roles:
        return []
    zone, _ = await identity.store.agent_settings(bearer.town)
    today = identity.clock.machine().astimezone(ZoneInfo(zone)).date()
    return sorted(set(roles_on(membership, today)) - bearer.roles)


async def agents(
    identity: Identity, scope: AgentScope, after: str | None, limit: int
) -> list[Account]:
    """The town's agents by id. Raises ``Refused``: ``cursor-unknown``."""
    return [account_of(one) for one in await identity.store.agents(scope, after, limit)]


async def agent(identity: Identity, scope: AgentScope, account_id: str) -> Account:
    """One agent of the town. Refused (404)."""
    document = await identity.store.account(account_id)
    account = account_of(document) if document else None
    if account is None or not is_agent(account, scope.town):
        raise not_found("cet agent")
    return account
