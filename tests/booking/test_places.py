"""Places: never more than there are, whatever races, and counted anew when a town changes them."""

from __future__ import annotations

import asyncio
import multiprocessing
from typing import Any

from shared.store import connect
from tests.booking.checked import findings
from tests.booking.helpers import (
    holds,
    planning,
    session,
    states,
    try_ask,
)
from tests.booking.takers import PROCESSES, TASKS, TRIES, grant_until_full
from tests.samples import activity, ask, decide, family, places, say_town, town_file
from tests.world import World, drop_databases


async def test_four_processes_of_sixteen_tasks_and_a_thousand_places(
    mongodb_url: str, namespace: str
) -> None:
    assert PROCESSES * TASKS * TRIES > 1000
    spawn = multiprocessing.get_context("spawn")
    granted = spawn.Queue()
    workers = [
        spawn.Process(
            target=grant_until_full, args=(mongodb_url, f"{namespace}_booking", number, granted)
        )
        for number in range(PROCESSES)
    ]
    for worker in workers:
        worker.start()
    counts = [await asyncio.to_thread(granted.get, True, 60) for _ in workers]
    for worker in workers:
        await asyncio.to_thread(worker.join)
    granted.close()
    client = connect(mongodb_url)
    document = await client[f"{namespace}_booking"]["sessions"].find_one()
    await client.close()
    await drop_databases(mongodb_url, namespace)
    assert document is not None
    assert (sum(counts), holds(document), document["left"]) == (1000, 1000, {"places": 0})


async def test_the_staff_is_a_further_bound_than_the_room(running: World) -> None:
    """Two adults for three children each, in a room for fifty; a third adult comes."""
    homes = [await family(running) for _ in range(10)]

    def care(present: int, capacity: int = 50) -> Any:
        (counter,) = places(capacity)
        staffed = counter | {"staff": {"present": present, "children": 3}}
        return town_file(activities=[activity("garderie", decision="automatic", places=[staffed])])

    async def granted(some: list[Any]) -> int:
        answers = await asyncio.gather(
            *(try_ask(running, one, one.asks("2026-09-17", activity="garderie")) for one in some)
        )
        lines = [answer.json["lines"][0] for answer in answers]
        refused = {line["reason"]["code"] for line in lines if line["state"] == "refused"}
        assert refused <= {"full"}
        return sum(line["state"] == "accepted" for line in lines)

    await say_town(running, care(2), version=2)
    assert await granted(homes[:8]) == 6
    left = (await planning(running, homes[8], "2026-09-17", "2026-09-17"))["garderie", "2026-09-17"]
    assert (left["places_left"], left["booking_locked"]) == (0, False)
    await say_town(running, care(3, capacity=7), version=3)
    assert await granted(homes[8:]) == 1  # now the room bounds
    filled = await session(running, "2026-09-17", "garderie")
    assert (holds(filled), filled["left"]) == (7, {"places": 0})
    assert await findings(running) == []


async def test_capacity_is_raised_and_lowered_while_families_book(running: World) -> None:
    homes = [await family(running) for _ in range(12)]

    def care(capacity: int) -> Any:
        return town_file(
            activities=[activity("garderie", decision="automatic", places=places(capacity))]
        )

    await say_town(running, care(3), version=2)
    body = {"activity": "garderie"}
    first = await asyncio.gather(
        *(ask(running, home, home.asks("2026-09-17", **body)) for home in homes[:6])
    )
    assert sum(one.json["lines"][0]["state"] == "accepted" for one in first) == 3

    async def rest() -> list[Any]:
        return await asyncio.gather(
            *(ask(running, home, home.asks("2026-09-17", **body)) for home in homes[6:])
        )

    _, second = await asyncio.gather(say_town(running, care(5), version=3), rest())
    late = [
        (one.json["id"], "1", None) for one in [*first, *second]
        if one.json["lines"][0]["state"] == "refused"
    ]  # fmt: skip
    answer = await decide(running, late)
    filled = await session(running, "2026-09-17", "garderie")
    assert (holds(filled), filled["left"]["places"]) == (5, 0)
    assert [one["result"] for one in answer.json["results"]].count("full") == len(late) - (
        5 - sum(one.json["lines"][0]["state"] == "accepted" for one in [*first, *second])
    )

    await say_town(running, care(2), version=4)
    days = await planning(running, homes[0], "2026-09-17", "2026-09-17")
    assert days["garderie", "2026-09-17"]["places_left"] == 0
    holders = [one for one in [*first, *second] if one.json["lines"][0]["state"] == "accepted"]
    for gone, expected in ((holders[0], "full"), (holders[1], "full"), (holders[2], "full")):
        await decide(running, [(gone.json["id"], "1", "Désistement")])
        refused = await decide(running, [(gone.json["id"], "1", None)])
        assert refused.json["results"][0]["result"] == expected
    assert holds(await session(running, "2026-09-17", "garderie")) == 2


async def test_the_file_heard_last_counts_whatever_version_it_has(running: World) -> None:
    """Identity was restored from a dump, and counts versions again from there."""
    for held, (version, capacity) in enumerate([(7, 3), (2, 5), (3, 4)], start=1):
        file = town_file(activities=[activity("garderie", places=places(capacity))])
        await say_town(running, file, version)
        home = await family(running)
        await ask(running, home, home.asks("2026-09-17", activity="garderie"))
        counted = await session(running, "2026-09-17", "garderie")
        assert (holds(counted), counted["left"]["places"]) == (held, capacity - held)


async def test_counters_are_renamed_and_units_move_between_them(running: World) -> None:
    def lunch(counters: list[dict[str, Any]], units: tuple[str, ...] = ("unit",)) -> Any:
        named = [{"id": unit, "name": unit.capitalize()} for unit in units]
        return town_file(
            activities=[activity("cantine", decision="automatic", units=named, places=counters)]
        )

    home, other = await family(running), await family(running)
    await say_town(running, lunch(places(1)), version=2)
    one = (await ask(running, home, home.asks("2026-09-17"))).json["id"]
    both = [
        {"id": "meals", "units": ["unit", "picnic"], "capacity": 2, "source": "test"},
        {"id": "picnics", "units": ["picnic"], "capacity": 1, "source": "test"},
    ]
    await say_town(running, lunch(both, ("unit", "picnic")), version=3)
    days = await planning(running, home, "2026-09-17", "2026-09-17", child=1)
    assert days["cantine", "2026-09-17"]["places_left"] == 1
    two = await ask(running, other, other.asks("2026-09-17"))
    assert two.json["lines"][0]["state"] == "accepted"
    three = await ask(running, other, other.asks("2026-09-17", child=1))
    assert three.json["lines"][0]["reason"]["code"] == "full"
    await decide(running, [(one, "1", "Non")])
    document = await session(running, "2026-09-17")
    assert document["left"] == {"meals": 1, "picnics": 1}
    assert await states(running, home, one) == ["refused"]
    unknown = await try_ask(running, home, home.asks("2026-09-17", activity="garderie"))
    assert unknown.status == 422
