"""The relay: publishes what documents carry in ``pending``, then takes it out.

Each replica relays at once what it has just saved; the replica that holds the lease also sweeps
what a crash left behind. Publishing twice is harmless (consumers know an event by its id), so
correctness does not depend on the lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from shared.clock import Clock
from shared.errors import StoreUnavailable
from shared.events import Envelope
from shared.failpoints import step
from shared.ids import new_id
from shared.logs import get_logger
from shared.metrics import EVENTS_PUBLISHED, OUTBOX_AGE
from shared.store import Document, Store

PUBLISH = step("outbox.publish")
PULL = step("outbox.pull")
LEASE = step("outbox.lease")

_BATCH = 200
_KEPT = 2000
_SWEEP_EVERY = 1.0
_LEFT_BEHIND = timedelta(seconds=1)
_log = get_logger()

Publish = Callable[[Sequence[Envelope]], Awaitable[list[bool]]]


class Relay:
    """Moves events from one service's outboxes to the bus.

    ``publish`` answers, for each envelope in order, whether the bus has taken it for good.
    """

    def __init__(
        self,
        service: str,
        store: Store,
        collections: Sequence[str],
        publish: Publish,
        clock: Clock,
        lease_seconds: float = 30,
    ) -> None:
        self._service = service
        self._lease_seconds = lease_seconds
        self._store = store
        self._collections = collections
        self._publish = publish
        self._clock = clock
        self._owner = new_id()
        self._hints: dict[str, dict[str, Document]] = {name: {} for name in collections}
        self._wake = asyncio.Event()
        store.on_saved = self._hint

    def _hint(self, collection: str, outbox: Document) -> None:
        """Two writes may answer in the other order: the later outbox holds the earlier's too."""
        known = self._hints[collection].get(outbox["_id"])
        if known is None or known["seq"] < outbox["seq"]:
            self._hints[collection][outbox["_id"]] = outbox
        self._wake.set()

    async def run(self) -> None:
        """Relay until cancelled. A bus or a store that is away is waited for."""
        pause = _SWEEP_EVERY
        next_sweep = 0.0
        loop = asyncio.get_running_loop()
        while True:
            try:
                # Not ``wait_for``: Python 3.11's swallows a cancellation that meets its result.
                async with asyncio.timeout(max(0.01, next_sweep - loop.time())):
                    await self._wake.wait()
            except TimeoutError:
                self._wake.set()
            self._wake.clear()
            try:
                complete = await self.relay_saved()
                if loop.time() >= next_sweep:
                    complete = await self._sweep() and complete
                    next_sweep = loop.time() + _SWEEP_EVERY
            except StoreUnavailable:
                complete = False
                self._age_unknown()
            except Exception as error:  # noqa: BLE001 - events must leave whatever went wrong once
                _log.error("relay-failed", exc_info=error)
                complete = False
                self._age_unknown()
            if complete:
                pause = 0.1
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _SWEEP_EVERY)
                next_sweep = 0.0

    async def relay_saved(self) -> bool:
        """Publish what this process has saved; False when the bus did not take all of it."""
        complete = True
        for collection, hints in self._hints.items():
            while hints and complete:
                outboxes = list(hints.values())[:_BATCH]
                for outbox in outboxes:
                    del hints[outbox["_id"]]
                complete = False
                try:
                    complete = await self._relay(collection, outboxes)
                finally:
                    if not complete:
                        self._keep(collection, outboxes)
        return complete

    def _keep(self, collection: str, outboxes: Sequence[Document]) -> None:
        """What was not taken is tried at the next pass; beyond a bound, by the sweep."""
        for outbox in outboxes[: _KEPT - len(self._hints[collection])]:
            self._hint(collection, outbox)

    async def drain(self) -> bool:
        """The last pass before the process ends; False when something had to be left.

        The lease is given back, so that another replica, or this one again, sweeps at once.
        """
        self._age_unknown()
        try:
            complete = await self.relay_saved()
            await self._store.release("relay", self._owner)
        except StoreUnavailable:
            return False
        return complete

    async def _sweep(self) -> bool:
        if not await self._store.lease(LEASE, "relay", self._owner, self._lease_seconds):
            self._age_unknown()
            return True
        now = self._clock.machine()
        oldest = now
        complete = True
        for collection in self._collections:
            more = True
            while more:
                documents = await self._store.pending(collection, _BATCH)
                left = [d for d in documents if d["pending"][0]["saved"] < now - _LEFT_BEHIND]
                oldest = min([oldest, *(d["pending"][0]["saved"] for d in left)])
                taken = await self._relay(collection, left)
                complete = complete and taken
                more = taken and len(left) == _BATCH
        OUTBOX_AGE.labels(self._service).set((now - oldest).total_seconds())
        return complete

    def _age_unknown(self) -> None:
        """Only who sweeps knows: an age that nobody looks at any more would seem to stand still."""
        OUTBOX_AGE.remove(self._service)

    async def _relay(self, collection: str, documents: Sequence[Document]) -> bool:
        if not documents:
            return True
        envelopes = [envelope for document in documents for envelope in envelopes_of(document)]
        PUBLISH.before()
        taken = await self._publish(envelopes)
        PUBLISH.after()
        done: dict[str, list[str]] = {}
        position = 0
        for document in documents:
            count = len(document["pending"])
            ids = _taken_prefix(document["pending"], taken[position : position + count])
            position += count
            if ids:
                done[document["_id"]] = ids
        if done:
            PULL.before()
            await self._store.published(collection, done)
            PULL.after()
        EVENTS_PUBLISHED.labels(self._service).inc(sum(taken))
        if not all(taken):
            _log.warning("events-not-taken", collection=collection, count=taken.count(False))
        return all(taken)


def _taken_prefix(pending: Sequence[Document], taken: Sequence[bool]) -> list[str]:
    """Only a prefix may leave: positions give the sequence numbers of what stays."""
    ids = []
    for entry, ok in zip(pending, taken, strict=True):
        if not ok:
            break
        ids.append(entry["id"])
    return ids


def envelopes_of(document: Document) -> list[Envelope]:
    """The pending events of ``{seq, pending}``, numbered from the snapshot that was read."""
    pending = document["pending"]
    first = document["seq"] - len(pending) + 1
    return [
        Envelope(
            id=entry["id"],
            type=entry["type"],
            subject=entry["subject"],
            time=entry["time"],
            town=entry["town"],
            sequence=first + position,
            correlation=entry["correlation"],
            causation=entry.get("causation"),
            data=entry["data"],
        )
        for position, entry in enumerate(pending)
    ]
