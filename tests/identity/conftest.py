"""A portal for each test: identity alone, with the demo's towns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.identity.service import build
from tests.identity.portal import Portal
from tests.world import world


@pytest.fixture
async def portal(
    mongodb_url: str, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Portal]:
    async with world(
        {"identity": build}, mongodb_url=mongodb_url, namespace=namespace, tmp_path=tmp_path,
        monkeypatch=monkeypatch,
    ) as running:  # fmt: skip
        portal = Portal(running, running.runner.running[0].service.state)
        await portal.load("veyras", "andancette")
        yield portal
