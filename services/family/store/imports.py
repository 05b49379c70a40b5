"""``imports``: a file of families that an agent sent, by its command: ``{_id, town, agent, at,
forgotten_at, body_hash, dry_run, families, done, moved_at, report}``. ``done`` of ``families``
(None before the file is read) are as it says, since ``moved_at``; ``report`` is None until it is
through. The file is not kept."""

from __future__ import annotations

from datetime import datetime

from pymongo import IndexModel

from shared.auth import Scope
from shared.failpoints import step
from shared.store import Document, Store

IMPORTS = "imports"
INDEXES: dict[str, list[IndexModel]] = {
    IMPORTS: [IndexModel([("town", 1), ("at", -1)]), IndexModel([("forgotten_at", 1)],
                                                                expireAfterSeconds=0)],
}  # fmt: skip
KEEP = step("family.import.keep")
ADVANCE = step("family.import.advance")
FINISH = step("family.import.finish")
_LATEST = 10


class ImportStore:
    """Every query and write of imports."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def within(self, scope: Scope, command: str) -> Document | None:
        """An import of the bearer's town, or None."""
        return await self._store.first(IMPORTS, {"$and": [{"_id": command}, scope.query()]})

    async def latest(self, scope: Scope) -> list[Document]:
        """What was imported last in the bearer's town, newest first; trials left out."""
        query = {"$and": [{"dry_run": False}, scope.query()]}
        return await self._store.find(IMPORTS, query, sort=[("at", -1)], limit=_LATEST)

    async def keep(self, document: Document) -> Document:
        """Keep what was asked; of two at once, the first's."""
        if await self._store.insert(KEEP, IMPORTS, document):
            return document
        return await self._store.get(IMPORTS, document["_id"]) or document

    async def advance(self, command: str, done: int, families: int, now: datetime) -> None:
        """Note how far it has come; whoever does it again counts from the start."""
        await self._store.change(
            ADVANCE, IMPORTS, command, {"report": None},
            {"$set": {"done": done, "families": families, "moved_at": now}},
        )  # fmt: skip

    async def finish(self, command: str, report: Document, now: datetime) -> Document:
        """Note what it came to; what is kept: of two at once, the first's."""
        await self._store.change(
            FINISH,
            IMPORTS,
            command,
            {"report": None},
            {"$set": {"report": report, "moved_at": now}},
        )
        return await self._store.get(IMPORTS, command) or {}
