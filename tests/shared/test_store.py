"""What the store promises its callers, on a real server."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import AsyncMongoClient, IndexModel

from deploy.local.proxy import TcpProxy
from shared.bulk import Saying
from shared.clock import MachineClock
from shared.contracts.booking import DecidedUpTo
from shared.errors import Refused, StoreUnavailable
from shared.events import Envelope, Event
from shared.failpoints import step
from shared.ids import new_id
from shared.paging import page
from shared.store import DuplicateKey, Store, connect
from tests.servers import MongoServer
from tests.world import eventually

WRITE = step("sample.thing.write")


def _envelope(sequence: int) -> Envelope:
    return Envelope(
        id=new_id(), type="t", subject="s/1", time=datetime.now(UTC), town="veyras",
        sequence=sequence, correlation="c", causation=None, data={},
    )  # fmt: skip


async def test_inserting_twice_is_told_apart_from_a_conflict(store: Store) -> None:
    unique = {"things": [IndexModel([("login", 1)], unique=True, name="login")]}
    await store.prepare(unique, ["things"])
    assert await store.insert(WRITE, "things", {"_id": "1", "login": "a"})
    assert not await store.insert(WRITE, "things", {"_id": "1", "login": "b"})
    with pytest.raises(DuplicateKey) as by_insert:
        await store.insert(WRITE, "things", {"_id": "2", "login": "a"})
    await store.insert(WRITE, "things", {"_id": "3", "login": "c"})
    with pytest.raises(DuplicateKey) as by_change:
        await store.change(WRITE, "things", "3", {}, {"$set": {"login": "a"}})
    with pytest.raises(DuplicateKey) as by_put:
        await store.put(WRITE, "things", "4", {"$set": {"login": "a"}})
    assert {e.value.index for e in (by_insert, by_change, by_put)} == {"login"}


async def test_a_document_changed_meanwhile_is_not_overwritten(store: Store) -> None:
    await store.insert(WRITE, "things", {"_id": "1", "n": 0})
    before = await store.get("things", "1")
    assert before is not None
    assert await store.save(WRITE, "things", before, {"$set": {"n": 1}})
    assert not await store.save(WRITE, "things", before, {"$set": {"n": 2}})
    after = await store.get("things", "1")
    assert after is not None
    assert (after["n"], after["v"]) == (1, 2)


async def test_a_condition_grants_exactly_what_there_is(store: Store) -> None:
    await store.insert(WRITE, "things", {"_id": "1", "left": 20})

    async def take() -> bool:
        return await store.change(
            WRITE, "things", "1", {"left": {"$gt": 0}}, {"$inc": {"left": -1}}
        )

    taken = await asyncio.gather(*(take() for _ in range(50)))
    assert taken.count(True) == 20
    assert not await store.change(WRITE, "things", "nobody", {}, {"$set": {"x": 1}})


async def test_first_writers_at_once_all_count(store: Store) -> None:
    """Nobody is told that a condition failed because somebody else created the document."""
    for round_ in range(15):

        async def add(event: str, key: str = f"k{round_}") -> Mapping[str, Any] | None:
            return await store.put(
                WRITE, "things", key, {"$push": {"done": event}},
                condition={"done": {"$ne": event}},
            )  # fmt: skip

        events = [str(n) for n in range(8)]
        after = await asyncio.gather(*(add(event) for event in events), add(events[0]))
        assert after.count(None) == 1, "only the one that came twice"
        document = await store.get("things", f"k{round_}")
        assert document is not None
        assert sorted(document["done"]) == events


async def test_the_newest_copy_wins_in_any_order_and_at_once(store: Store) -> None:
    loop = asyncio.get_running_loop()
    keys = iter(range(10_000))

    async def hear(sequences: list[int], at_once: bool) -> None:
        key = f"copy-{next(keys)}"

        async def keep(sequence: int) -> bool:
            fields = {"value": sequence}
            return await store.keep_copy(WRITE, "copies", key, _envelope(sequence), fields)

        if at_once:
            await asyncio.gather(*(keep(sequence) for sequence in sequences))
        else:
            newest = 0
            for sequence in sequences:
                assert await keep(sequence) == (sequence > newest)
                newest = max(newest, sequence)
        copy = await store.get("copies", key)
        assert copy is not None
        assert copy["value"] == copy["heard"] == max(sequences)
        assert copy["town"] == "veyras"

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.booleans())
    def check(sequences: list[int], at_once: bool) -> None:
        asyncio.run_coroutine_threadsafe(hear(sequences, at_once), loop).result(20)

    await asyncio.to_thread(check)


async def test_a_lease_has_one_owner_until_it_runs_out(store: Store) -> None:
    owners = [f"o{n}" for n in range(6)]
    taken = await asyncio.gather(*(store.lease(WRITE, "job", o, 0.3) for o in owners))
    assert taken.count(True) == 1
    owner = owners[taken.index(True)]
    assert await store.lease(WRITE, "job", owner, 0.3), "renewed"
    other = next(o for o in owners if o != owner)
    assert not await store.lease(WRITE, "job", other, 0.3)
    assert await store.lease(WRITE, "another", other, 30)

    async def run_out() -> bool:
        return await store.lease(WRITE, "job", other, 30)

    await eventually(run_out, what="lease run out by the server's clock")
    assert not await store.lease(WRITE, "job", owner, 30)


async def test_a_lease_lasts_as_long_as_the_work_and_no_longer_than_it_was_taken_for(
    store: Store,
) -> None:
    async def until() -> datetime:
        kept = await store.get("leases", "long")
        assert kept is not None
        ends: datetime = kept["until"]
        return ends

    async with store.leased(WRITE, "long", "one", 0.3) as mine:
        assert mine
        begun = await until()

        async def twice_as_long() -> bool:
            return await until() - begun > timedelta(seconds=0.6)

        await eventually(twice_as_long, what="the lease is renewed")
        async with store.leased(WRITE, "long", "other", 0.3) as other:
            assert not other

    async def free() -> bool:
        async with store.leased(WRITE, "long", "other", 0.3) as other:
            return other

    await eventually(free, what="the lease runs out")


async def test_many_writes_at_once(store: Store) -> None:
    assert await store.insert_many(WRITE, "things", [{"_id": str(n)} for n in range(3)]) == []
    refused = await store.insert_many(WRITE, "things", [{"_id": str(n)} for n in range(2, 5)])
    assert refused == [0]
    changed = await store.change_many(WRITE, "things", {"_id": {"$gte": "3"}}, {"$set": {"x": 1}})
    assert changed == 2
    pairs = [({"_id": str(n), "x": 1}, {"$set": {"y": n}}) for n in range(5)]
    assert await store.change_each(WRITE, "things", pairs) == 2
    assert await store.change_each(WRITE, "things", []) == 0
    totals = [d async for d in store.aggregate("things", [{"$group": {"_id": "$x"}}])]
    assert len(totals) == 2
    found = await store.first("things", {"x": 1}, sort=[("y", -1)], projection={"y": 1})
    assert found == {"_id": "4", "y": 4}
    assert await store.count("things", {"x": 1}) == 2
    assert await store.delete(WRITE, "things", {"x": 1}) == 2


async def test_insertions_in_order_stop_at_the_first_refused(store: Store) -> None:
    unique = {"things": [IndexModel([("number", 1)], unique=True, name="number")]}
    await store.prepare(unique, ["things"])

    async def insert(first: int, *ids: str) -> tuple[int, str | None]:
        documents = [{"_id": _id, "number": n} for n, _id in enumerate(ids, start=first)]
        return await store.insert_in_order(WRITE, "things", documents)

    assert await insert(1, "a", "b") == (2, None)
    assert await insert(3, "c", "a", "d") == (1, "_id_")
    assert await insert(3, "d", "e") == (0, "number")
    assert await insert(4, "d", "e") == (2, None)
    assert await store.count("things", {}) == 5


async def test_each_of_many_changes_says_its_own_where_its_condition_holds(store: Store) -> None:
    await store.insert_many(
        WRITE, "things", [{"_id": n, "free": n != "b", "seq": 0, "pending": []} for n in "abc"]
    )
    saved: list[str] = []
    store.on_saved = lambda _, outbox: saved.append(outbox["_id"])

    def taking(_id: str, *events: Event) -> Saying:
        return Saying(_id, {"free": True}, {"$set": {"free": False}}, events, "veyras")

    said = DecidedUpTo(instant=datetime.now(UTC))
    taken = [taking("a", said), taking("b", said), taking("c")]
    assert await store.change_each_saying(WRITE, "things", taken) == 2
    assert await store.change_each_saying(WRITE, "things", taken) == 0
    (outbox,) = await store.pending("things", 10)
    assert (outbox["_id"], outbox["seq"], len(outbox["pending"])) == ("a", 1, 1)
    assert set(saved) == {"a"}


@pytest.mark.parametrize("ordered", [True, False])
async def test_writes_that_cannot_be_promised_are_not_taken_for_done(
    mongodb_url: str, namespace: str, ordered: bool
) -> None:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongodb_url, w=9, wtimeoutms=100)
    store = Store(client, f"{namespace}_sample", MachineClock())
    insert = store.insert_in_order if ordered else store.insert_many
    with pytest.raises(StoreUnavailable):
        await insert(WRITE, "things", [{"_id": "1"}])
    with pytest.raises(StoreUnavailable):
        await store.insert(WRITE, "things", {"_id": "2"})
    await client.close()


async def test_instants_come_back_with_their_zone(store: Store) -> None:
    now = MachineClock().machine()
    await store.insert(WRITE, "things", {"_id": "1", "at": now})
    document = await store.get("things", "1")
    assert document is not None
    assert document["at"] == now


async def test_an_imitation_of_mongodb_is_refused(mongodb: MongoServer, namespace: str) -> None:
    """One that answers what it does not know as if it did."""
    async with Imitation(mongodb.direct_url) as imitation:
        client = connect(imitation.url)
        store = Store(client, f"{namespace}_sample", MachineClock())
        with pytest.raises(RuntimeError, match="not MongoDB"):
            await store.prepare({}, [])
        await client.close()


# The driver leaves a socket unclosed when a connection attempt fails half way.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_server_that_is_away_is_told_from_a_refusal(mongodb: MongoServer) -> None:
    host, port = mongodb.direct_url.removeprefix("mongodb://").partition("/")[0].split(":")
    refusals = 0

    class Asked(Store):
        async def ping(self) -> None:
            nonlocal refusals
            try:
                await super().ping()
            except StoreUnavailable:
                refusals += 1
                raise

    async def asked_in_vain() -> bool:
        return refusals > 0

    async with TcpProxy(host, int(port)) as proxy:
        client = connect(f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true")
        store = Asked(client, "preau_away", MachineClock())
        await store.ping()
        await proxy.cut()
        with pytest.raises(StoreUnavailable):
            await store.insert(WRITE, "things", {"_id": "1"})
        back = asyncio.create_task(store.wait_back())
        await eventually(asked_in_vain)
        assert not back.done()
        await proxy.heal()
        await asyncio.wait_for(back, 10)
        await client.close()


_FAILED, _DONE = (b"\x01ok\x00" + struct.pack("<d", ok) for ok in (0, 1))


class Imitation(TcpProxy):
    """Passes everything on, except that an unknown command is answered as done."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("mongodb://").partition("/")[0].split(":")
        super().__init__(host, int(port))

    @property
    def url(self) -> str:
        return f"mongodb://{self.host}:{self.port}/?directConnection=true"

    async def _forward(self, reader: Any, writer: Any) -> None:
        class Agreeing:
            async def read(self, size: int) -> bytes:
                data: bytes = await reader.read(size)
                return data.replace(_FAILED, _DONE) if b"no such command" in data else data

        await super()._forward(Agreeing(), writer)  # type: ignore[arg-type]


