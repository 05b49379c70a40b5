"""Dossiers built on line: ``registrations``, one document for each adult and town.

``draft`` is the form, sealed as a whole: it holds health and bank data of people who may never
become a family; ``files`` are those that it names. Guarded by ``v``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pymongo import IndexModel

from shared.auth import AgentScope
from shared.events import Event
from shared.failpoints import step
from shared.paging import page
from shared.store import EPOCH, Document, Store

REGISTRATIONS = "registrations"
INDEXES = {
    REGISTRATIONS: [
        IndexModel([("town", 1), ("state", 1), ("sent_at", 1), ("_id", 1)]),
        IndexModel([("unfinished", 1)], sparse=True),
        IndexModel([("files", 1)], sparse=True),
    ]
}
KEEP_DRAFT = step("family.registration.draft")
SEND = step("family.registration.send")
DECIDE = step("family.registration.decide")
FINISH = step("family.registration.finish")
RESEAL = step("family.registration.reseal")


class Registrations:
    """Every query and write about registrations."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, town: str, registration: str) -> Document | None:
        """A registration of the town, or None."""
        found = await self._store.get(REGISTRATIONS, registration)
        return found if found is not None and found["town"] == town else None

    async def keep_draft(
        self,
        town: str,
        account: str,
        registration: str,
        draft: Any,
        files: Sequence[str],
        before: Document | None,
    ) -> bool:
        """Keep the form as it is now, and the ``files`` that it names; False when it has changed
        since it was read."""
        if before is not None:
            update = {"$set": {"draft": draft, "files": list(files), "state": "draft"}}
            return await self._store.save(KEEP_DRAFT, REGISTRATIONS, before, update)
        document = {
            "_id": registration, "town": town, "account": account, "state": "draft",
            "sent_at": EPOCH, "draft": draft, "files": list(files),
        }  # fmt: skip
        return await self._store.insert(KEEP_DRAFT, REGISTRATIONS, document)

    async def send(self, before: Document, sent_at: datetime, event: Event) -> bool:
        """The form goes to the town; False when it has changed since it was read."""
        update = {"$set": {"state": "sent", "sent_at": sent_at, "reason": None}}
        return await self._store.save(SEND, REGISTRATIONS, before, update, event)

    async def decide(self, before: Document, fields: Document, event: Event) -> bool:
        """Keep the town's answer; False when it was given already or the form has changed."""
        return await self._store.save(DECIDE, REGISTRATIONS, before, {"$set": fields}, event)

    async def finish(self, registration: str) -> None:
        """The dossier that it became is there: the form is forgotten."""
        await self._store.change(
            FINISH, REGISTRATIONS, registration, {"unfinished": True},
            {"$unset": {"unfinished": "", "draft": "", "files": ""}},
        )  # fmt: skip

    async def some_after(self, registration: str, limit: int) -> list[Document]:
        """The next forms by id, of any town: for operators' commands."""
        return await self._store.find(
            REGISTRATIONS, {"_id": {"$gt": registration}, "draft": {"$exists": True}},
            sort=[("_id", 1)], limit=limit,
        )  # fmt: skip

    async def reseal(self, before: Document, draft: Any) -> bool:
        """Keep the same form sealed by another key; False when it has changed meanwhile."""
        return await self._store.save(RESEAL, REGISTRATIONS, before, {"$set": {"draft": draft}})

    async def unfinished(self) -> list[Document]:
        """Accepted ones whose dossier may not be there yet."""
        return await self._store.find(REGISTRATIONS, {"unfinished": True}, limit=100)

    async def sent(self, scope: AgentScope, after: str | None, limit: int) -> list[Document]:
        """Those that wait for an answer, the longest waiting first."""
        return await page(
            self._store, REGISTRATIONS, within=scope.query(), only={"state": "sent"},
            order=(("sent_at", 1), ("_id", 1)), after=after, limit=limit,
            projection={"pending": 0},
        )  # fmt: skip
