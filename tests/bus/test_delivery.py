"""What a consumer may count on, whatever carries the events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

from shared.bus.consumer import HELD, HOLD, TRIES
from shared.events import Envelope, Event
from shared.store import Document
from tests.bus.rig import (
    TOWN,
    CardChanged,
    Counted,
    EverythingSaid,
    NeedsCard,
    NobodyListens,
    Replica,
    Rig,
)
from tests.world import eventually, publish


def _counted(key: str, number: int) -> Event:
    return Counted(key=key, number=number)


def _card(key: str, number: int) -> Event:
    return CardChanged(key=key, value=number)


def _needing(key: str, number: int) -> Event:
    return NeedsCard(key=key, number=number, card=key)


MAKERS: list[Callable[[str, int], Event]] = [_counted, _card, _needing]


async def _settled(replica: Replica, key: str, numbers: set[int], card: int | None) -> None:
    async def there() -> bool:
        heard = await replica.listener.numbers(key)
        return (
            sorted(heard) == sorted(numbers)
            and await replica.listener.card(key) == card
            and not await replica.listener.held(state={"$ne": "parked"})
        )

    await eventually(there, what=f"{key}: {numbers}, card {card}")


async def test_every_pair_of_events_gives_the_same_in_both_orders(rig: Rig) -> None:
    async with rig.replica() as replica:
        expected: dict[str, tuple[set[int], int | None]] = {}
        for i, makes in enumerate([(a, b) for a in MAKERS for b in MAKERS]):
            if _card not in makes and _needing in makes:
                continue  # nothing brings the card; see the test of what waits
            for j, order in enumerate(permutations((0, 1))):
                key = f"pair-{i}-{j}"
                said = [
                    rig.envelope(make(key, number), key, sequence=number)
                    for number, make in enumerate(makes, 1)
                ]
                await publish(replica.bus, *(said[position] for position in order))
                facts = {n for n, make in enumerate(makes, 1) if make is not _card}
                cards = [n for n, make in enumerate(makes, 1) if make is _card]
                expected[key] = (facts, max(cards, default=None))
        for key, (facts, card) in expected.items():
            await _settled(replica, key, facts, card)


async def test_a_state_never_goes_backwards(rig: Rig) -> None:
    async with rig.replica() as replica:
        for order in permutations((1, 2, 3)):
            key = "".join(map(str, order))
            said = [rig.envelope(_card(key, n), key, sequence=n) for n in order]
            # The newest once more at the end, as a relay that lost its pull would.
            await publish(replica.bus, *said, rig.envelope(_counted(key, 0), key, sequence=4))
            await eventually(lambda key=key: replica.listener.numbers(key), what="all heard")
            assert await replica.listener.card(key) == 3


async def test_the_same_event_many_times_has_one_effect(rig: Rig) -> None:
    async with rig.replica() as replica:
        said = rig.envelope(_counted("twice", 1), "twice")
        for _ in range(5):
            await publish(replica.bus, said, said)
        await publish(replica.bus, rig.envelope(_counted("twice", 2), "twice"))

        async def last_arrived() -> bool:
            return 2 in await replica.listener.numbers("twice")

        await eventually(last_arrived)
        assert await replica.listener.numbers("twice") == [1, 2]


async def test_events_of_a_subject_keep_their_order_and_subjects_run_at_once(rig: Rig) -> None:
    running: set[str] = set()
    most = 0

    async def at_once() -> bool:
        return most == 8

    async def behave(_: Envelope, event: Any) -> None:
        nonlocal most
        assert event.key not in running, "two events of a subject at once"
        running.add(event.key)
        most = max(most, len(running))
        await eventually(at_once, what="one event of each subject is handled")
        await replica.listener.store.ping()  # the subject's next event must wait for it
        running.discard(event.key)

    async with rig.replica(behave) as replica:
        for number in range(20):
            await publish(
                replica.bus,
                *(rig.envelope(_counted(f"k{key}", number), f"k{key}") for key in range(8)),
            )

        async def all_there() -> bool:
            heard = await replica.listener.all_numbers()
            return sum(map(len, heard.values())) == 160

        await eventually(all_there)
        for numbers in (await replica.listener.all_numbers()).values():
            assert numbers == list(range(20))
        assert most == 8


async def test_a_failing_reaction_is_tried_again_a_bounded_number_of_times(rig: Rig) -> None:
    async def behave(_: Envelope, event: Any) -> None:
        if event.key == "broken":
            raise ZeroDivisionError

    async with rig.replica(behave) as replica:
        broken = rig.envelope(_counted("broken", 1), "broken")
        await publish(replica.bus, broken)
        for number in range(20):
            await publish(replica.bus, rig.envelope(_counted("fine", number), "fine"))

        async def others_progress() -> bool:
            return len(await replica.listener.numbers("fine")) == 20

        await eventually(others_progress)

        async def parked() -> list[Any]:
            return await replica.listener.held(_id=broken.id, state="parked")

        (held,) = await eventually(parked)
        assert held["reason"] == f"ZeroDivisionError, {len(TRIES) + 1} tries"
        assert (held["type"], held["subject"]) == (broken.type, broken.subject)
        assert held["town"] == TOWN
        tries = [at for event, at in replica.listener.tries if event == broken.id]
        assert len(tries) == len(TRIES) + 1


async def test_a_reaction_that_recovers_has_its_effect_once(rig: Rig) -> None:
    failures = 2

    async def behave(_: Envelope, event: Any) -> None:
        nonlocal failures
        if event.key == "shaky" and failures:
            failures -= 1
            raise OSError

    async with rig.replica(behave) as replica:
        await publish(replica.bus, rig.envelope(_counted("shaky", 1), "shaky"))
        await _settled(replica, "shaky", {1}, None)
        assert not await replica.listener.held()


NO_EVENTS = {
    b"\x00\xff no JSON": "not a CloudEvent: JSONDecodeError",
    b"[]": "not a CloudEvent: TypeError",
    b'{"specversion": "0.3"}': "not CloudEvents 1.0",
    b'{"specversion": "1.0", "id": "1"}': "not a CloudEvent: KeyError",
}


async def test_what_is_no_event_is_parked_at_once(rig: Rig) -> None:
    async with rig.replica() as replica:
        for body in NO_EVENTS:
            await rig.deliver_raw(replica, body)

        async def all_parked() -> bool:
            held = await replica.listener.held(state="parked")
            return {one["body"]: one["reason"] for one in held} == NO_EVENTS

        await eventually(all_parked)


async def test_unknown_types_and_unfit_payloads_are_parked_at_once(rig: Rig) -> None:
    async with rig.replica() as replica:
        good = rig.envelope(_counted("good", 1), "good").encode()
        unknown = good.replace(b"testing.counted.v1", b"testing.counted.v9")
        await rig.deliver_raw(replica, unknown)
        unfit = rig.envelope(_counted("unfit", 1), "unfit", data={"key": "unfit"})
        await publish(replica.bus, unfit)

        async def two_parked() -> bool:
            return len(await replica.listener.held(state="parked")) == 2

        await eventually(two_parked)
        reasons = {held["type"]: held["reason"] for held in await replica.listener.held()}
        assert reasons["fr.preau.testing.counted.v9"] == "unknown type fr.preau.testing.counted.v9"
        assert reasons[unfit.type] == "malformed: ValidationError"
        assert not replica.listener.tries


async def test_an_event_waits_for_the_copy_it_needs(rig: Rig) -> None:
    async with rig.replica() as replica:
        await publish(
            replica.bus,
            rig.envelope(NeedsCard(key="late", number=1, card="mine"), "late"),
            rig.envelope(_counted("late", 2), "late"),
        )

        async def waits() -> bool:
            return bool(
                await replica.listener.held(state="waiting", missing="things/mine")
                and await replica.listener.numbers("late") == [2]
            )

        await eventually(waits, what="held, later events of the subject go on")
        await publish(replica.bus, rig.envelope(_card("mine", 1), "mine"))
        await eventually(lambda: _numbers_are(replica, "late", [2, 1]))
        await _settled(replica, "late", {1, 2}, None)


async def _numbers_are(replica: Replica, key: str, numbers: list[int]) -> bool:
    return await replica.listener.numbers(key) == numbers


async def test_what_has_waited_for_a_day_is_parked(rig: Rig) -> None:
    async with rig.replica() as replica:
        said = rig.envelope(NeedsCard(key="never", number=1, card="none"), "never")
        await publish(replica.bus, said)
        await eventually(lambda: replica.listener.held(state="waiting"))
        now = datetime.now(UTC)
        ages = {"since": now - timedelta(hours=23, minutes=59), "due": now}
        await replica.listener.store.change(HOLD, HELD, said.id, {}, {"$set": ages})

        async def tried_again() -> bool:
            (held,) = await replica.listener.held(_id=said.id)
            return held["state"] == "waiting" and held["due"] > now

        await eventually(tried_again, what="still waits before the day is over")
        day_over = {"since": now - timedelta(hours=24, seconds=1), "due": now}

        async def parked() -> list[Document]:
            # Said again: a try that read the old age may write its due after ours.
            still = {"state": "waiting"}
            await replica.listener.store.change(HOLD, HELD, said.id, still, {"$set": day_over})
            return await replica.listener.held(state="parked")

        (held,) = await eventually(parked)
        assert held["reason"] == "never heard of things/none"


async def test_a_barrier_runs_after_everything_delivered_before_it(rig: Rig) -> None:
    all_delivered = asyncio.Event()

    async def behave(_: Envelope, event: Any) -> None:
        if not isinstance(event, Counted):
            return
        if event.key == "after-9":
            all_delivered.set()
        if event.key.startswith("before"):
            async with asyncio.timeout(10):
                await all_delivered.wait()
            if event.number == 5:
                raise ZeroDivisionError  # held: the barrier does not wait for its retries

    async with rig.replica(behave) as replica:
        await publish(
            replica.bus,
            *(rig.envelope(_counted(f"before-{n}", n), f"before-{n}") for n in range(10)),
            rig.envelope(EverythingSaid(upto=10), "all"),
            *(rig.envelope(_counted(f"after-{n}", n), f"after-{n}") for n in range(10)),
        )
        await eventually(lambda: replica.listener.card("everything-said"))
        copy = await replica.listener.store.get("copy_cards", "everything-said")
        assert copy is not None
        before = [f"before-{n}" for n in range(10) if n != 5]
        heard = await replica.listener.all_numbers()
        assert all(key in heard for key in before)
        assert copy["counted"] >= len(before)


async def test_two_replicas_share_the_work_and_each_effect_happens_once(rig: Rig) -> None:
    async with rig.replica() as one, rig.replica() as two:
        for number in range(15):
            for key in range(10):
                publisher = (one if (number + key) % 2 else two).publisher
                await publisher.say(f"k{key}", Counted(key=f"k{key}", number=number))

        async def all_there() -> bool:
            heard = await one.listener.all_numbers()
            return sum(map(len, heard.values())) == 150

        await eventually(all_there)
        for numbers in (await one.listener.all_numbers()).values():
            assert sorted(numbers) == list(range(15))
        await eventually(lambda: _nothing_unsaid(one))
        assert not await one.listener.held()


async def _nothing_unsaid(replica: Replica) -> bool:
    return await replica.publisher.unsaid() == 0


async def test_two_replicas_try_a_held_event_once_each_time_it_is_due(rig: Rig) -> None:
    being_tried = False

    async def behave(_: Envelope, event: Any) -> None:
        nonlocal being_tried
        if event.key != "broken":
            return
        if not being_tried:
            being_tried = True
            for replica in (one, two):  # neither finds it due again during the try
                await replica.consumer.retry_due()
            being_tried = False
        raise ZeroDivisionError

    async with rig.replica(behave) as one, rig.replica(behave) as two:
        broken = rig.envelope(_counted("broken", 1), "broken")
        await publish(one.bus, broken)
        await eventually(lambda: one.listener.held(_id=broken.id, state="parked"))
        assert len(one.listener.tries) + len(two.listener.tries) == len(TRIES) + 1


async def test_an_event_nobody_consumes_leaves_the_outbox(rig: Rig) -> None:
    async with rig.replica() as replica:
        await replica.publisher.say("quiet", NobodyListens())
        await eventually(lambda: _nothing_unsaid(replica))
        assert not await replica.listener.held()
