"""What was booked stands when the town or the child changes: it is shown, it can be given up, and
it is counted where it was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.booking.checked import findings
from tests.booking.helpers import planning, recap, session, states, try_ask
from tests.booking.test_weekly_patterns import booking_of
from tests.samples import Household, activity, family, say_town, town_file
from tests.world import World, eventually

DAY = "2026-09-24"
SCHOOLS = [{"id": one, "name": one.title()} for one in ("tilleuls", "chenes")]


def calendar(**changes: Any) -> Any:
    days = ["monday", "tuesday", "thursday", "friday"]
    return [{"id": "school-days", "weekdays": days, "school_zone": "A"} | changes]


def end(home: Household, kind: str = "cancel") -> dict[str, Any]:
    return {"family": home.id, "ends": [{"kind": kind, "child": home.children[0], "first": DAY}]}


async def moved(world: World, home: Household, school: str) -> None:
    """The family's first child goes to another school."""
    card = home.card()
    children = tuple(one.model_copy(update={"school": school}) for one in card.children)
    card = card.model_copy(update={"children": children})
    await world.say(card, f"families/{home.id}", town="veyras")

    async def heard() -> bool:
        known = await booking_of(world).store.family("veyras", home.id)
        return known.children[0].school == school

    await eventually(heard, what="the child's school is known")


async def booked(world: World, home: Household, **changes: Any) -> dict[str, Any]:
    body = {"child": home.children[0], "activity": "centre", "day": DAY, "units": ["unit"]}
    body |= changes
    answer = await try_ask(world, home, {"family": home.id, "asked": [body]})
    assert answer.status == 201, answer.json
    line: dict[str, Any] = answer.json["lines"][0]
    return line


async def test_a_day_closed_since_is_shown_and_given_up_freely(running: World) -> None:
    """Also after its deadline, as an absence or as a cancellation."""
    home = await family(running)
    centre = activity("centre", decision="automatic")
    await say_town(running, town_file(activities=[centre]), version=2)
    await booked(running, home)
    works = [{"first": DAY, "last": DAY, "reason": "Travaux"}]
    closed = town_file(activities=[centre], calendars=calendar(closed=works))
    await say_town(running, closed, version=3)
    running.move_to(datetime(2026, 9, 24, 5, tzinfo=UTC))

    async def seen() -> Any:
        return (await planning(running, home, DAY, DAY)).get(("centre", DAY))

    entry = await eventually(seen, what="the booked day is shown")
    assert (entry["status"], entry["cancel_locked"]) == ("accepted", False)
    assert "Travaux" in entry["cancel"]["explanation"]
    absent = (await recap(running, home, end(home, "absence"))).json
    assert [line["effect"] for line in absent["lines"]] == ["cancelled"]
    ended = await try_ask(running, home, end(home))
    assert [line["effect"] for line in ended.json["lines"]] == ["cancelled"]
    assert await states(running, home, ended.json["id"]) == ["accepted"]
    assert await findings(running) == []


async def test_what_is_for_others_now_is_shown_and_can_be_cancelled(running: World) -> None:
    home = await family(running)
    await moved(running, home, "tilleuls")
    centre = activity("centre", decision="automatic", eligible={"schools": ["tilleuls"]})
    await say_town(running, town_file(activities=[centre], schools=SCHOOLS), version=2)
    await booked(running, home)
    await moved(running, home, "chenes")
    entry = (await planning(running, home, DAY, DAY))["centre", DAY]
    assert (entry["status"], entry["cancel_locked"]) == ("accepted", False)
    assert (await try_ask(running, home, end(home))).status == 201


async def test_a_child_who_changes_its_school_takes_one_place_in_the_new_one(
    running: World,
) -> None:
    home, other, former = [await family(running) for _ in range(3)]
    for one in (home, former):
        await moved(running, one, "tilleuls")
    await moved(running, other, "chenes")
    places = [
        {"id": school, "units": ["m", "r"], "capacity": 1, "source": "test",
         "group": {"schools": [school]}}
        for school in ("tilleuls", "chenes")
    ]  # fmt: skip
    units = [{"id": "m", "name": "Matin"}, {"id": "r", "name": "Repas"}]
    centre = activity(
        "centre",
        decision="automatic",
        units=units,
        places=places,
        eligible={"schools": ["tilleuls", "chenes"]},
    )
    await say_town(running, town_file(activities=[centre], schools=SCHOOLS), version=2)
    assert (await booked(running, home, units=["m"]))["state"] == "accepted"
    await moved(running, home, "chenes")
    assert (await booked(running, home, units=["r"]))["state"] == "accepted"
    assert (await session(running, DAY, "centre"))["left"] == {"tilleuls": 1, "chenes": 0}
    assert (await booked(running, other, units=["m"]))["reason"]["code"] == "full"
    assert (await booked(running, former, units=["m"]))["state"] == "accepted"
    assert (await try_ask(running, home, end(home))).status == 201
    assert await findings(running) == []
    assert (await session(running, DAY, "centre"))["left"] == {"tilleuls": 0, "chenes": 1}


async def test_a_day_that_is_over_is_not_cancelled_by_reporting_an_absence(
    running: World,
) -> None:
    home = await family(running)
    always = {"id": "always", "valid_from": "2020-01-01", "source": "test",
              "cutoff": {"anchor": "always"}}  # fmt: skip
    centre = activity(
        "centre", decision="automatic", deadlines={"book": [always], "cancel": [always]},
        absences={"in_time": "refund"},
    )  # fmt: skip
    await say_town(running, town_file(activities=[centre]), version=2)
    await booked(running, home)
    running.move_to(datetime(2026, 10, 20, 7, tzinfo=UTC))
    told = await try_ask(running, home, end(home, "absence"))
    assert [line["effect"] for line in told.json["lines"]] == ["billed"]
