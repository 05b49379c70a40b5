"""All five services in one process, over RabbitMQ, with a mail server: the fixture ``whole``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.mailbox import Mailbox
from services.registry import BUILDS
from tests.world import World, world


@pytest.fixture
async def whole(
    mongodb_url: str,
    amqp_url: str,
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mailbox: Mailbox,
) -> AsyncIterator[World]:
    """Everything but the data."""
    async with world(
        BUILDS, mongodb_url=mongodb_url, namespace=namespace, tmp_path=tmp_path,
        monkeypatch=monkeypatch, amqp_url=amqp_url, smtp_url=mailbox.url,
    ) as it:  # fmt: skip
        yield it
