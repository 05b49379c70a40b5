"""An event from its save in one service to its effect in another, beside a bare loop.

Both do, per event: a journalled insert, one publication confirmed by the broker, one consumption
from a quorum queue, a second journalled insert, an acknowledgement. Ours adds what makes it
safe: the outbox (found, then pulled), the envelope, the per-subject order, the held events.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from shared.bus.amqp import PREFETCH, AmqpBus
from shared.bus.consumer import HELD, HELD_INDEXES, Consumer, on
from shared.clock import MachineClock
from shared.events import Envelope, Event
from shared.failpoints import step
from shared.ids import new_id
from shared.outbox import Relay
from shared.store import Store, connect
from shared.tasks import cancelled
from tests.bench.measure import Row, Servers, at_least, at_most, percentile, row

ROUNDS = 5
EVENTS = 2000
AT_ONCE = 50
RATE = 200
SECONDS = 5
_SAVE = step("bench.event.save")
_EFFECT = step("bench.event.effect")


class Happened(Event, service="bench", name="happened", kind="fact"):
    """Something happened, at a machine instant in seconds."""

    at: float
    padding: str


async def measure(servers: Servers) -> list[Row]:
    """Throughput over several rounds, ours and bare in turn; then latency at a steady rate."""
    ours, bare, raw = [], [], []
    for _ in range(ROUNDS):
        ours.append(await _ours(servers))
        bare.append(await _bare(servers))
        raw.append(await _raw(servers))
    latencies = await _latency(servers)
    ratios = [a / b for a, b in zip(ours, bare, strict=True)]
    return [
        at_least("event throughput, ours / bare loop", ratios, "ratio", 0.7),
        row("  ours", ours, "1/s"),
        row("  bare loop", bare, "1/s"),
        row("  raw aio-pika, no database", raw, "1/s"),
        at_most(f"event latency p99 at {RATE}/s", [percentile(latencies, 0.99) * 1000], "ms", 100),
        row("  p50", [percentile(latencies, 0.5) * 1000], "ms"),
    ]  # fmt: skip


async def _with_ours(
    servers: Servers,
    work: Callable[[Store, Callable[[int], Awaitable[None]], list[float]], Awaitable[float]],
) -> float:
    """Run ``work`` with a publishing store, a way to wait for n effects, and the latencies."""
    namespace = f"e{new_id()[-6:]}"
    client = connect(servers.mongodb_url)
    clock = MachineClock()
    source = Store(client, f"{namespace}_source", clock)
    target = Store(client, f"{namespace}_target", clock)
    await source.prepare({}, ("things",))
    await target.prepare({HELD: HELD_INDEXES}, ())
    latencies: list[float] = []
    enough = asyncio.Event()

    async def react(envelope: Envelope, event: Happened) -> None:
        await target.insert(_EFFECT, "effects", {"_id": envelope.id, "padding": event.padding})
        latencies.append(time.time() - event.at)
        enough.set()

    async def effects(count: int) -> None:
        while len(latencies) < count:
            enough.clear()
            await enough.wait()

    bus = AmqpBus(servers.amqp_url, namespace, {"target": frozenset({Happened.type})})
    consumer = Consumer("target", {Happened.type: on(Happened, react)}, target, clock, (1, 1, 1))
    relay = Relay("source", source, ("things",), bus.publish, clock)
    await bus.start()
    await bus.consume("target", consumer.submit, dead=consumer.submit_dead)
    running = asyncio.create_task(relay.run())
    await source.insert(_SAVE, "things", {"_id": "first"}, Happened(at=time.time(), padding=""))
    await effects(1)
    latencies.clear()
    try:
        return await work(source, effects, latencies)
    finally:
        await cancelled([running])
        await bus.cancel()
        await bus.stop()
        await client.drop_database(f"{namespace}_source")
        await client.drop_database(f"{namespace}_target")
        await client.close()


async def _ours(servers: Servers) -> float:
    async def work(
        source: Store, effects: Callable[[int], Awaitable[None]], _: list[float]
    ) -> float:
        limit = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with limit:
                event = Happened(at=time.time(), padding="x" * 300)
                await source.insert(_SAVE, "things", {"_id": new_id()}, event)

        started = time.monotonic()
        await asyncio.gather(*(one() for _ in range(EVENTS)), effects(EVENTS))
        return EVENTS / (time.monotonic() - started)

    return await _with_ours(servers, work)


async def _latency(servers: Servers) -> list[float]:
    kept: list[float] = []

    async def work(
        source: Store, effects: Callable[[int], Awaitable[None]], latencies: list[float]
    ) -> float:
        started = time.monotonic()

        async def one(number: int) -> None:
            await asyncio.sleep(max(0.0, started + number / RATE - time.monotonic()))
            event = Happened(at=time.time(), padding="x" * 300)
            await source.insert(_SAVE, "things", {"_id": new_id()}, event)

        count = RATE * SECONDS
        await asyncio.gather(*(one(number) for number in range(count)), effects(count))
        kept.extend(latencies)
        return 0.0

    await _with_ours(servers, work)
    return kept


async def _bare(servers: Servers) -> float:
    namespace = f"e{new_id()[-6:]}"
    client = connect(servers.mongodb_url)
    source = client.get_database(f"{namespace}_source")["things"]
    target = client.get_database(f"{namespace}_target")["effects"]

    async def handle(message: AbstractIncomingMessage) -> None:
        await target.insert_one({"_id": message.message_id, "padding": "x" * 300})

    async def save(_id: str) -> None:
        await source.insert_one({"_id": _id, "padding": "x" * 300})

    try:
        return await _loop(servers, f"{namespace}.bare", save, handle)
    finally:
        await client.drop_database(f"{namespace}_source")
        await client.drop_database(f"{namespace}_target")
        await client.close()


async def _raw(servers: Servers) -> float:
    async def nothing(_: object) -> None:
        return

    return await _loop(servers, f"e{new_id()[-6:]}.raw", nothing, nothing)


async def _loop(
    servers: Servers,
    queue_name: str,
    save: Callable[[str], Awaitable[None]],
    handle: Callable[[AbstractIncomingMessage], Awaitable[None]],
) -> float:
    """Save, publish, consume, handle, acknowledge; two connections, as ours."""
    publishing = await aio_pika.connect(servers.amqp_url)
    consuming = await aio_pika.connect(servers.amqp_url)
    done = asyncio.Event()
    handled = 0

    async def received(message: AbstractIncomingMessage) -> None:
        nonlocal handled
        await handle(message)
        await message.ack()
        handled += 1
        if handled == EVENTS:
            done.set()

    async with publishing, consuming:
        out = await publishing.channel(publisher_confirms=True, on_return_raises=True)
        incoming = await consuming.channel()
        await incoming.set_qos(prefetch_count=PREFETCH)
        arguments = {"x-queue-type": "quorum", "x-single-active-consumer": True}
        queue = await incoming.declare_queue(queue_name, durable=True, arguments=arguments)
        await queue.consume(received)
        limit = asyncio.Semaphore(AT_ONCE)

        async def one() -> None:
            async with limit:
                _id = new_id()
                await save(_id)
                message = aio_pika.Message(
                    b"x" * 600, message_id=_id, delivery_mode=aio_pika.DeliveryMode.PERSISTENT
                )
                await out.default_exchange.publish(message, queue_name, mandatory=True)

        started = time.monotonic()
        await asyncio.gather(*(one() for _ in range(EVENTS)), done.wait())
        seconds = time.monotonic() - started
        await queue.delete(if_unused=False, if_empty=False)
        return EVENTS / seconds
