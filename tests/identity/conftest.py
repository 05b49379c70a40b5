"""A portal for each test: identity alone, with the demo's towns."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.identity.service import build
from tests.identity.portal import Portal
from tests.world import StartWorld


@pytest.fixture
async def portal(start_world: StartWorld) -> AsyncIterator[Portal]:
    async with start_world({"identity": build}) as running:
        portal = Portal(running, running.state("identity"))
        await portal.load("veyras", "andancette")
        yield portal
