"""``letters``: a letter to the town with its thread. Guarded by ``v``.

``last_at`` is the instant of its newest message, by which letters are listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo import IndexModel

from services.family.domain.letters import Changed, Letter, LetterState
from shared.auth import AgentScope, FamilyScope, Scope
from shared.events import Event
from shared.failpoints import Step, step
from shared.paging import page
from shared.store import Document, Store

LETTERS = "letters"
INDEXES = {
    LETTERS: [
        IndexModel([("town", 1), ("last_at", -1), ("_id", -1)]),
        IndexModel([("family", 1), ("last_at", -1), ("_id", -1)]),
        IndexModel([("messages.files.id", 1)]),
    ]
}

WRITE = step("family.letter.write")
CONTINUE = step("family.letter.continue")
MOVE = step("family.letter.move")
READ = step("family.letter.read")

_ORDER = (("last_at", -1), ("_id", -1))


def letter_in(document: Document) -> Letter:
    """The letter that one of ``letters`` holds."""
    return Letter.model_validate({**document, "id": document["_id"]})


def states_of(document: Document) -> tuple[Event, ...]:
    """The state event that says a document of ``letters`` again."""
    return (letter_in(document).card(),)


class LetterStore:
    """Every query and write about letters."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, letter: str) -> Document | None:
        """The letter of that id as it is stored: who may see it is the caller's affair."""
        return await self._store.get(LETTERS, letter, {"pending": 0})

    async def one(self, scope: Scope, letter: str) -> Document | None:
        """A letter within the scope, or None."""
        query = {"$and": [{"_id": letter}, scope.query()]}
        return await self._store.first(LETTERS, query, projection={"pending": 0})

    async def of_families(
        self,
        scope: FamilyScope,
        seen: Sequence[Document],
        state: LetterState | None,
        after: str | None,
        limit: int,
    ) -> list[Letter]:
        """A page of a guardian's letters: those of ``seen``."""
        within = {"$and": [scope.query(), {"$or": seen}]}
        return await self._page(within, {"state": state} if state else {}, after, limit)

    async def of_town(
        self,
        scope: AgentScope,
        seen: Document,
        only: dict[str, Any],
        after: str | None,
        limit: int,
    ) -> list[Letter]:
        """A page of those of the town's letters that are ``seen``."""
        return await self._page({"$and": [scope.query(), seen]}, only, after, limit)

    async def _page(
        self, within: Document, only: Document, after: str | None, limit: int
    ) -> list[Letter]:
        found = await page(
            self._store, LETTERS, within=within, only=only, order=_ORDER, after=after,
            limit=limit, projection={"pending": 0},
        )  # fmt: skip
        return [letter_in(document) for document in found]

    async def save(self, at: Step, before: Document | None, changed: Changed) -> bool:
        """Keep a letter, new or as it was read; False when another was there before."""
        letter, events = changed
        fields = {**letter.model_dump(exclude={"id"}), "last_at": letter.last.at}
        fields["messages"] = [one.model_dump() for one in letter.messages]
        if before is None:
            return await self._store.insert(at, LETTERS, {"_id": letter.id, **fields}, *events)
        return await self._store.save(at, LETTERS, before, {"$set": fields}, *events)
