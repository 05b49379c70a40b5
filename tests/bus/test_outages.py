"""Broker, database or process away: nothing lost, nothing twice in effect, nothing parked."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import aio_pika
import aiohttp
import pytest

from deploy.local.proxy import TcpProxy
from deploy.local.rabbitmq import Broker
from shared.bus.consumer import HELD
from shared.events import Envelope
from shared.metrics import OUTBOX_AGE
from tests.bus.rig import (
    HEARD,
    Counted,
    NobodyListens,
    Replica,
    Rig,
    publish,
    say_until_saved,
)
from tests.servers import MongoServer
from tests.world import eventually


async def _all_heard(replica: Replica, expected: dict[str, int], within: float = 40) -> None:
    """Each key's facts, 0 to n - 1, once each; nothing held, nothing left to say."""

    async def heard() -> bool:
        numbers = await replica.listener.all_numbers()
        return {key: len(found) for key, found in numbers.items()} == expected

    await eventually(heard, within=within, what=f"all of {sum(expected.values())} heard")
    for key, numbers in (await replica.listener.all_numbers()).items():
        assert sorted(numbers) == list(range(expected[key]))
    assert not await replica.listener.held()

    async def all_said() -> bool:
        return await replica.publisher.unsaid() == 0

    await eventually(all_said, what="outboxes empty")


@asynccontextmanager
async def _load(replica: Replica, said: dict[str, int]) -> AsyncIterator[None]:
    """Commands on five things, one after the other on each, until the block ends."""
    go_on = True

    async def on_one(key: str) -> None:
        while go_on:
            number = said.get(key, 0)
            await say_until_saved(replica.publisher, key, Counted(key=key, number=number))
            said[key] = number + 1
            await asyncio.sleep(0.04)

    tasks = [asyncio.create_task(on_one(f"k{n}")) for n in range(5)]
    try:
        yield
    finally:
        go_on = False
        await asyncio.gather(*tasks)


def _behind(proxy: TcpProxy, url: str) -> str:
    parts = urlsplit(url)
    login = f"{parts.username}:{parts.password}@" if parts.username else ""
    return parts._replace(netloc=f"{login}{proxy.host}:{proxy.port}").geturl()


@asynccontextmanager
async def _proxy(url: str) -> AsyncIterator[TcpProxy]:
    parts = urlsplit(url)
    async with TcpProxy(parts.hostname or "127.0.0.1", parts.port or 5672) as proxy:
        yield proxy


async def test_the_broker_killed_and_restarted_under_load(amqp_rig: Rig, rabbit: Broker) -> None:
    said: dict[str, int] = {}
    async with _proxy(rabbit.url) as proxy:
        amqp_rig.amqp_url = _behind(proxy, rabbit.url)
        async with amqp_rig.replica() as one, amqp_rig.replica():
            async with _load(one, said):
                await asyncio.sleep(0.3)
                if rabbit.can_kill:
                    await asyncio.to_thread(rabbit.kill)
                    await asyncio.to_thread(rabbit.start)
                else:
                    await proxy.cut()
                    await asyncio.sleep(1)
                    await proxy.heal()
                await asyncio.sleep(0.3)
            await _all_heard(one, said)


async def test_connections_to_the_broker_dropped_and_stalled_under_load(
    amqp_rig: Rig, rabbit: Broker
) -> None:
    said: dict[str, int] = {}
    async with _proxy(rabbit.url) as proxy:
        amqp_rig.amqp_url = _behind(proxy, rabbit.url)
        async with amqp_rig.replica() as one:
            async with _load(one, said):
                for _ in range(4):
                    await asyncio.sleep(0.2)
                    proxy.stall()
                    await asyncio.sleep(0.1)
                    await proxy.drop()
                    await proxy.heal()
            await _all_heard(one, said)


@pytest.mark.parametrize("how", ["cut", "stall"])
async def test_the_store_away_or_slow_stops_consumption_and_parks_nothing(
    rig: Rig, mongodb: MongoServer, how: str
) -> None:
    seen: list[str] = []

    async def behave(envelope: Envelope, _: Any) -> None:
        seen.append(envelope.id)

    async with _proxy(mongodb.direct_url if mongodb.can_kill else mongodb.url) as proxy:
        through = _behind(proxy, mongodb.direct_url)
        async with (
            rig.replica(services=["testing"]) as sayer,
            rig.replica(behave, services=["listening"], MONGODB_URL=through) as hearer,
        ):
            for number in range(5):
                await sayer.publisher.say("k", Counted(key="k", number=number))
            await eventually(lambda: _heard(hearer, "k", 5))
            if how == "cut":
                await proxy.cut()
            else:
                proxy.stall()
            for number in range(5, 30):
                await sayer.publisher.say("k", Counted(key="k", number=number))
            await asyncio.sleep(1)
            handled = set(seen)
            assert len(handled) <= 6, "consumption goes on without a store"
            await proxy.heal()
            await eventually(lambda: _heard(hearer, "k", 30), within=20)
            assert await hearer.listener.numbers("k") == list(range(30))
            assert not await hearer.listener.held()


async def _heard(replica: Replica, key: str, count: int) -> bool:
    return len(await replica.listener.numbers(key)) == count


async def test_a_store_that_refuses_to_hold_loses_nothing(rig: Rig) -> None:
    async def behave(_: Envelope, __: Any) -> None:
        raise ZeroDivisionError

    async with rig.replica(behave) as replica:
        database = replica.listener.store._database
        impossible = {"$jsonSchema": {"required": ["impossible"]}}
        await database.command("collMod", HELD, validator=impossible)
        said = rig.envelope(Counted(key="k", number=1), "k")
        await publish(replica.bus, said)

        async def tried() -> bool:
            return len(replica.listener.tries) >= 2

        await eventually(tried, what="tried again while it can neither be done nor held")
        await database.command("collMod", HELD, validator={})
        await eventually(lambda: replica.listener.held(_id=said.id))


