"""Writes of many documents in one round trip: the part of the store that month ends live by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo import UpdateMany, UpdateOne
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import BulkWriteError

from shared.clock import Clock
from shared.driver import Document, index_of, talking
from shared.events import Event
from shared.failpoints import Step
from shared.pending import OUTBOX, ROOM_FOR_EVENTS, with_events

_DUPLICATE = 11000
#: Operators, or stages that see the document as it was.
Update = Mapping[str, Mapping[str, Any]] | list[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Saying:
    """A change of one document, where ``condition`` holds, with the events that it says."""

    id: str
    condition: Mapping[str, Any]
    update: Mapping[str, Mapping[str, Any]]
    events: tuple[Event, ...]
    town: str


class BulkWrites:
    """What ``shared.store.Store`` does to many documents at once."""

    _database: AsyncDatabase[Document]
    _clock: Clock
    on_saved: Callable[[str, Document], None]

    async def insert_many(
        self, step: Step, collection: str, documents: Sequence[Document]
    ) -> list[int]:
        """Insert documents without events, in no order; the positions refused as duplicates."""
        if not documents:
            return []
        step.before()
        refused: list[int] = []
        try:
            with talking():
                await self._database[collection].insert_many(documents, ordered=False)
        except BulkWriteError as error:
            failures = error.details["writeErrors"]
            if any(failure["code"] != _DUPLICATE for failure in failures):
                raise
            refused = [failure["index"] for failure in failures]
        step.after()
        return refused

    async def insert_in_order(
        self, step: Step, collection: str, documents: Sequence[Document]
    ) -> tuple[int, str | None]:
        """Insert documents without events one after the other, up to the first that is refused as
        a duplicate: how many were inserted, and the index that refused the next."""
        step.before()
        whole = [{**document, "v": 1, "seq": 0, "pending": []} for document in documents]
        done, index = len(whole), None
        try:
            with talking():
                await self._database[collection].insert_many(whole, ordered=True)
        except BulkWriteError as error:
            (failure,) = error.details["writeErrors"]
            if failure["code"] != _DUPLICATE:
                raise
            done, index = failure["index"], index_of({"errmsg": failure["errmsg"]})
        step.after()
        return done, index

    async def change_each_saying(
        self, step: Step, collection: str, changes: Sequence[Saying]
    ) -> int:
        """Change documents of which each says events, in no order, in one round trip; how many had
        the condition that they were changed under."""
        if not changes:
            return 0
        operations = [
            UpdateOne(
                {"_id": one.id, **one.condition, **(ROOM_FOR_EVENTS if one.events else {})},
                with_events(self._clock, collection, one.id, one.town, one.update, one.events),
            )
            for one in changes
        ]
        step.before()
        target = self._database[collection]
        with talking():
            matched = (await target.bulk_write(operations, ordered=False)).matched_count
        step.after()
        if said := [one.id for one in changes if one.events]:
            query = {"_id": {"$in": said}, "pending.0.id": {"$exists": True}}
            with talking():
                async for outbox in target.find(query, OUTBOX):
                    self.on_saved(collection, outbox)
        return matched

    async def change_each(
        self,
        step: Step,
        collection: str,
        changes: Iterable[tuple[Mapping[str, Any], Update]],
        *,
        many: bool = False,
    ) -> int:
        """Apply (filter, update) pairs without events, in no order, in one round trip; with
        ``many``, each to every document that matches."""
        kind = UpdateMany if many else UpdateOne
        operations = [kind(query, update) for query, update in changes]
        if not operations:
            return 0
        step.before()
        with talking():
            result = await self._database[collection].bulk_write(operations, ordered=False)
        step.after()
        return result.matched_count
