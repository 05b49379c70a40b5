"""What an operator's command needs of a service: its store and clocks, nothing running.

Events said by such a command are published by the running service's relay.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.pdf import Press
from shared.runner import Parts
from shared.settings import CommonSettings
from shared.store import Store, connect


@asynccontextmanager
async def parts_of(service: str) -> AsyncIterator[Parts]:
    """The parts of ``service``, from the environment."""
    settings = CommonSettings()
    clock = settings.clock()
    press = Press()
    client = connect(settings.mongodb_url.get_secret_value())
    try:
        store = Store(client, f"{settings.namespace}_{service}", clock)
        yield Parts.over(settings, store, clock, press)
    finally:
        await press.close()
        await client.close()
