"""Booking alone, over HTTP, with its real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.booking.service import build
from tests.booking.helpers import set_town
from tests.samples import town_file
from tests.world import World, world


@pytest.fixture
async def running(
    mongodb_url: str, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    async with world(
        {"booking": build}, mongodb_url=mongodb_url, namespace=namespace, tmp_path=tmp_path,
        monkeypatch=monkeypatch,
    ) as it:  # fmt: skip
        await set_town(it, town_file())
        yield it
