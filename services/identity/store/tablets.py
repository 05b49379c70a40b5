"""Shared tablets."""

from __future__ import annotations

from datetime import datetime

from pymongo import IndexModel

from services.identity.domain.tablets import Tablet
from services.identity.store.base import Collections
from shared.auth import AgentScope
from shared.failpoints import step
from shared.paging import page
from shared.store import Document

TABLETS = "tablets"
INDEXES = {TABLETS: [IndexModel([("town", 1), ("_id", 1)])]}

REGISTER_TABLET = step("identity.tablet.register")
REVOKE_TABLET = step("identity.tablet.revoke")


class Tablets(Collections):
    """Every query and write of tablets."""

    async def register_tablet(self, tablet: Tablet, mark: Document) -> bool:
        """Insert a tablet; False when its id exists."""
        new = {"_id": tablet.id, **tablet.model_dump(exclude={"id"}), "made_by": mark}
        return await self._store.insert(REGISTER_TABLET, TABLETS, new)

    async def tablet(self, tablet_id: str) -> Document | None:
        """A tablet's document: read it with ``tablet_of``."""
        return await self._store.get(TABLETS, tablet_id)

    async def tablets(self, scope: AgentScope, after: str | None, limit: int) -> list[Tablet]:
        """The town's tablets by id, those following ``after``."""
        found = await page(
            self._store, TABLETS, within=scope.query(), only={}, order=[("_id", 1)], after=after,
            limit=limit,
        )  # fmt: skip
        return [tablet_of(document) for document in found]

    async def revoke_tablet(self, scope: AgentScope, tablet_id: str, now: datetime) -> None:
        """A tablet opens nothing any more; again, it changes nothing."""
        await self._store.change(
            REVOKE_TABLET, TABLETS, tablet_id, {**scope.query(), "revoked_at": None},
            {"$set": {"revoked_at": now}},
        )  # fmt: skip


def tablet_of(document: Document) -> Tablet:
    """The tablet a document holds."""
    return Tablet.model_validate({**document, "id": document["_id"]})
