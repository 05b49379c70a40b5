"""Broker, database or process away: nothing lost, nothing twice in effect, nothing parked."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
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
    say_until_saved,
)
from tests.servers import MongoServer
from tests.world import eventually, publish


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


class Load:
    """Commands on five things at once: on each, a few more than were heard of it.

    Two or more replicas may share the work, so what is heard is counted by ``hear``, which goes
    before each effect; ``ahead`` is how many facts of a thing may be said and not heard.
    """

    def __init__(self) -> None:
        self.said = dict.fromkeys((f"k{number}" for number in range(5)), 0)
        self.heard: dict[str, set[int]] = {key: set() for key in self.said}
        self.ahead = 3
        self.ended = False

    async def hear(self, _: Envelope, event: Any) -> None:
        """What replicas do before each effect."""
        self.heard[event.key].add(event.number)

    @asynccontextmanager
    async def on(self, replica: Replica) -> AsyncIterator[None]:
        """Commands go on until the block ends."""
        tasks = [asyncio.create_task(self._on_one(replica, key)) for key in self.said]
        try:
            yield
        finally:
            self.ended = True
            await asyncio.gather(*tasks)

    async def _on_one(self, replica: Replica, key: str) -> None:
        async def its_turn() -> bool:
            return self.ended or self.said[key] < len(self.heard[key]) + self.ahead

        while not self.ended:
            event = Counted(key=key, number=self.said[key])
            await say_until_saved(replica.publisher, key, event)
            self.said[key] += 1
            await eventually(its_turn, what=f"{key} heard")

    async def flows(self) -> None:
        """Return once thirty more have been heard."""
        wanted = self._count() + 30

        async def heard() -> bool:
            return self._count() >= wanted

        self.ahead = 3
        await eventually(heard, what="thirty more heard")

    async def rests(self, replica: Replica) -> None:
        """Return once all that was said is heard, and nothing more is said."""

        async def at_rest() -> bool:
            unheard = sum(self.said.values()) - self._count()
            return unheard == 0 and await replica.publisher.unsaid() == 0

        self.ahead = 0
        await eventually(at_rest, what="nothing is in hand")

    async def goes_on_unheard(self, more: int = 5) -> None:
        """Return once so many more commands on each thing are saved, although none is heard."""
        wanted = {key: number + more for key, number in self.said.items()}

        async def saved() -> bool:
            return all(self.said[key] >= number for key, number in wanted.items())

        self.ahead += more
        await eventually(saved, what="commands saved during the outage")

    def _count(self) -> int:
        return sum(map(len, self.heard.values()))


async def _tried(logged: Counter[str], event: str, times: int) -> None:
    """Return once ``event`` has been logged so many times more than now."""
    wanted = logged[event] + times

    async def often() -> bool:
        return logged[event] >= wanted

    await eventually(often, what=f"{event} logged {times} times")


def _behind(proxy: TcpProxy, url: str) -> str:
    parts = urlsplit(url)
    login = f"{parts.username}:{parts.password}@" if parts.username else ""
    return parts._replace(netloc=f"{login}{proxy.host}:{proxy.port}").geturl()


@asynccontextmanager
async def _proxy(url: str) -> AsyncIterator[TcpProxy]:
    parts = urlsplit(url)
    async with TcpProxy(parts.hostname or "127.0.0.1", parts.port or 5672) as proxy:
        yield proxy


async def test_the_broker_killed_and_restarted_under_load(
    amqp_rig: Rig, rabbit: Broker, logged: Counter[str]
) -> None:
    load = Load()
    async with _proxy(rabbit.url) as proxy:
        amqp_rig.amqp_url = _behind(proxy, rabbit.url)
        async with amqp_rig.replica(load.hear) as one, amqp_rig.replica(load.hear):
            async with load.on(one):
                await load.flows()
                if rabbit.can_kill:
                    await asyncio.to_thread(rabbit.kill)
                else:
                    await proxy.cut()
                await load.goes_on_unheard()
                await _tried(logged, "events-not-taken", 3)
                assert await one.publisher.unsaid() == len(load.said)
                if rabbit.can_kill:
                    await asyncio.to_thread(rabbit.start)
                else:
                    await proxy.heal()
                await load.flows()
            await _all_heard(one, load.said)


async def test_connections_to_the_broker_dropped_and_stalled_under_load(
    amqp_rig: Rig, rabbit: Broker
) -> None:
    load = Load()
    async with _proxy(rabbit.url) as proxy:
        amqp_rig.amqp_url = _behind(proxy, rabbit.url)
        async with amqp_rig.replica(load.hear) as one:
            async with load.on(one):
                for quiet in (False, True) * 2:
                    await load.flows()
                    if quiet:  # what gets stuck is then the last of its thing: none comes after it
                        await load.rests(one)
                    proxy.stall()
                    await load.goes_on_unheard(1 if quiet else 5)
                    assert await one.publisher.unsaid() == len(load.said)
                    await proxy.drop()
                    await proxy.heal()
            await _all_heard(one, load.said)


@pytest.mark.parametrize("how", ["cut", "stall"])
async def test_the_store_away_or_slow_stops_consumption_and_parks_nothing(
    rig: Rig, mongodb: MongoServer, logged: Counter[str], how: str
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
            # A job that was refused and refused again: so was all that asked in between.
            await _tried(logged, "job-waits-for-store", 2)
            # The next one is tried, and no other; the local bus needs the store to deliver it.
            assert len(set(seen)) in ({6} if rig.amqp_url else {5, 6})
            await proxy.heal()
            await eventually(lambda: _heard(hearer, "k", 30))
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

        async def crashed_often() -> bool:
            nonlocal fine
            await say_until_saved(replica.publisher, "fine", Counted(key="fine", number=fine))
            fine += 1
            await eventually(lambda: _heard(replica, "fine", fine))
            return crashes == 30

        await eventually(crashed_often, what="thirty crashes")
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


async def _all_consumed(channel: aio_pika.abc.AbstractChannel, rig: Rig) -> bool:
    """Each connection of the process has declared everything, and declares nothing any more."""
    names = (f"{rig.namespace}.{queue}" for queue in ("testing", "listening"))
    queues = [
        await channel.declare_queue(name + suffix, passive=True)
        for name in names
        for suffix in ("", ".parked")
    ]
    return all(queue.declaration_result.consumer_count for queue in queues)


async def test_an_unroutable_event_is_not_lost(amqp_rig: Rig) -> None:
    """Only a topology error makes one: the archive takes everything."""
    async with amqp_rig.replica() as replica:
        connection = await aio_pika.connect(amqp_rig.amqp_url)
        async with connection:
            channel = await connection.channel()
            await eventually(lambda: _all_consumed(channel, amqp_rig), what="all declared")
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
