"""``imports``: a file of families that an agent sent, by its command: when, and what it came to.
The file is not kept."""

from __future__ import annotations

from pymongo import IndexModel

from shared.failpoints import step
from shared.store import Document, Store

IMPORTS = "imports"
INDEXES: dict[str, list[IndexModel]] = {
    IMPORTS: [IndexModel([("town", 1), ("at", -1)]), IndexModel([("forgotten_at", 1)],
                                                                expireAfterSeconds=0)],
}  # fmt: skip
KEEP = step("family.import.keep")


class ImportStore:
    """Every query and write of imports."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def one(self, command: str) -> Document | None:
        """What a command has come to, or None."""
        return await self._store.get(IMPORTS, command)

    async def keep(self, document: Document) -> Document:
        """Keep what a command came to; the answer kept: of two at once, the first's."""
        if await self._store.insert(KEEP, IMPORTS, document):
            return document
        return await self._store.get(IMPORTS, document["_id"]) or document
