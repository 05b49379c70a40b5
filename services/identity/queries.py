"""Use cases that only read."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from services.identity.commands.base import Identity
from services.identity.domain.accounts import Account
from services.identity.domain.family_keys import FamilyKey
from services.identity.store.accounts import account_of
from shared.auth import AgentScope, Bearer, FamilyScope
from shared.contracts.town_file import TownFile
from shared.errors import not_found


async def town_file(identity: Identity, town: str) -> tuple[int, TownFile]:
    """The town's file and its version. Refused (404) when it was never loaded."""
    document = await identity.store.town(town)
    if document is None:
        raise not_found("cette commune")
    return document["version"], TownFile.model_validate(document["file"])


async def holder(identity: Identity, bearer: Bearer) -> Account:
    """The bearer's own account."""
    document = await identity.store.account(bearer.account)
    if document is None:
        raise not_found("ce compte")
    return account_of(document)


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


async def family_keys(
    identity: Identity, scope: AgentScope, family: str | None, after: str | None, limit: int
) -> list[tuple[FamilyKey, Literal["open", "used", "revoked", "expired"]]]:
    """Keys of the town with the state each has now. Raises ``Refused``: ``cursor-unknown``."""
    keys = await identity.store.keys(scope, family, after, limit)
    now = identity.clock.machine()
    return [(key, _state(key, now)) for key in keys]


def _state(key: FamilyKey, now: datetime) -> Literal["open", "used", "revoked", "expired"]:
    if key.used_by is not None:
        return "used"
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if now >= key.expires_at else "open"
