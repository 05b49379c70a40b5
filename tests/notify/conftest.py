"""Notify alone: what others would say to it is said by the tests; mails really leave."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from deploy.local.mailbox import Mailbox
from services.notify.service import build
from tests.samples import say_town, town_file
from tests.world import StartWorld, World


@pytest.fixture
def start(start_world: StartWorld, mailbox: Mailbox) -> StartWorld:
    """Starts notify; twice at once makes two replicas over one database."""
    return partial(start_world, {"notify": build}, smtp_url=mailbox.url)


@pytest.fixture
async def running(start: StartWorld) -> AsyncIterator[World]:
    async with start() as it:
        await say_town(it, town_file())
        yield it
