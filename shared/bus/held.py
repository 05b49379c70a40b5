"""What an operator may know and do about the events a service holds (``preau parked``)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.bus.consumer import HELD
from shared.clock import Clock
from shared.errors import StoreUnavailable
from shared.failpoints import step
from shared.logs import get_logger
from shared.metrics import HELD_EVENTS
from shared.store import Document, Store

#: Every state a held event may be in (``consumer``).
STATES = ("parked", "waiting", "retrying")

RETRY = step("held.retry")
DROP = step("held.drop")

#: Seconds a scrape waits for the counts, well within the 10 that Prometheus waits for a scrape.
_COUNTED_WITHIN = 2.0

_log = get_logger()


async def count_held(service: str, store: Store) -> None:
    """Set the gauge of held events, by index; without the database it is absent."""
    try:
        async with asyncio.timeout(_COUNTED_WITHIN):
            counts = {state: await store.count(HELD, {"state": state}) for state in STATES}
    except (StoreUnavailable, TimeoutError):
        for state in STATES:
            HELD_EVENTS.remove(service, state)
        return
    for state, count in counts.items():
        HELD_EVENTS.labels(service, state).set(count)


class HeldEvents:
    """The held events of one service, as documents ``{_id, state, reason, body, since, …}``."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def list(self, states: Sequence[str], town: str | None = None) -> list[Document]:
        """Those in one of these states, the oldest first; without their bodies."""
        query: Document = {"state": {"$in": [*states]}} | ({"town": town} if town else {})
        return await self._store.find(
            HELD, query, sort=[("since", 1), ("_id", 1)], projection={"body": 0}
        )

    async def one(self, held_id: str) -> Document | None:
        """One, whole, or None."""
        return await self._store.get(HELD, held_id)

    async def retry(self, held_id: str) -> bool:
        """Make it due now, with all its tries before it; False when it is not there."""
        now = self._clock.machine()
        fresh = {"state": "retrying", "due": now, "since": now, "tries": 0}
        return await self._store.change(RETRY, HELD, held_id, {}, {"$set": fresh})

    async def drop(self, held_id: str) -> bool:
        """Give it up for good; False when it is not there, or not parked."""
        held = await self.one(held_id)
        if held is None:
            return False
        dropped = await self._store.delete(DROP, HELD, {"_id": held_id, "state": "parked"})
        if dropped:
            _log.warning(
                "held-event-dropped", event_id=held_id, event_type=held.get("type"),
                town=held.get("town"), reason=held.get("reason"),
            )  # fmt: skip
        return bool(dropped)
