"""What an operator's command needs of a service: its store and clocks, nothing running.

Events said by such a command are published by the running service's relay.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.auth import Keyring
from shared.runner import Parts
from shared.settings import CommonSettings
from shared.store import Store, connect


@asynccontextmanager
async def parts_of(service: str) -> AsyncIterator[Parts]:
    """The parts of ``service``, from the environment."""
    settings = CommonSettings()
    clock = settings.clock()
    client = connect(settings.mongodb_url.get_secret_value())
    try:
        store = Store(client, f"{settings.namespace}_{service}", clock)
        yield Parts(settings, store, clock, Keyring(clock))
    finally:
        await client.close()
