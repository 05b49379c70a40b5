"""Notify alone: what others would say to it is said by the tests; mails really leave."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from deploy.local.mailbox import Mailbox
from services.notify.service import build
from tests.notify.helpers import set_town
from tests.samples import town_file
from tests.world import World, world

Start = Callable[[], AbstractAsyncContextManager[World]]


@pytest.fixture
def start(
    mongodb_url: str,
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mailbox: Mailbox,
) -> Start:
    """Starts notify; twice at once makes two replicas over one database."""

    def begin() -> AbstractAsyncContextManager[World]:
        return world(
            {"notify": build}, mongodb_url=mongodb_url, namespace=namespace, tmp_path=tmp_path,
            monkeypatch=monkeypatch, smtp_url=mailbox.url,
        )  # fmt: skip

    return begin


@pytest.fixture
async def running(start: Start) -> AsyncIterator[World]:
    async with start() as it:
        await set_town(it, town_file())
        yield it