async def test_pages_hold_each_document_once_in_order(store: Store) -> None:
    """Whatever shares a rank, and whatever becomes of the one that a page ended at."""
    loop = asyncio.get_running_loop()
    lists = iter(range(10_000))

    async def walk(kinds: list[tuple[int, bool, bool]], limit: int) -> None:
        name = f"pages-{next(lists)}"
        documents = [
            {"_id": f"{n:02}", "rank": rank, "mine": mine, "wanted": wanted}
            for n, (rank, mine, wanted) in enumerate(kinds)
        ]
        await store.insert_many(WRITE, name, documents)

        async def after(_id: str | None) -> list[str]:
            found = await page(
                store, name, within={"mine": True}, only={"wanted": True},
                order=[("rank", -1), ("_id", 1)], after=_id, limit=limit,
            )  # fmt: skip
            return [one["_id"] for one in found]

        listed = part = await after(None)
        while part:
            await store.change(WRITE, name, part[-1], {}, {"$set": {"wanted": False}})
            part = await after(part[-1])
            listed = [*listed, *part]
        wanted = [one for one in documents if one["mine"] and one["wanted"]]
        assert listed == [
            one["_id"] for one in sorted(wanted, key=lambda one: (-one["rank"], one["_id"]))
        ]
        for stranger in ["nobody", *(one["_id"] for one in documents if not one["mine"])]:
            with pytest.raises(Refused) as refused:
                await after(stranger)
            assert (refused.value.code, refused.value.field) == ("cursor-unknown", "?/after")

    kind = st.tuples(st.integers(0, 3), st.booleans(), st.booleans())

    @settings(max_examples=30, deadline=None)
    @given(st.lists(kind, max_size=12), st.integers(1, 5))
    def check(kinds: list[tuple[int, bool, bool]], limit: int) -> None:
        asyncio.run_coroutine_threadsafe(walk(kinds, limit), loop).result(20)

    await asyncio.to_thread(check)
