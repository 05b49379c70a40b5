"""What ``/metrics`` says is true now, or not said."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from deploy.local.proxy import TcpProxy
from shared.bus.consumer import on
from shared.clock import MachineClock
from shared.contracts.family import FamilyChanged
from shared.contracts.identity import AccountChanged
from shared.errors import MissingCopy
from shared.events import Envelope, Event
from shared.failpoints import step
from shared.ids import new_id
from shared.metrics import exposition
from shared.outbox import Relay
from shared.runner import Parts, Service
from shared.store import Store, connect
from shared.tasks import cancelled
from tests.samples import Household
from tests.servers import MongoServer
from tests.world import StartWorld, eventually

SAY = step("sample.metrics.say")
#: The driver leaves a socket unclosed when a connection attempt fails half way.
_LEAVES_A_SOCKET = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


class Noted(Event, service="sample", name="noted", kind="fact"):
    """Something that the bus never takes."""


async def _away(envelopes: Sequence[Envelope]) -> list[bool]:
    return [False] * len(envelopes)


def _values(series: str, scraped: str) -> dict[str, float]:
    """The values of ``series`` (a metric and its first labels), by the last label's value."""
    line = re.compile(rf'^{re.escape(series)}\w+="([^"]*)"}} (\S+)$', re.MULTILINE)
    return {label: float(value) for label, value in line.findall(scraped)}


def _age(replica: str) -> float | None:
    return _values("preau_outbox_age_seconds{", exposition().decode()).get(replica)


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


@pytest.fixture
async def proxy(mongodb: MongoServer) -> AsyncIterator[TcpProxy]:
    """On the way to the database."""
    host, port = mongodb.direct_url.removeprefix("mongodb://").partition("/")[0].split(":")
    async with TcpProxy(host, int(port)) as between:
        yield between


def _through(proxy: TcpProxy) -> str:
    return f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"


@_LEAVES_A_SOCKET
async def test_nobody_tells_while_the_database_is_away(proxy: TcpProxy, namespace: str) -> None:
    client = connect(_through(proxy))
    try:
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
    finally:
        await client.close()


@_LEAVES_A_SOCKET
async def test_held_events_are_counted_by_state_at_each_scrape(
    proxy: TcpProxy, start_world: StartWorld
) -> None:
    home = Household()

    async def fails(_: Envelope, __: FamilyChanged) -> None:
        raise ZeroDivisionError

    async def waits(_: Envelope, event: AccountChanged) -> None:
        raise MissingCopy(f"families/{event.families[0].family}")

    def hard_of_hearing(_: Parts) -> Service:
        table = [on(FamilyChanged, fails), on(AccountChanged, waits)]
        return Service("notify", "Holds what it hears.", None, [], table, {}, ())

    builds = {"notify": hard_of_hearing}
    async with start_world(builds, mongodb_url=_through(proxy)) as running:

        async def held() -> dict[str, float]:
            async with running.http.get(f"{running.origin}/metrics") as scraped:
                assert scraped.status == 200
                return _values('preau_held_events{service="notify",', await scraped.text())

        def says(**states: int) -> Callable[[], Awaitable[bool]]:
            async def it_does() -> bool:
                return await held() == states

            return it_does

        assert await held() == {"retrying": 0, "waiting": 0, "parked": 0}
        for number in range(2):
            await running.say(home.adult(), f"accounts/{number}")
        said = await running.say(home.card(), f"families/{home.id}")
        await eventually(says(retrying=1, waiting=2, parked=0))
        malformed = replace(said, id=new_id(), type=AccountChanged.type, data={})
        await running.runner.bus.publish([malformed])
        await eventually(says(retrying=0, waiting=2, parked=2), what="given up, and malformed")
        await proxy.cut()
        await eventually(says(), what="absent while the database is away")
        await proxy.heal()
        await eventually(says(retrying=0, waiting=2, parked=2))
