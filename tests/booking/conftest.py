"""Booking alone, over HTTP, with its real store."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.booking.service import build
from tests.samples import say_town, town_file
from tests.world import StartWorld, World


@pytest.fixture
async def running(start_world: StartWorld) -> AsyncIterator[World]:
    async with start_world({"booking": build}) as it:
        await say_town(it, town_file())
        yield it
