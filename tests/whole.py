"""All five services in one process, over RabbitMQ, with a mail server: the fixture ``whole``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import pytest

from deploy.local.mailbox import Mailbox
from services.registry import BUILDS
from tests.world import StartWorld, World, eventually


@pytest.fixture
def start_whole(start_world: StartWorld, amqp_url: str, mailbox: Mailbox) -> StartWorld:
    """Starts everything but the data."""
    return partial(start_world, BUILDS, amqp_url=amqp_url, smtp_url=mailbox.url)


@pytest.fixture
async def whole(start_whole: StartWorld) -> AsyncIterator[World]:
    async with start_whole() as it:
        for service in BUILDS:
            await eventually(partial(_knows_keys, it, service), what=f"{service} knows the keys")
        yield it


async def _knows_keys(world: World, service: str) -> bool:
    """Whether the service can tell a token from what is none."""
    answer = await world.call("GET", f"/api/{service}/v1/veyras/audit", token="garbage")
    return answer.status == 401
