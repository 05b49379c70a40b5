"""MongoDB, behind the few operations a command may use; the only module that knows the driver.

**One command changes one document with one write**, and the events it says ride in that write:
``{..., v, seq, pending: [events]}``. ``v`` counts writes and guards documents that have one
natural writer; ``seq`` counts events; ``pending`` holds those the relay has not yet published.
Shared documents are guarded by a condition in the filter instead of ``v``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from bson import CodecOptions
from gridfs import AsyncGridFSBucket
from pymongo import AsyncMongoClient, IndexModel, UpdateOne, WriteConcern
from pymongo.errors import DuplicateKeyError, OperationFailure

from shared.bulk import BulkWrites
from shared.clock import Clock
from shared.driver import (
    Document,
    DuplicateKey,
    connect,
    naming_duplicates,
    talking,
    upserting,
)
from shared.errors import Refused, StoreUnavailable
from shared.events import Envelope, Event
from shared.failpoints import Step
from shared.pending import MAX_PENDING, OUTBOX, ROOM_FOR_EVENTS, entry, with_events
from shared.tasks import cancelled

__all__ = ["Document", "DuplicateKey", "Store", "connect"]

PENDING_INDEX = IndexModel(
    [("pending.0.id", 1)],
    name="outbox",
    partialFilterExpression={"pending.0.id": {"$exists": True}},
)

_APPLIED = WriteConcern(w=1, j=False)
EPOCH = datetime.fromtimestamp(0, UTC)


class Store(BulkWrites):
    """One service's database.

    ``on_saved(collection, {_id, seq, pending})`` is called after each write that carries events,
    with the outbox as the write left it; the relay sets it. Every write names its ``Step``, which
    gives it two fail points.
    """

    def __init__(self, client: AsyncMongoClient[Document], database: str, clock: Clock) -> None:
        self._client = client
        self._database = client.get_database(database, codec_options=CodecOptions(tz_aware=True))
        self._clock = clock
        self.on_saved: Callable[[str, Document], None] = lambda _collection, _outbox: None

    # -- reading ---------------------------------------------------------------------------

    async def get(
        self, collection: str, _id: str, projection: Mapping[str, Any] | None = None
    ) -> Document | None:
        """The document of that id, or None."""
        with talking():
            return await self._database[collection].find_one({"_id": _id}, projection)

    async def first(
        self,
        collection: str,
        query: Mapping[str, Any],
        *,
        sort: Sequence[tuple[str, int]] = (("_id", 1),),
        projection: Mapping[str, Any] | None = None,
    ) -> Document | None:
        """The first document that matches, or None."""
        with talking():
            return await self._database[collection].find_one(
                query, projection, sort=list(sort) or None
            )

    async def find(
        self,
        collection: str,
        query: Mapping[str, Any],
        *,
        sort: Sequence[tuple[str, int]] = (),
        limit: int = 0,
        projection: Mapping[str, Any] | None = None,
        hint: Sequence[tuple[str, int]] = (),
    ) -> list[Document]:
        """Every document that matches (at most ``limit`` when given), by the index ``hint`` where
        the server might choose a worse one."""
        with talking():
            cursor = self._database[collection].find(
                query, projection, limit=limit, hint=list(hint) or None
            )
            if sort:
                cursor = cursor.sort(list(sort))
            return await cursor.to_list(None)

    async def aggregate(
        self, collection: str, pipeline: Sequence[Mapping[str, Any]]
    ) -> AsyncIterator[Document]:
        """The documents of an aggregation, one by one."""
        with talking():
            async for document in await self._database[collection].aggregate(
                pipeline, allowDiskUse=True
            ):
                yield document

    async def count(self, collection: str, query: Mapping[str, Any]) -> int:
        """How many documents match."""
        with talking():
            return await self._database[collection].count_documents(query)

    # -- writing ---------------------------------------------------------------------------

    async def insert(
        self,
        step: Step,
        collection: str,
        document: Document,
        *events: Event,
    ) -> bool:
        """Insert a new document with its first events; False when its ``_id`` exists already.

        Another unique index refusing it raises ``DuplicateKey`` with that index's name.
        """
        whole = {
            **document,
            "v": 1,
            "seq": len(events),
            "pending": [
                entry(self._clock, collection, document["_id"], document, event) for event in events
            ],
        }
        step.before()
        try:
            with naming_duplicates(), talking():
                await self._database[collection].insert_one(whole)
        except DuplicateKey as refused:
            if refused.index != "_id_":
                raise
            return False
        step.after()
        if events:
            self.on_saved(collection, {key: whole[key] for key in ("_id", *OUTBOX)})
        return True

    async def save(
        self,
        step: Step,
        collection: str,
        before: Document,
        update: Mapping[str, Mapping[str, Any]],
        *events: Event,
    ) -> bool:
        """Change the document as it was read in ``before``; False when it has changed since."""
        return await self.change(
            step, collection, before["_id"], {"v": before["v"]}, update, *events,
            town=before.get("town"),
        )  # fmt: skip

    async def change(
        self,
        step: Step,
        collection: str,
        _id: str,
        condition: Mapping[str, Any],
        update: Mapping[str, Mapping[str, Any]],
        *events: Event,
        town: str | None = None,
    ) -> bool:
        """Change one document if ``condition`` holds; False when it does not (or no such id).

        ``update`` is made of operators, never a whole document. With events, ``town`` is needed
        unless the event's document belongs to no town.
        """
        step.before()
        query = {"_id": _id, **condition, **(ROOM_FOR_EVENTS if events else {})}
        whole = with_events(self._clock, collection, _id, town, update, events)
        target = self._database[collection]
        outbox: Document | None = None
        with naming_duplicates(), talking():
            if events:
                outbox = await target.find_one_and_update(
                    query, whole, projection=OUTBOX, return_document=True
                )
                done = outbox is not None
            else:
                done = bool((await target.update_one(query, whole)).matched_count)
        if not done:
            if events:
                await self._refuse_if_full(collection, _id)
            return False
        step.after()
        if outbox is not None:
            self.on_saved(collection, outbox)
        return True

    async def put(
        self,
        step: Step,
        collection: str,
        _id: str,
        update: Mapping[str, Mapping[str, Any]],
        *events: Event,
        town: str | None = None,
        condition: Mapping[str, Any] | None = None,
    ) -> Document | None:
        """Change one document, creating it if need be; the document after.

        None when it exists and ``condition`` does not hold.
        """
        step.before()
        query = {"_id": _id, **(condition or {}), **(ROOM_FOR_EVENTS if events else {})}
        whole = with_events(self._clock, collection, _id, town, update, events)

        async def write(upsert: bool) -> Document | None:
            return await self._database[collection].find_one_and_update(
                query, whole, upsert=upsert, return_document=True
            )

        after = await upserting(write)
        if after is None:
            if events:
                await self._refuse_if_full(collection, _id)
            return None
        step.after()
        if events:
            self.on_saved(collection, {key: after[key] for key in ("_id", *OUTBOX)})
        return after

    async def change_many(
        self,
        step: Step,
        collection: str,
        query: Mapping[str, Any],
        update: Mapping[str, Mapping[str, Any]],
    ) -> int:
        """Change every document that matches, without events; how many matched."""
        step.before()
        with talking():
            result = await self._database[collection].update_many(query, update)
        step.after()
        return result.matched_count

    async def delete(self, step: Step, collection: str, query: Mapping[str, Any]) -> int:
        """Delete documents that carry no event; how many."""
        step.before()
        with talking():
            result = await self._database[collection].delete_many(
                {**query, "pending.0.id": {"$exists": False}}
            )
        step.after()
        return result.deleted_count

    async def keep_copy(
        self, step: Step, collection: str, _id: str, envelope: Envelope, fields: Document
    ) -> bool:
        """Keep another service's *state*; False when the copy held is as recent or newer."""
        copy = {**fields, "town": envelope.town, "heard": envelope.sequence}
        older = {"heard": {"$lt": envelope.sequence}}

        async def write(upsert: bool) -> bool:
            result = await self._database[collection].update_one(
                {"_id": _id, **older}, {"$set": copy}, upsert=upsert
            )
            return bool(result.matched_count or result.upserted_id is not None)

        step.before()
        kept = await upserting(write)
        if kept:
            step.after()
        return kept

    async def lease(self, step: Step, name: str, owner: str, seconds: float) -> bool:
        """Take or renew the lease ``name`` by the server's clock; False when another holds it."""
        step.before()
        taken = {"$set": {"owner": owner, "until": {"$add": ["$$NOW", int(seconds * 1000)]}}}
        free = {"$or": [{"$eq": ["$owner", owner]}, {"$lt": ["$until", "$$NOW"]}]}
        leases = self._database["leases"]
        with talking():
            result = await leases.update_one({"_id": name, "$expr": free}, [taken])
            if not result.matched_count and await leases.find_one({"_id": name}) is None:
                with suppress(DuplicateKeyError):
                    await leases.insert_one({"_id": name, "owner": owner, "until": EPOCH})
                result = await leases.update_one({"_id": name, "$expr": free}, [taken])
        if not result.matched_count:
            return False
        step.after()
        return True

    @asynccontextmanager
    async def leased(
        self, step: Step, name: str, owner: str, seconds: float
    ) -> AsyncIterator[bool]:
        """Whether the lease is had; then it is renewed for as long as the block goes on."""
        if not await self.lease(step, name, owner, seconds):
            yield False
            return
        renewing = asyncio.create_task(self._renew(step, name, owner, seconds))
        try:
            yield True
        finally:
            await cancelled([renewing])

    async def _renew(self, step: Step, name: str, owner: str, seconds: float) -> None:
        """Until it is lost, as after a pause of this process: another's is left alone."""
        while True:
            await asyncio.sleep(seconds / 3)
            with suppress(StoreUnavailable):
                if not await self.lease(step, name, owner, seconds):
                    return

    async def release(self, name: str, owner: str) -> None:
        """Give a lease back, if this owner has it: the next one need not wait for its end."""
        with talking():
            await self._database["leases"].update_one(
                {"_id": name, "owner": owner}, {"$set": {"until": EPOCH}}
            )

    def bucket(self, name: str) -> AsyncGridFSBucket:
        """Where files lie in pieces (``shared.files``)."""
        return AsyncGridFSBucket(self._database, name)

    # -- outbox ----------------------------------------------------------------------------

    async def pending(self, collection: str, limit: int) -> list[Document]:
        """``{_id, seq, pending}`` of documents with unpublished events."""
        query = {"pending.0.id": {"$exists": True}}
        return await self.find(collection, query, limit=limit, projection=OUTBOX)

    async def published(self, collection: str, events: Mapping[str, Sequence[str]]) -> None:
        """Take published events (document id -> event ids) out of their outboxes.

        Not journalled: a lost pull only publishes the same events again.
        """
        lazy = self._database[collection].with_options(write_concern=_APPLIED)
        with talking():
            if len(events) == 1:
                ((_id, ids),) = events.items()
                await lazy.update_one({"_id": _id}, _pull(ids))
            else:
                await lazy.bulk_write(
                    [UpdateOne({"_id": _id}, _pull(ids)) for _id, ids in events.items()],
                    ordered=False,
                )

    # -- life ------------------------------------------------------------------------------

    async def prepare(
        self, indexes: Mapping[str, Sequence[IndexModel]], outboxes: Iterable[str]
    ) -> None:
        """Refuse an imitation of MongoDB, then create indexes."""
        with talking():
            try:
                await self._database.command("preauUnknownCommand")
            except OperationFailure:
                pass
            else:
                raise RuntimeError("this server answers unknown commands: it is not MongoDB")
            wanted: dict[str, list[IndexModel]] = {name: list(ix) for name, ix in indexes.items()}
            for name in outboxes:
                wanted.setdefault(name, []).append(PENDING_INDEX)
            for name, models in wanted.items():
                await self._database[name].create_indexes(models)

    async def ping(self) -> None:
        """Raises ``StoreUnavailable`` when the server does not answer as primary."""
        with talking():
            await self._database.command("ping")

    async def wait_back(self) -> None:
        """Return once the server answers again; pauses between tries grow to 2 s."""
        pause = 0.05
        while True:
            try:
                await self.ping()
            except StoreUnavailable:
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)
            else:
                return

    # -- inside ----------------------------------------------------------------------------

    async def _refuse_if_full(self, collection: str, _id: str) -> None:
        if await self.count(collection, {"_id": _id, f"pending.{MAX_PENDING - 1}": {"$exists": 1}}):
            raise Refused(
                "too-many-events-waiting",
                "Trop d'opérations attendent sur ce dossier. Réessayez dans une minute.",
                status=503,
                retry_after=60,
            )


def _pull(ids: Sequence[str]) -> Document:
    return {"$pull": {"pending": {"id": {"$in": list(ids)}}}}
