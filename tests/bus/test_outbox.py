"""The outbox and its relay: numbers without gaps, whatever fails in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.clock import MachineClock
from shared.errors import Refused
from shared.events import Envelope
from shared.outbox import Relay, envelopes_of
from shared.pending import MAX_PENDING
from shared.store import Store, connect
from tests.bus.rig import SAY, THINGS, TOWN, CardChanged, Counted, NobodyListens, Publisher, Rig
from tests.world import eventually


@asynccontextmanager
async def _publisher(mongodb_url: str, namespace: str) -> AsyncIterator[Publisher]:
    client = connect(mongodb_url)
    try:
        store = Store(client, f"{namespace}_testing", MachineClock())
        await store.prepare({}, [THINGS])
        yield Publisher(store)
    finally:
        await client.close()


class Recorder:
    """Stands where the bus would: takes what it is told to, and remembers."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.refuse: set[int] = set()
        self.crash = False

    async def publish(self, envelopes: Sequence[Envelope]) -> list[bool]:
        answers = [position not in self.refuse for position, _ in enumerate(envelopes)]
        self.taken += [e for e, ok in zip(envelopes, answers, strict=True) if ok]
        if self.crash:
            raise ConnectionError("the process died before it noted what was taken")
        return answers

    def numbers(self, key: str) -> dict[int, set[str]]:
        """Sequence -> ids of the events that carried it."""
        found: dict[int, set[str]] = {}
        for envelope in self.taken:
            if envelope.subject == f"{THINGS}/{key}":
                found.setdefault(envelope.sequence, set()).add(envelope.id)
        return found


def _relay(publisher: Publisher, recorder: Recorder) -> Relay:
    return Relay("testing", publisher.store, [THINGS], recorder.publish, MachineClock())


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from("ab"), st.integers(1, 4)),
        st.tuples(st.just("relay"), st.sets(st.integers(0, 5)), st.booleans()),
    ),
    max_size=14,
)


async def test_numbers_have_no_gap_whatever_fails(mongodb_url: str, namespace: str) -> None:
    """Saves of k events, passes that take some of them, passes that die before the pull."""
    loop = asyncio.get_running_loop()
    async with _publisher(mongodb_url, namespace) as publisher:

        async def run(steps: list[Any], unique: int) -> None:
            recorder = Recorder()
            relay = _relay(publisher, recorder)
            said = {"a": 0, "b": 0}
            for step in steps:
                if step[0] == "say":
                    _, key, count = step
                    events = [Counted(key=key, number=said[key] + n) for n in range(count)]
                    await publisher.say(f"{key}{unique}", *events)
                    said[key] += count
                else:
                    _, recorder.refuse, recorder.crash = step
                    try:
                        await relay.relay_saved()
                    except ConnectionError:
                        relay = _relay(publisher, recorder)  # the next process
            recorder.refuse, recorder.crash = set(), False
            documents = await publisher.store.pending(THINGS, 0)
            for document in documents:
                publisher.store.on_saved(THINGS, document)
            assert await relay.relay_saved()
            assert await publisher.unsaid() == 0
            for key, count in said.items():
                numbers = recorder.numbers(f"{key}{unique}")
                assert sorted(numbers) == list(range(1, count + 1))
                assert all(len(ids) == 1 for ids in numbers.values()), "one event, one number"
                at = {e.sequence: e.data["number"] for e in recorder.taken if key in e.data["key"]}
                assert [at[number] for number in sorted(at)] == list(range(count)), "in order"

        runs = 0

        def one_run(steps: list[Any]) -> None:
            nonlocal runs
            runs += 1
            asyncio.run_coroutine_threadsafe(run(steps, runs), loop).result(30)

        check = settings(max_examples=100, deadline=None)(given(STEPS)(one_run))
        await asyncio.to_thread(check)


async def test_only_a_prefix_leaves_when_one_in_the_middle_is_refused(
    mongodb_url: str, namespace: str
) -> None:
    recorder = Recorder()
    async with _publisher(mongodb_url, namespace) as publisher:
        relay = _relay(publisher, recorder)
        await publisher.say("k", *(Counted(key="k", number=n) for n in range(5)))
        recorder.refuse = {2}
        assert not await relay.relay_saved()
        (left,) = await publisher.store.pending(THINGS, 0)
        assert [entry["data"]["number"] for entry in left["pending"]] == [2, 3, 4]
        assert [envelope.sequence for envelope in envelopes_of(left)] == [3, 4, 5]
        recorder.refuse = set()
        publisher.store.on_saved(THINGS, left)
        assert await relay.relay_saved()
        assert all(len(ids) == 1 for ids in recorder.numbers("k").values())


async def test_a_lost_pull_says_the_same_events_again(mongodb_url: str, namespace: str) -> None:
    recorder = Recorder()
    async with _publisher(mongodb_url, namespace) as publisher:
        relay = _relay(publisher, recorder)
        await publisher.say("k", Counted(key="k", number=0), CardChanged(key="k", value=1))
        recorder.crash = True
        with pytest.raises(ConnectionError):
            await relay.relay_saved()
        recorder.crash = False
        assert await relay.drain(), "the last pass knows what the failed one had in hand"
        first, again = recorder.taken[:2], recorder.taken[2:]
        assert first == again


async def test_a_document_with_500_events_waiting_refuses_more(
    mongodb_url: str, namespace: str
) -> None:
    async with _publisher(mongodb_url, namespace) as publisher:
        await publisher.say("k", *(NobodyListens() for _ in range(MAX_PENDING)))
        store = publisher.store
        with pytest.raises(Refused) as by_put:
            await publisher.say("k", NobodyListens())
        with pytest.raises(Refused) as by_change:
            await store.change(SAY, THINGS, "k", {}, {"$set": {"x": 1}}, NobodyListens(), town=TOWN)
        for refused in (by_put.value, by_change.value):
            assert (refused.status, refused.code) == (503, "too-many-events-waiting")
            assert refused.retry_after
        assert await store.change(SAY, THINGS, "k", {}, {"$set": {"x": 1}}), "no event: let through"
        (document,) = await store.pending(THINGS, 0)
        assert len(document["pending"]) == document["seq"] == MAX_PENDING


async def test_a_document_with_events_waiting_is_never_deleted(
    mongodb_url: str, namespace: str
) -> None:
    async with _publisher(mongodb_url, namespace) as publisher:
        relay = _relay(publisher, Recorder())
        await publisher.say("k", NobodyListens())
        assert await publisher.store.delete(SAY, THINGS, {"_id": "k"}) == 0
        assert await relay.relay_saved()
        assert await publisher.store.delete(SAY, THINGS, {"_id": "k"}) == 1


async def test_what_a_crash_left_behind_is_swept_in_large_numbers(rig: Rig) -> None:
    """Written by a process that died at once, or by a command line: nobody was woken."""
    async with _publisher(rig.mongodb_url, rig.namespace) as dead:
        for number in range(250):
            await dead.say(f"left-{number}", Counted(key="left", number=number))
    async with rig.replica() as replica:

        async def heard() -> bool:
            return len(await replica.listener.numbers("left")) == 250

        async def all_marked() -> bool:
            return await replica.publisher.unsaid() == 0

        await eventually(heard)
        await eventually(all_marked)