async def test_a_consumer_that_crashes_thirty_times_on_one_message(rig: Rig) -> None:
    crashes = 0
    drop: Any = None

    async def behave(_: Envelope, event: Any) -> None:
        nonlocal crashes
        if event.key == "poison" and crashes < 30:
            crashes += 1
            if drop is not None:
                await drop()
            raise asyncio.CancelledError  # as a dead process: no effect, no acknowledgement

    async with contextlib.AsyncExitStack() as stack:
        if rig.amqp_url:
            proxy = await stack.enter_async_context(_proxy(rig.amqp_url))
            rig.amqp_url = _behind(proxy, rig.amqp_url)
            drop = proxy.drop
        replica = await stack.enter_async_context(rig.replica(behave, PREAU_LEASE_SECONDS=0.05))
        await say_until_saved(replica.publisher, "poison", Counted(key="poison", number=0))
        fine = 0
        while crashes < 30:
            await say_until_saved(replica.publisher, "fine", Counted(key="fine", number=fine))
            fine += 1
            await asyncio.sleep(0.1)
            assert fine < 400, f"only {crashes} crashes"
        await _all_heard(replica, {"poison": 1, "fine": fine})


async def test_http_answers_and_saves_while_the_broker_is_down(
    amqp_rig: Rig, rabbit: Broker
) -> None:
    async with _proxy(rabbit.url) as proxy, aiohttp.ClientSession() as http:
        amqp_rig.amqp_url = _behind(proxy, rabbit.url)
        await proxy.cut()
        async with amqp_rig.replica(ready=False) as replica:
            await replica.runner.ready()
            for path in ("/livez", "/readyz", "/metrics", "/api/testing/openapi.json"):
                async with http.get(replica.origin + path) as got:
                    assert got.status == 200, path
            for number in range(3):
                body = {"key": "http", "number": number}
                url = f"{replica.origin}/api/testing/v1/veyras/say"
                async with http.post(url, json=body) as got:
                    assert got.status == 204
            assert await replica.publisher.unsaid() == 1
            await proxy.heal()
            await _all_heard(replica, {"http": 3})


async def test_a_full_queue_is_seen_and_tried_again(amqp_rig: Rig) -> None:
    """Another system's queue that refuses more: events stay in the outbox until it takes them."""
    async with amqp_rig.replica() as replica:
        connection = await aio_pika.connect(amqp_rig.amqp_url)
        async with connection:
            channel = await connection.channel()
            full = await channel.declare_queue(
                f"{amqp_rig.namespace}.full",
                arguments={"x-max-length": 1, "x-overflow": "reject-publish"},
            )
            await full.bind(f"{amqp_rig.namespace}.events", "#")
            for number in range(5):
                await replica.publisher.say("k", Counted(key="k", number=number))
            await eventually(lambda: _waits_visibly(replica), what="seen as waiting")
            await full.delete(if_unused=False, if_empty=False)
        await _all_heard(replica, {"k": 5})


async def _waits_visibly(replica: Replica) -> bool:
    age = OUTBOX_AGE.labels("testing")._value.get()
    return await replica.publisher.unsaid() == 1 and age > 1


async def test_an_unroutable_event_is_not_lost(amqp_rig: Rig) -> None:
    """Only a topology error makes one: the archive takes everything."""
    async with amqp_rig.replica() as replica:
        connection = await aio_pika.connect(amqp_rig.amqp_url)
        async with connection:
            channel = await connection.channel()
            archive = await channel.get_queue(f"{amqp_rig.namespace}.archive", ensure=False)
            await archive.unbind(f"{amqp_rig.namespace}.events", "#")
        await replica.publisher.say("k", NobodyListens())
        await eventually(lambda: _waits_visibly(replica), what="seen as waiting")
        async with amqp_rig.replica():  # every process declares everything at its start

            async def said() -> bool:
                return await replica.publisher.unsaid() == 0

            await eventually(said)


async def test_a_deleted_queue_is_declared_and_consumed_again(amqp_rig: Rig) -> None:
    async with amqp_rig.replica() as replica:
        await replica.publisher.say("k", Counted(key="k", number=0))
        await eventually(lambda: _heard(replica, "k", 1))
        connection = await aio_pika.connect(amqp_rig.amqp_url)
        async with connection:
            channel = await connection.channel()
            await channel.queue_delete(f"{amqp_rig.namespace}.listening")
        number = 0

        async def heard_again() -> bool:
            nonlocal number
            number += 1
            await replica.publisher.say("k", Counted(key="k", number=number))
            return len(await replica.listener.numbers("k")) > 1

        await eventually(heard_again)


async def test_what_the_broker_gave_up_is_parked_under_its_id(amqp_rig: Rig) -> None:
    """Dead-lettered messages wait in ``<service>.parked`` until a consumer drains it."""
    async with amqp_rig.replica() as replica:
        said = amqp_rig.envelope(Counted(key="k", number=1), "k")
        connection = await aio_pika.connect(amqp_rig.amqp_url)
        async with connection:
            channel = await connection.channel()
            await channel.default_exchange.publish(
                aio_pika.Message(said.encode()), f"{amqp_rig.namespace}.listening.parked"
            )
        (held,) = await eventually(lambda: replica.listener.held())
        assert (held["_id"], held["state"], held["type"]) == (said.id, "parked", HEARD[0].type)
        assert held["reason"] == "delivered too often without an answer"
        assert not replica.listener.tries
