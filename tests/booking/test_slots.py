"""Slots as the guides show them, over HTTP: the five that two sliders give, the nine sets of
components, and no other."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Any

import pytest

from tests.booking.helpers import planning, recap, try_ask
from tests.booking.rules.test_choices import SLOTS
from tests.samples import Household, activity, family, say_town, town_file
from tests.world import World

DAY = "2026-09-17"
UNITS = [
    {"id": f"s{number}", "name": name, "starts": starts, "ends": ends, **more}
    for number, (name, (starts, ends, more)) in enumerate(SLOTS.items())
]


def centre(units: list[dict[str, Any]], **changes: Any) -> Any:
    """A holiday centre that decides by itself."""
    names = [unit["id"] for unit in units]
    counter = {"id": "places", "units": names, "capacity": 90, "source": "test"}
    about = {"decision": "automatic", "units": units, "places": [counter]} | changes
    return town_file(activities=[activity("centre", **about)])


LE_HAILLAN = centre(UNITS, relations={"excludes": [[unit["id"] for unit in UNITS]]})
PAREMPUYRE = centre(
    [{"id": one, "name": one.upper()} for one in ("m", "a", "av", "sv")],
    relations={
        "excludes": [["av", "sv"]],
        "implies": [{"unit": "av", "any_of": ["m", "a"]}, {"unit": "sv", "any_of": ["m", "a"]}],
    },
)
NINE = {"m", "a", "m a", "m av", "m sv", "a av", "a sv", "m a av", "m a sv"}


def wish(home: Household, **choice: Any) -> dict[str, Any]:
    one = {"child": home.children[0], "activity": "centre", "day": DAY}
    return {"family": home.id, "asked": [one | choice]}


async def test_a_part_whose_rest_cannot_be_had_alone_is_not_cancelled_without_it(
    running: World,
) -> None:
    """BO7: no meal alone, however the day was booked."""
    await say_town(running, PAREMPUYRE, version=2)
    home = await family(running)
    for units in (["m"], ["av"]):
        assert (await try_ask(running, home, wish(home, units=units))).status == 201

    def end(*units: str) -> dict[str, Any]:
        day = {"kind": "cancel", "child": home.children[0], "first": DAY, "activity": "centre"}
        return {"family": home.id, "ends": [day | {"units": [one]} for one in units]}

    for answer in (await try_ask(running, home, end("m")), await recap(running, home, end("m"))):
        (refused,) = answer.json["not_retained"]
        assert refused["reason"]["code"] == "leaves-units-alone"
        assert "« AV »" in refused["reason"]["text"]
    both = (await recap(running, home, end("m", "av"))).json
    assert (len(both["lines"]), both["not_retained"]) == (2, [])
    meal = await try_ask(running, home, end("av"))
    assert [line["effect"] for line in meal.json["lines"]] == ["cancelled"]
    morning = await try_ask(running, home, end("m"))
    assert [line["effect"] for line in morning.json["lines"]] == ["cancelled"]


async def test_a_start_and_an_end_book_the_slot_that_they_mean(running: World) -> None:
    """BO6: each of the five by its times alone; the planning then shows the slot."""
    await say_town(running, LE_HAILLAN, version=2)
    for unit in UNITS:
        home = await family(running)
        times = {"starts": unit["starts"], "ends": unit["ends"]}
        answer = await try_ask(running, home, wish(home, **times))
        assert answer.status == 201, answer.json
        (line,) = answer.json["lines"]
        assert (line["state"], line["units"], line["starts"]) == ("accepted", [unit["id"]], None)
        days = await running.call(
            "GET",
            f"/api/booking/v1/veyras/planning?family={home.id}&child={home.children[0]}"
            f"&first={DAY}&last={DAY}",
            token=home.token(running),
        )
        shown = {one["unit"]: one["status"] for one in days.json["entries"]}
        assert shown == {one["id"]: "free" for one in UNITS} | {unit["id"]: "accepted"}


@pytest.mark.parametrize(
    ("starts", "ends", "code"),
    [
        ("07:15", "12:00", "no-such-slot"),
        ("09:00", "11:30", "no-such-slot"),
        ("07:15", "16:30", "no-such-slot"),
        ("11:30", "13:30", "no-such-slot"),
        ("18:30", "07:15", "no-such-slot"),
    ],
)
async def test_another_start_and_end_is_refused_and_the_five_are_named(
    running: World, starts: str, ends: str, code: str
) -> None:
    home = await family(running)
    await say_town(running, LE_HAILLAN, version=2)
    body = wish(home, starts=starts, ends=ends)
    for answer in (await try_ask(running, home, body), await recap(running, home, body)):
        assert (answer.status, answer.json["code"]) == (422, code)
        assert answer.json["field"] == "/asked/0/starts"
        assert all(name in answer.json["detail"] for name in SLOTS)


@pytest.mark.parametrize(
    ("unit", "starts", "ends", "code"),
    [
        ("s0", "09:00", "11:30", None),
        ("s0", "09:01", "11:30", "arrival-too-late"),
        ("s1", "09:15", "13:30", "arrival-too-late"),
        ("s2", "13:30", "16:29", "departure-too-early"),
        ("s3", "11:30", "16:30", None),
        ("s4", "07:15", "16:30", None),
        ("s4", "07:15", "16:15", "departure-too-early"),
        ("s4", "07:00", "18:30", "times-outside"),
    ],
)
async def test_who_arrives_by_the_latest_and_leaves_after_the_earliest(
    running: World, unit: str, starts: str, ends: str, code: str | None
) -> None:
    home = await family(running)
    await say_town(running, LE_HAILLAN, version=2)
    answer = await try_ask(running, home, wish(home, units=[unit], starts=starts, ends=ends))
    if code is None:
        assert [line["state"] for line in answer.json["lines"]] == ["accepted"]
    else:
        assert (answer.status, answer.json["code"]) == (422, code)


async def test_the_nine_sets_and_no_other(running: World) -> None:
    """BO7: every set of the four components; a meal alone, both meals and nothing are refused."""
    await say_town(running, PAREMPUYRE, version=2)
    every = chain.from_iterable(combinations(("m", "a", "av", "sv"), size) for size in range(1, 5))
    booked = set()
    for units in every:
        home = await family(running)
        answer = await try_ask(running, home, wish(home, units=list(units)))
        if answer.status == 201:
            assert {line["state"] for line in answer.json["lines"]} == {"accepted"}
            booked.add(" ".join(units))
        else:
            (refused,) = answer.json["not_retained"]
            assert refused["reason"]["code"] == "units-not-combined"
            assert "M + AV" in refused["reason"]["text"]
    assert booked == NINE
    home = await family(running)
    assert (await try_ask(running, home, wish(home, units=[]))).status == 422


async def test_components_added_one_by_one_end_in_one_of_the_nine(running: World) -> None:
    home = await family(running)
    await say_town(running, PAREMPUYRE, version=2)

    async def add(unit: str) -> int:
        return (await try_ask(running, home, wish(home, units=[unit]))).status

    assert [await add(unit) for unit in ("av", "m", "av", "sv", "a")] == [409, 201, 201, 409, 201]
    days = await planning(running, home, DAY, DAY)
    assert days["centre", DAY]["status"] == "free"  # the last unit, without meat
