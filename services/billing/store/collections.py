"""Collections and their debits: ``collections`` (one for each day of an office that something came
of) and ``debits`` (see ``domain.debits.collections``). Files are sealed, in GridFS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, TypeVar

from pymongo import IndexModel

from services.billing.domain.debits.collections import (
    UNDER_WAY,
    VAIN,
    Collection,
    CollectionState,
    Debit,
    DebitState,
)
from shared.auth import Scope
from shared.events import Event
from shared.failpoints import step
from shared.files import Files
from shared.ids import derived_id, new_id
from shared.paging import page
from shared.store import Document, DuplicateKey, Store

COLLECTIONS, DEBITS, FILES = "collections", "debits", "collection_files"
ASK_COLLECTION = step("billing.collection.ask")
MOVE_COLLECTION = step("billing.collection.move")
RESEAL_COLLECTION = step("billing.collection.reseal")
PUT_FILE = step("billing.collection-file.put")
DROP_FILE = step("billing.collection-file.drop")
PLAN_DEBIT = step("billing.debit.plan")
MOVE_DEBIT = step("billing.debit.move")
TELL_DEBIT = step("billing.debit.tell")
LEASE_COLLECTIONS = step("billing.collections.lease")
_NUMBER = "number"
_NEWEST = [("asked_at", -1), ("_id", -1)]
_BY_ID = [("_id", 1)]
INDEXES = {
    COLLECTIONS: [
        IndexModel(
            [(key, 1) for key in ("town", "office", "year", "sequence")], name=_NUMBER, unique=True
        ),
        IndexModel(
            [("town", 1), ("office", 1), ("on", 1)], name="day", unique=True,
            partialFilterExpression={"live": True},
        ),
        IndexModel(
            [("town", 1), ("office", 1)], name="making", unique=True,
            partialFilterExpression={"state": "making"},
        ),
        IndexModel([("town", 1), *_NEWEST], name="pages"),
        IndexModel([("state", 1)], name="states"),
    ],
    DEBITS: [
        IndexModel([("collection", 1), ("state", 1), ("_id", 1)], name="of-collection"),
        IndexModel([("state", 1), ("collection", 1)], name="states"),
        IndexModel([("town", 1), ("guardian", 1)], name="guardians"),
        IndexModel([("town", 1), ("family", 1)], name="families"),
        IndexModel([("untold", 1)], name="untold", partialFilterExpression={"untold": True}),
    ],
}  # fmt: skip
_ModelT = TypeVar("_ModelT", Collection, Debit)


class CollectionStore:
    """Every query and write of collections, debits and files."""

    def __init__(self, store: Store, files: Files, lease_seconds: float) -> None:
        self._store = store
        self._files = files
        self._lease_seconds = lease_seconds

    # -- collections -----------------------------------------------------------------------

    async def ask(self, collection: Collection) -> bool | None:
        """Store a collection to be made; False when that day has one, or one is being made; None
        when the number is taken."""
        try:
            await self._store.insert(
                ASK_COLLECTION, COLLECTIONS, {**_plain(collection), "live": True}
            )
        except DuplicateKey as taken:
            return None if taken.index == _NUMBER else False
        return True

    async def last_sequence(self, town: str, office: str, year: int) -> int:
        """The last number given by an office in a year; 0 when there is none."""
        last = await self._store.first(
            COLLECTIONS, {"town": town, "office": office, "year": year},
            sort=[("sequence", -1)], projection={"sequence": 1},
        )  # fmt: skip
        return int(last["sequence"]) if last else 0

    async def get(self, collection: str) -> Collection | None:
        """A collection by its id: for commands."""
        found = await self._store.get(COLLECTIONS, collection)
        return None if found is None else _model(found, Collection)

    async def within(self, scope: Scope, collection: str) -> Collection | None:
        """A collection within the scope, or None."""
        query = {"$and": [{"_id": collection}, scope.query()]}
        found = await self._store.first(COLLECTIONS, query)
        return None if found is None else _model(found, Collection)

    async def collections(self, scope: Scope, after: str | None, limit: int) -> list[Collection]:
        """The town's collections, the latest asked first."""
        found = await page(
            self._store, COLLECTIONS, within=scope.query(), only={}, order=_NEWEST, after=after,
            limit=limit,
        )  # fmt: skip
        return [_model(one, Collection) for one in found]

    async def forsaken(self) -> list[str]:
        """Collections whose file is made, or that come to nothing, with debits that are in no file:
        a process that was slow planned them, and died."""
        pipeline: list[Document] = [
            {"$match": {"state": {"$in": ["planned", "ready"]}}},
            {"$group": {"_id": "$collection"}},
        ]
        some = [one["_id"] async for one in self._store.aggregate(DEBITS, pipeline)]
        if not some:
            return []
        over = {"_id": {"$in": some}, "state": {"$nin": list(UNDER_WAY)}}
        found = await self._store.find(COLLECTIONS, over, sort=_BY_ID, projection={"_id": 1})
        return [one["_id"] for one in found]

    async def under_way(self) -> list[Collection]:
        """Collections that the job is to carry on."""
        query = {"state": {"$in": list(UNDER_WAY)}}
        found = await self._store.find(COLLECTIONS, query, sort=_BY_ID)
        return [_model(one, Collection) for one in found]

    async def move(
        self, collection: Collection, state: CollectionState, at: datetime, **fields: Any
    ) -> bool:
        """Bring a collection into a state; False when its state has changed since."""
        changes = {"state": state, "since": at.isoformat(), "live": state not in VAIN, **fields}
        return await self._store.change(
            MOVE_COLLECTION, COLLECTIONS, collection.id, {"state": collection.state},
            {"$set": changes},
        )  # fmt: skip

    def leased(self, owner: str) -> AbstractAsyncContextManager[bool]:
        """Whether this process is the one that works on collections: as long as it does."""
        return self._store.leased(LEASE_COLLECTIONS, "collections", owner, self._lease_seconds)

    # -- files -----------------------------------------------------------------------------

    async def put_file(self, collection: str, content: bytes) -> str:
        """Store a file made for a collection; of each that is made, whoever makes it."""
        file = f"{collection}.{new_id()}"
        await self._files.put(PUT_FILE, file, content)
        return file

    async def drop_files(self, collection: str, but: str | None) -> None:
        """Remove what was made for a collection ``but`` the file that it has: by a process that
        died, or that another forestalled."""
        for file in await self._files.beginning(f"{collection}."):
            if file != but:
                await self._files.delete(DROP_FILE, file)

    async def file(self, file: str) -> bytes | None:
        """A file's content."""
        return await self._files.get(file)

    async def reseal_files(self, current: str, limit: int) -> int:
        """Seal again the files that another key sealed than the ``current`` one; how many."""
        done, after = 0, ""
        while some := await self._files.sealed_by_others(after, limit):
            for file in some:
                owner = await self._store.first(COLLECTIONS, {"file": file})
                content = await self._files.get(file)
                if owner is not None and content is not None:
                    again = derived_id("collection-file", owner["_id"], current)
                    await self._files.delete(DROP_FILE, again)
                    await self._files.put(PUT_FILE, again, content)
                    done += await self._store.change(
                        RESEAL_COLLECTION, COLLECTIONS, owner["_id"], {"file": file},
                        {"$set": {"file": again}},
                    )  # fmt: skip
                    await self._files.delete(DROP_FILE, file)
            after = some[-1]
        return done

    # -- debits ----------------------------------------------------------------------------

    async def plan(self, debit: Debit) -> bool:
        """Store a debit; False when there is one of that id."""
        return await self._store.insert(PLAN_DEBIT, DEBITS, _plain(debit))

    async def debit(self, debit: str) -> Debit | None:
        """A debit by its id: for commands."""
        found = await self._store.get(DEBITS, debit, {"pending": 0})
        return None if found is None else _model(found, Debit)

    async def debit_within(self, scope: Scope, debit: str) -> Debit | None:
        """A debit within the scope, or None."""
        query = {"$and": [{"_id": debit}, scope.query()]}
        found = await self._store.first(DEBITS, query, projection={"pending": 0})
        return None if found is None else _model(found, Debit)

    async def debits_in(self, collection: str, *states: DebitState) -> AsyncIterator[Debit]:
        """The debits of a collection in these states, by id."""
        pipeline: list[Document] = [
            {"$match": {"collection": collection, "state": {"$in": list(states)}}},
            {"$sort": {"_id": 1}},
        ]
        async for document in self._store.aggregate(DEBITS, pipeline):
            yield _model(document, Debit)

    async def debits(
        self, scope: Scope, only: Mapping[str, Any], after: str | None, limit: int
    ) -> list[Debit]:
        """Debits within the scope, by id."""
        found = await page(
            self._store, DEBITS, within=scope.query(), only=only, order=_BY_ID, after=after,
            limit=limit, projection={"pending": 0},
        )  # fmt: skip
        return [_model(one, Debit) for one in found]

    async def of_guardians(self, town: str, guardians: Sequence[str]) -> list[Debit]:
        """The debits of these guardians' own accounts that they were told of."""
        told = ["announced", "settled", "rejected", "returned"]
        query = {"town": town, "guardian": {"$in": list(guardians)}, "state": {"$in": told}}
        found = await self._store.find(DEBITS, query, sort=[("on", 1)], projection={"pending": 0})
        return [_model(one, Debit) for one in found]

    async def to_come(self, town: str, records: Sequence[str]) -> list[str]:
        """Ids of a family's debits of which nobody knows yet whether they are paid."""
        states = ["planned", "ready", "announced"]
        query = {"town": town, "family": {"$in": list(records)}, "state": {"$in": states}}
        found = await self._store.find(DEBITS, query, projection={"_id": 1})
        return [one["_id"] for one in found]

    async def announced_for(self, town: str, family: str, invoice: str) -> Debit | None:
        """The debit that the family was told will collect an invoice of that record, or None."""
        query = {"town": town, "family": family, "parts.invoice": invoice, "state": "announced"}
        found = await self._store.first(DEBITS, query, projection={"pending": 0})
        return None if found is None else _model(found, Debit)

    async def sums(self, collection: str) -> dict[str, int]:
        """What a collection's debits come to, in cents, by their state."""
        pipeline: list[Document] = [
            {"$match": {"collection": collection}},
            {"$group": {"_id": "$state", "cents": {"$sum": "$cents"}}},
        ]
        found = self._store.aggregate(DEBITS, pipeline)
        return {one["_id"]: int(one["cents"]) async for one in found}

    async def untold(self, after: str, limit: int) -> list[Debit]:
        """Debits whose state the account and the mandate do not know of, by id, those after one."""
        query = {"untold": True, "_id": {"$gt": after}}
        found = await self._store.find(
            DEBITS, query, sort=_BY_ID, limit=limit, projection={"pending": 0}
        )
        return [_model(one, Debit) for one in found]

    async def move_debit(
        self, debit: Debit, state: DebitState, at: datetime, *events: Event, **fields: Any
    ) -> bool:
        """Bring a debit into a state, and say it; False when its state has changed since."""
        return await self._store.change(
            MOVE_DEBIT, DEBITS, debit.id, {"state": debit.state},
            {"$set": {"state": state, "since": at.isoformat(), "untold": True, **fields}},
            *events, town=debit.town,
        )  # fmt: skip

    async def told(self, debit: Debit) -> bool:
        """What follows from the debit as it stands is done; False when its state is another."""
        return await self._store.change(
            TELL_DEBIT, DEBITS, debit.id, {"state": debit.state}, {"$set": {"untold": False}}
        )


def _plain(model: Collection | Debit) -> Document:
    return {"_id": model.id, **model.model_dump(mode="json", exclude={"id"})}


def _model(document: Document, model: type[_ModelT]) -> _ModelT:
    fields = {name: document[name] for name in model.model_fields if name != "id"}
    return model.model_validate({**fields, "id": document["_id"]})
