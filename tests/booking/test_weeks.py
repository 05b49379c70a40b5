"""Weeks taken whole, or with so many days: all or nothing, whoever asks at the same time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from tests.booking.checked import findings
from tests.booking.helpers import holds, recap, session, try_ask
from tests.samples import (
    Household,
    activity,
    ask,
    decide,
    family,
    places,
    say_town,
    town_file,
)
from tests.world import World, eventually

MONDAY, TUESDAY, THURSDAY, FRIDAY = "2026-09-21", "2026-09-22", "2026-09-24", "2026-09-25"
WEEK = (MONDAY, TUESDAY, THURSDAY, FRIDAY)
PERIOD = {
    "first": MONDAY, "last": FRIDAY, "weekdays": ["monday", "tuesday", "thursday", "friday"],
}  # fmt: skip


def centre(number: int = 1, decision: str = "automatic", **week: Any) -> Any:
    care = activity(
        "centre", decision=decision, hold_while_waiting=decision == "automatic",
        places=places(number), week=week,
    )  # fmt: skip
    return town_file(activities=[care])


def week_of(home: Household, child: int = 0) -> dict[str, Any]:
    return home.asks_all([{"period": PERIOD}], child=child, activity="centre")


async def held(world: World) -> list[int]:
    return [holds(await session(world, day, "centre")) for day in WEEK]


async def test_a_whole_week_is_all_or_nothing(running: World) -> None:
    home, other = await family(running), await family(running)
    await say_town(running, centre(whole=True), version=2)
    part = await try_ask(running, home, home.asks(TUESDAY, activity="centre"))
    assert part.json["not_retained"][0]["reason"]["code"] == "whole-week"
    foreseen = (await recap(running, home, week_of(home))).json["lines"]
    assert [one["would"] for one in foreseen] == ["accepted"] * 4
    whole = await try_ask(running, home, week_of(home))
    assert [one["state"] for one in whole.json["lines"]] == ["accepted"] * 4
    late = await try_ask(running, other, week_of(other))
    assert {one["state"] for one in late.json["lines"]} == {"refused"}
    assert {one["reason"]["code"] for one in late.json["lines"]} == {"full", "tied"}
    assert await held(running) == [1, 1, 1, 1]


async def test_a_day_that_is_gone_gives_the_others_of_the_week_back(running: World) -> None:
    home, other = await family(running), await family(running)
    await say_town(running, centre(), version=2)
    await try_ask(running, home, home.asks(THURSDAY, activity="centre"))
    await say_town(running, centre(whole=True), version=3)
    foreseen = (await recap(running, other, week_of(other))).json["lines"]
    assert [(one["date"], one["would"], one["reason"]["code"]) for one in foreseen] == [
        (day, "refused", "full" if day == THURSDAY else "tied") for day in WEEK
    ]
    refused = await try_ask(running, other, week_of(other))
    assert {one["state"] for one in refused.json["lines"]} == {"refused"}

    async def given_back() -> bool:
        return await held(running) == [0, 0, 1, 0]

    await eventually(given_back)


async def test_an_agent_accepts_a_whole_week_or_nothing_of_it(running: World) -> None:
    """Nothing is held while it waits, and a day has gone: the days taken before it come free."""
    home, other = await family(running), await family(running)
    await say_town(running, centre(decision="agent"), version=2)
    day = await ask(running, other, other.asks(THURSDAY, activity="centre"))
    await decide(running, [(day.json["id"], "1", None)])
    await say_town(running, centre(decision="agent", whole=True), version=3)
    week = (await ask(running, home, week_of(home))).json
    assert {line["state"] for line in week["lines"]} == {"requested"}
    days = {line["line"]: line["date"] for line in week["lines"]}

    async def accept() -> dict[str, str]:
        answer = await decide(running, [(week["id"], line, None) for line in days])
        return {days[one["line"]]: one["result"] for one in answer.json["results"]}

    parted = [(week["id"], line, None if n else "Absent") for n, line in enumerate(days)]
    for some in (parted, parted[1:]):
        answer = await decide(running, some)
        assert {one["result"] for one in answer.json["results"]} == {"booked-together"}
    none = "not-possible"
    assert await accept() == {MONDAY: none, TUESDAY: none, THURSDAY: "full", FRIDAY: none}
    assert await held(running) == [0, 0, 1, 0]
    assert await findings(running) == []
    await decide(running, [(day.json["id"], "1", "Désistement")])
    assert await accept() == dict.fromkeys(WEEK, "accepted")
    assert await held(running) == [1, 1, 1, 1]
    assert await findings(running) == []


async def test_a_whole_week_that_waits_is_taken_back_whole(running: World) -> None:
    home = await family(running)
    await say_town(running, centre(decision="agent", whole=True), version=2)
    week = (await ask(running, home, week_of(home))).json
    path = f"/api/booking/v1/veyras/requests/{week['id']}/withdrawals"

    async def take_back(lines: list[str]) -> Any:
        token = home.token(running)
        return await running.call("POST", path, token=token, json={"lines": lines})

    ids = [line["line"] for line in week["lines"]]
    refused = await take_back(ids[:1])
    assert (refused.status, refused.json["code"]) == (409, "booked-together")
    gone = await take_back(ids)
    assert {line["state"] for line in gone.json["lines"]} == {"withdrawn"}


async def test_a_whole_week_of_which_one_day_is_an_agent_s_to_decide_waits_whole(
    running: World,
) -> None:
    """The first day's deadline is over, and its rule asks an agent; the others could be had."""
    home = await family(running)
    late = {"until": {"anchor": "day", "days_before": 0, "time": "09:00"}, "outcome": "ask_agent"}
    eve = {"anchor": "day", "days_before": 1, "time": "18:00"}
    rule = {"id": "eve", "valid_from": "2020-01-01", "source": "test", "cutoff": eve,
            "after": [late]}  # fmt: skip
    care = activity(
        "centre", decision="automatic", places=places(1), week={"whole": True},
        deadlines={"book": [rule]},
    )  # fmt: skip
    await say_town(running, town_file(activities=[care]), version=2)
    running.move_to(datetime(2026, 9, 21, 6, 0, tzinfo=UTC))
    foreseen = (await recap(running, home, week_of(home))).json["lines"]
    assert [one["would"] for one in foreseen] == ["requested"] * 4
    week = (await ask(running, home, week_of(home))).json
    assert [line["state"] for line in week["lines"]] == ["requested"] * 4
    assert await held(running) == [1, 1, 1, 1]


