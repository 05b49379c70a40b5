"""What ``/metrics`` says is true now, or not said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from deploy.local.proxy import TcpProxy
from shared.clock import MachineClock
from shared.events import Envelope, Event
from shared.failpoints import step
from shared.metrics import exposition
from shared.outbox import Relay
from shared.store import Store, connect
from shared.tasks import cancelled
from tests.servers import MongoServer
from tests.world import eventually

SAY = step("sample.metrics.say")


class Noted(Event, service="sample", name="noted", kind="fact"):
    """Something that the bus never takes."""


async def _away(envelopes: Sequence[Envelope]) -> list[bool]:
    return [False] * len(envelopes)


def _value(name: str, **labels: str) -> float | None:
    """What a scrape would read, or None."""
    wanted = ",".join(f'{key}="{value}"' for key, value in labels.items())
    for line in exposition().decode().splitlines():
        if line.startswith(f"{name}{{{wanted}}} "):
            return float(line.rpartition(" ")[2])
    return None


def _age(replica: str) -> float | None:
    return _value("preau_outbox_age_seconds", service=replica)


@asynccontextmanager
async def _sweeping(name: str, store: Store, lease_seconds: float = 30) -> AsyncIterator[Relay]:
    """A replica's relay, named so that its metric is told from another's; then drained."""
    relay = Relay(name, store, ["things"], _away, MachineClock(), lease_seconds)
    task = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        await cancelled([task])
        await relay.drain()


async def test_only_the_replica_that_sweeps_tells_how_old_events_are(store: Store) -> None:
    await store.insert(SAY, "things", {"_id": "1", "town": "veyras"}, Noted())

    async def first_alone() -> bool:
        return (_age("first") or 0) > 1 and _age("second") is None

    async def second_alone() -> bool:
        return (_age("second") or 0) > 1 and _age("first") is None

    async with _sweeping("first", store, lease_seconds=0.05):
        await eventually(first_alone)
        async with _sweeping("second", store):
            await eventually(second_alone)
        await eventually(first_alone, what="the lease given back is taken up")
    assert _age("first") is None, "drained"


async def test_nobody_tells_while_the_database_is_away(
    mongodb: MongoServer, namespace: str
) -> None:
    host, port = mongodb.url.removeprefix("mongodb://").partition("/")[0].split(":")
    async with TcpProxy(host, int(port)) as proxy:
        client = connect(f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true")
        store = Store(client, f"{namespace}_sample", MachineClock())

        async def told() -> bool:
            return _age("only") is not None

        async def not_told() -> bool:
            return _age("only") is None

        async with _sweeping("only", store):
            await eventually(told)
            await proxy.cut()
            await eventually(not_told)
            await proxy.heal()
            await eventually(told)
        await client.close()
