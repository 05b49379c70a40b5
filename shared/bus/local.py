"""The local bus: durable queues in MongoDB, for development and the demo only.

Publishing stores one document per consumer that wants the event; a service takes the oldest
ones under a short lease and removes each when it is acknowledged. A process that dies leaves
its leases to run out, as a broker would deliver again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from itertools import count

from pymongo import IndexModel

from shared.bus.port import Delivery, Submit, Subscriptions
from shared.clock import Clock
from shared.errors import StoreUnavailable
from shared.events import Envelope
from shared.failpoints import step
from shared.ids import new_id
from shared.logs import get_logger
from shared.store import Document, Store
from shared.tasks import cancelled

QUEUE = "queue"
ENQUEUE = step("local-bus.enqueue")
TAKE = step("local-bus.take")
REMOVE = step("local-bus.remove")

PREFETCH = 50
_POLL = 0.5
_log = get_logger()
_INDEXES = {
    QUEUE: [IndexModel([("service", 1), ("order", 1)]), IndexModel([("taken_by", 1)], sparse=True)]
}


class LocalBus:
    """The transport without a broker. ``lease`` is in seconds."""

    name = "local"

    def __init__(
        self, store: Store, subscriptions: Subscriptions, clock: Clock, lease: float = 30
    ) -> None:
        self._store = store
        self._subscriptions = subscriptions
        self._clock = clock
        self._lease = timedelta(seconds=lease)
        self._wake: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._prepared = False
        self._count = count()
        self._process = new_id()

    async def start(self) -> None:
        """Nothing to connect: the store is reached by each operation."""

    async def stop(self) -> None:
        await self.cancel()

    @property
    def connected(self) -> bool:
        return True

    async def publish(self, envelopes: Sequence[Envelope]) -> list[bool]:
        documents = [
            self._document(service, f"{service}/{envelope.id}", envelope.encode())
            for envelope in envelopes
            for service, types in self._subscriptions.items()
            if envelope.type in types
        ]
        try:
            await self._enqueue(documents)
        except StoreUnavailable:
            return [False] * len(envelopes)
        return [True] * len(envelopes)

    async def consume(self, service: str, submit: Submit, *, dead: Submit) -> None:
        del dead  # the queue never gives up
        self._wake[service] = asyncio.Event()
        self._tasks.append(asyncio.create_task(self._take_forever(service, submit)))

    async def cancel(self) -> None:
        tasks, self._tasks = self._tasks, []
        await cancelled(tasks)

    # -- inside ----------------------------------------------------------------------------

    def _document(self, service: str, _id: str, body: bytes) -> Document:
        now = self._clock.machine()
        return {
            "_id": _id,
            "service": service,
            "body": body,
            "order": f"{now.timestamp():017.3f}-{self._process}-{next(self._count):09d}",
            "free_at": now,
        }

    async def _enqueue(self, documents: list[Document]) -> None:
        await self._prepare()
        await self._store.insert_many(ENQUEUE, QUEUE, documents)
        for service in {document["service"] for document in documents}:
            if service in self._wake:
                self._wake[service].set()

    async def _prepare(self) -> None:
        if not self._prepared:
            await self._store.prepare(_INDEXES, ())
            self._prepared = True

    async def _take_forever(self, service: str, submit: Submit) -> None:
        wake = self._wake[service]
        in_hand = asyncio.Semaphore(PREFETCH)
        while True:
            wake.clear()
            try:
                await self._prepare()
                taken = await self._take(service)
            except StoreUnavailable:
                await self._store.wait_back()
                continue
            except Exception as error:  # noqa: BLE001 - consumption goes on whatever went wrong
                _log.error("queue-not-read", exc_info=error)
                await asyncio.sleep(_POLL)
                continue
            for document in taken:
                await in_hand.acquire()
                submit(Delivery(document["body"], self._ack(document, in_hand)))
            if not taken:
                # Not ``wait_for``: Python 3.11's swallows a cancellation that meets its result.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_POLL):
                        await wake.wait()

    async def _take(self, service: str) -> list[Document]:
        now = self._clock.machine()
        free = {"service": service, "free_at": {"$lte": now}}
        found = await self._store.find(
            QUEUE, free, sort=[("order", 1)], limit=PREFETCH, projection={"_id": 1}
        )
        if not found:
            return []
        ticket = new_id()
        await self._store.change_many(
            TAKE,
            QUEUE,
            {"_id": {"$in": [document["_id"] for document in found]}, "free_at": {"$lte": now}},
            {"$set": {"taken_by": ticket, "free_at": now + self._lease}},
        )
        return await self._store.find(QUEUE, {"taken_by": ticket}, sort=[("order", 1)])

    def _ack(self, document: Document, in_hand: asyncio.Semaphore) -> Callable[[], Awaitable[None]]:
        async def ack() -> None:
            try:
                await self._store.delete(REMOVE, QUEUE, {"_id": document["_id"]})
            finally:
                in_hand.release()

        return ack