async def test_two_tied_weeks_that_want_each_other_s_days(running: World) -> None:
    """Of those who ask at once for the last place of each day, one gets the whole week."""
    homes = [await family(running) for _ in range(6)]
    await say_town(running, centre(whole=True), version=2)
    answers = await asyncio.gather(*(try_ask(running, home, week_of(home)) for home in homes))
    states = [{line["state"] for line in answer.json["lines"]} for answer in answers]
    assert all(len(state) == 1 for state in states)
    assert states.count({"accepted"}) == 1

    async def settled() -> bool:
        return await held(running) == [1, 1, 1, 1]

    await eventually(settled)


async def test_weeks_that_are_wanted_in_opposite_order_are_had_whole_or_not_at_all(
    running: World,
) -> None:
    """Half of the families ask for one week and the other, half for the other and the one, over
    two activities with one place a day: nobody waits for ever, no place is lost."""
    centres = [
        activity(name, decision="automatic", places=places(1), week={"whole": True})
        for name in ("centre", "mercredis")
    ]
    await say_town(running, town_file(activities=centres), version=2)
    homes = [await family(running) for _ in range(8)]
    later = PERIOD | {"first": "2026-09-28", "last": "2026-10-02"}
    wanted = [(name, one) for name in ("centre", "mercredis") for one in (PERIOD, later)]

    def basket(home: Household, turned: bool) -> dict[str, Any]:
        asked = [
            {"child": home.children[0], "activity": name, "units": ["unit"], "period": one}
            for name, one in (reversed(wanted) if turned else wanted)
        ]
        return {"family": home.id, "asked": asked}

    answers = await asyncio.gather(
        *(try_ask(running, home, basket(home, n % 2 == 1)) for n, home in enumerate(homes))
    )
    had: dict[tuple[str, bool], int] = {}
    for answer in answers:
        assert answer.status == 201, answer.json
        for name, early in ((name, early) for name in ("centre", "mercredis") for early in (0, 1)):
            states = {
                line["state"]
                for line in answer.json["lines"]
                if line["activity"] == name and (line["date"] < "2026-09-28") == bool(early)
            }
            assert len(states) == 1, (name, early, answer.json["lines"])
            had[name, bool(early)] = had.get((name, bool(early)), 0) + (states == {"accepted"})
    assert set(had.values()) == {1}

    async def settled() -> bool:
        days = [*WEEK, "2026-09-28", "2026-09-29", "2026-10-01", "2026-10-02"]
        found = [
            holds(await session(running, day, name))
            for name in ("centre", "mercredis") for day in days
        ]  # fmt: skip
        return found == [1] * len(found)

    await eventually(settled)
    assert await findings(running) == []


async def test_so_many_days_at_least_and_at_most(running: World) -> None:
    home = await family(running)
    await say_town(running, centre(5, least_days=2, most_days=3), version=2)

    async def on(*days: str) -> Any:
        wanted = [{"day": day} for day in days]
        return await try_ask(running, home, home.asks_all(wanted, activity="centre"))

    alone = await on(MONDAY)
    assert alone.json["not_retained"][0]["reason"]["code"] == "too-few-days"
    assert (await on(MONDAY, TUESDAY)).status == 201
    assert (await on(THURSDAY)).status == 201
    fourth = await on(FRIDAY)
    assert fourth.json["not_retained"][0]["reason"]["code"] == "too-many-days"
