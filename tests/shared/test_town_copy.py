"""A town's file as services keep it: nobody is given the one from before."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.clock import MachineClock
from shared.contracts.identity import TownChanged
from shared.copies import FRESH, TownCopy
from shared.store import Document, Store
from tests.samples import town_file
from tests.world import envelope


async def heard(copy: TownCopy, version: int) -> None:
    event = TownChanged(version=version, file=town_file())
    told = envelope(
        event, "towns/veyras", town="veyras", time=MachineClock().machine(), sequence=version
    )
    await copy.hear(told, event)


async def test_who_asks_while_a_newer_file_is_being_read_waits_for_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another replica heard of it; both tasks find that their copy is to be looked at again."""
    clock = MachineClock()
    copy, other = TownCopy(store, clock), TownCopy(store, clock)
    await heard(copy, 1)
    assert (await copy.need("veyras")).version == 1
    await heard(other, 2)
    later = clock.machine() + timedelta(seconds=2 * FRESH)
    monkeypatch.setattr(MachineClock, "machine", lambda _: later)
    get, read, go_on = store.get, asyncio.Event(), asyncio.Event()

    async def slow(*about: Any) -> Document | None:
        read.set()
        await go_on.wait()
        return await get(*about)

    monkeypatch.setattr(store, "get", slow)
    first = asyncio.create_task(copy.need("veyras"))
    await read.wait()
    second = asyncio.create_task(copy.need("veyras"))
    await asyncio.sleep(0)
    go_on.set()
    assert [(await one).version for one in (first, second)] == [2, 2]
