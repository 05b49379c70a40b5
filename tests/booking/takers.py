"""A process that takes places as fast as it can: imports little, for it starts often."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

from services.booking.domain.places import Shape
from services.booking.domain.request import Line
from services.booking.store import Places
from shared.clock import MachineClock
from shared.contracts.town_file import Activity
from shared.store import Store, connect
from tests.samples import activity, places

DAY = date(2026, 9, 17)
SHAPES = {
    "cantine": Shape(Activity.model_validate(activity("cantine", places=places(1000))), version=1)
}
PROCESSES, TASKS, TRIES = 4, 16, 20


def grant_until_full(url: str, database: str, process: int, granted: Any) -> None:
    """One process: its tasks each ask for ``TRIES`` places, one after the other."""

    async def task(store: Places, number: int) -> int:
        count = 0
        for attempt in range(TRIES):
            request = f"{process:08x}{number:08x}{attempt:016x}"
            line = Line("1", request, "cantine", DAY, ("unit",))
            answer = await store.grant("veyras", request, [line], SHAPES, lambda _line: ())
            count += answer["1"] is None
        return count

    async def everything() -> int:
        client = connect(url)
        store = Places(Store(client, database, MachineClock()))
        await store.prepare("veyras", [("cantine", DAY)], SHAPES, {})
        counts = await asyncio.gather(*(task(store, number) for number in range(TASKS)))
        await client.close()
        return sum(counts)

    granted.put(asyncio.run(everything()))
