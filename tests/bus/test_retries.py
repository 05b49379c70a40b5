"""When a held event is tried again, by a machine's clock that the test moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.bus.consumer import HELD, HELD_INDEXES, TRIES, Consumer, on
from shared.bus.port import Delivery
from shared.events import Envelope
from shared.store import Document, Store, connect
from tests.bus.rig import Counted, Listener, NeedsCard, Rig


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 9, 14, 8, tzinfo=UTC)

    def town(self) -> datetime:
        return self.now

    def machine(self) -> datetime:
        return self.now


@asynccontextmanager
async def _consumer(rig: Rig, clock: Clock) -> AsyncIterator[tuple[Consumer, Listener]]:
    async def behave(_: Envelope, event: Any) -> None:
        if event.key == "broken":
            raise ZeroDivisionError

    client = connect(rig.mongodb_url)
    store = Store(client, f"{rig.namespace}_listening", clock)
    await store.prepare({HELD: HELD_INDEXES}, ())
    listener = Listener(store, behave)
    reactions = {c.type: on(c, listener.count) for c in (Counted, NeedsCard)}
    yield Consumer("listening", reactions, store, clock, (10, 60, 600)), listener
    await client.close()


async def _deliver(consumer: Consumer, envelope: Envelope) -> list[str]:
    acked: list[str] = []

    async def ack() -> None:
        acked.append(envelope.id)

    consumer.submit(Delivery(envelope.encode(), ack))
    assert await consumer.drain(10)
    return acked


async def _held(listener: Listener) -> Document:
    (held,) = await listener.held()
    return held


async def test_delays_grow_and_end(local_rig: Rig) -> None:
    clock = Clock()
    async with _consumer(local_rig, clock) as (consumer, listener):
        said = local_rig.envelope(Counted(key="broken", number=1), "broken")
        assert await _deliver(consumer, said) == [said.id], "held, hence acknowledged"
        delays = []
        while (held := await _held(listener))["state"] == "retrying":
            delay = held["due"] - clock.now
            delays.append(delay.total_seconds())
            clock.now += delay - timedelta(seconds=1)
            await consumer.retry_due()
            assert len(listener.tries) == len(delays), "not before it is due"
            clock.now += timedelta(seconds=1)
            await consumer.retry_due()
            assert len(listener.tries) == len(delays) + 1
        assert delays == [10, 10, 60, 60, 60, 600, 600, 600]
        assert len(delays) == len(TRIES)
        clock.now += timedelta(days=30)
        await consumer.retry_due()
        assert len(listener.tries) == len(TRIES) + 1, "parked is not tried any more"


async def test_a_try_that_died_half_way_is_tried_again_after_a_minute(local_rig: Rig) -> None:
    clock = Clock()
    async with _consumer(local_rig, clock) as (consumer, listener):
        await _deliver(consumer, local_rig.envelope(Counted(key="broken", number=1), "broken"))
        clock.now += timedelta(seconds=10)
        # What a replica writes before it tries; then it is killed.
        dying = {"$set": {"due": clock.now + timedelta(minutes=1)}}
        await listener.store._database[HELD].update_one({}, dying)
        await consumer.retry_due()
        assert len(listener.tries) == 1
        clock.now += timedelta(minutes=1)
        await consumer.retry_due()
        assert len(listener.tries) == 2


async def test_one_that_waits_is_looked_at_each_minute_for_a_day(local_rig: Rig) -> None:
    clock = Clock()
    async with _consumer(local_rig, clock) as (consumer, listener):
        said = local_rig.envelope(NeedsCard(key="k", number=1, card="never"), "k")
        await _deliver(consumer, said)
        assert (await _held(listener))["due"] == clock.now + timedelta(minutes=1)
        clock.now += timedelta(hours=24)
        await consumer.retry_due()
        assert (await _held(listener))["state"] == "waiting"
        clock.now += timedelta(minutes=1)
        await consumer.retry_due()
        assert (await _held(listener))["state"] == "parked"


async def test_what_a_service_no_longer_reacts_to_does_not_stop_the_others(
    local_rig: Rig,
) -> None:
    clock = Clock()
    async with _consumer(local_rig, clock) as (consumer, listener):
        for key in ("broken", "broken"):
            await _deliver(consumer, local_rig.envelope(Counted(key=key, number=1), key))
        old, _ = await listener.held()
        gone = {"body": old["body"].replace(b"testing.counted", b"testing.nobody-listens")}
        await listener.store._database[HELD].update_one({"_id": old["_id"]}, {"$set": gone})
        clock.now += timedelta(minutes=1)
        await consumer.retry_due()
        found = {held["_id"]: held for held in await listener.held()}
        assert found.pop(old["_id"])["reason"] == "nothing reacts to it"
        (other,) = found.values()
        assert (other["state"], other["tries"]) == ("retrying", 2)
