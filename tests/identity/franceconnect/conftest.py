"""Veyras, registered with both simulators."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.identity.franceconnect.browser import Registered, registered
from tests.world import StartWorld


@pytest.fixture
async def fc(start_world: StartWorld, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Registered]:
    async with registered(start_world, monkeypatch) as it:
        yield it
