"""Changing what is booked as one act: the old place is kept until the new one is granted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from shared.contracts.booking import BookingAccepted
from tests.booking.helpers import planning, recap, said, seen, session, try_ask
from tests.samples import API, Household, activity, ask, decide, family, say_town, town_file
from tests.world import World, eventually

DAY = "2026-09-17"
UNITS = [{"id": one, "name": one.upper()} for one in ("m", "a", "av", "sv")]
RELATIONS = {
    "excludes": [["av", "sv"]],
    "implies": [{"unit": "av", "any_of": ["m", "a"]}, {"unit": "sv", "any_of": ["m", "a"]}],
}


def centre(veggie: int = 1, **changes: Any) -> Any:
    """Days by components; the centre has three places, meals without meat few."""
    counters = [
        {"id": "room", "units": ["m", "a"], "capacity": 3, "source": "test"},
        {"id": "meat", "units": ["av"], "capacity": 3, "source": "test"},
        {"id": "veggie", "units": ["sv"], "capacity": veggie, "source": "test"},
    ]
    about = {"decision": "automatic", "units": UNITS, "relations": RELATIONS, "places": counters}
    return town_file(activities=[activity("centre", **about | changes)])


def books(home: Household, *units: str) -> dict[str, Any]:
    one = {"child": home.children[0], "activity": "centre", "units": units, "day": DAY}
    return {"family": home.id, "asked": [one]}


def changes(home: Household, *units: str, **more: Any) -> dict[str, Any]:
    one = {"child": home.children[0], "activity": "centre", "units": units, "day": DAY, **more}
    return {"family": home.id, "changes": [one]}


async def held(world: World, home: Household) -> set[str]:
    """The units that the child holds, by whatever line."""
    document = await session(world, DAY, "centre")
    return set(document["holders"].get(home.children[0], {}))


async def whole_day(world: World, home: Household) -> dict[str, str]:
    """The status of each unit in the planning."""
    path = f"{API}/veyras/planning?family={home.id}&child={home.children[0]}"
    days = (await world.call("GET", f"{path}&first={DAY}&last={DAY}", token=home.token(world))).json
    return {one["unit"]: one["status"] for one in days["entries"]}


async def left(world: World) -> dict[str, int]:
    found: dict[str, int] = (await session(world, DAY, "centre"))["left"]
    return found


async def test_another_meal_takes_the_new_place_and_gives_the_old_one_back(
    running: World,
) -> None:
    home = await family(running)
    await say_town(running, centre(), version=2)
    first = (await ask(running, home, books(home, "m", "av"))).json
    assert (await left(running)) == {"room": 2, "meat": 2, "veggie": 1}
    foreseen = (await recap(running, home, changes(home, "m", "a", "sv"))).json["lines"]
    assert [(one["kind"], one["would"]) for one in foreseen] == [("change", "accepted")]
    changed = (await ask(running, home, changes(home, "m", "a", "sv"))).json
    (line,) = changed["lines"]
    assert (line["kind"], line["state"], line["of"]) == ("change", "accepted", f"{first['id']}-1")
    assert await held(running, home) == {"m", "a", "sv"}
    assert (await left(running)) == {"room": 2, "meat": 3, "veggie": 0}
    days = await whole_day(running, home)
    assert days == {"m": "accepted", "a": "accepted", "av": "free", "sv": "accepted"}
    assert (await seen(running, home, first["id"]))["lines"][0]["ended"]
    outcome = [one for event in await said(running, BookingAccepted) for one in event.lines][-1]
    assert (outcome.kind, outcome.was, outcome.units) == ("change", ("m", "av"), ("m", "a", "sv"))

    again = await try_ask(running, home, changes(home, "a", "av"))
    assert again.json["lines"][0]["state"] == "accepted"
    assert (await left(running)) == {"room": 2, "meat": 2, "veggie": 1}
    gone = {"kind": "cancel", "child": home.children[0], "first": DAY}
    await ask(running, home, {"family": home.id, "ends": [gone]})

    async def empty() -> bool:
        return await left(running) == {"room": 3, "meat": 3, "veggie": 1}

    await eventually(empty)


async def test_when_the_new_place_is_not_to_be_had_the_old_one_stays(running: World) -> None:
    home, other = await family(running), await family(running)
    await say_town(running, centre(), version=2)
    await ask(running, other, books(other, "m", "sv"))
    first = (await ask(running, home, books(home, "m", "av"))).json
    for units, why_not in ((("m", "sv"), "full"), (("av",), "units-not-combined")):
        (foreseen,) = (await recap(running, home, changes(home, *units))).json["lines"]
        assert (foreseen["would"], foreseen["reason"]["code"]) == ("refused", why_not)
        assert (foreseen["of"], foreseen["was"]) == (f"{first['id']}-1", ["m", "av"])
    refused = await try_ask(running, home, changes(home, "m", "sv"))
    assert refused.json["lines"][0]["reason"]["code"] == "full"

    async def as_before() -> bool:
        line = (await seen(running, home, first["id"]))["lines"][0]
        return not line["ended"] and await held(running, home) == {"m", "av"}

    await eventually(as_before)
    wrong = await try_ask(running, home, changes(home, "av"))
    assert wrong.json["lines"][0]["reason"]["code"] == "units-not-combined"
    same = await try_ask(running, home, changes(home, "m", "av"))
    assert same.json["not_retained"][0]["reason"]["code"] == "unchanged"
    nothing = await try_ask(running, home, changes(home, "m", day="2026-09-18"))
    assert nothing.json["code"] == "nothing-booked"
    days = await planning(running, home, DAY, DAY)
    assert days["centre", DAY]["activity"] == "centre"


async def test_two_families_change_at_once_for_the_last_place(running: World) -> None:
    homes = [await family(running) for _ in range(3)]
    await say_town(running, centre(), version=2)
    for home in homes:
        await ask(running, home, books(home, "m", "av"))
    answers = await asyncio.gather(
        *(try_ask(running, home, changes(home, "m", "sv")) for home in homes)
    )
    states = [one.json["lines"][0]["state"] for one in answers]
    assert sorted(states) == ["accepted", "refused", "refused"]

    async def settled() -> bool:
        return await left(running) == {"room": 0, "meat": 1, "veggie": 0}

    await eventually(settled)
    for home, state in zip(homes, states, strict=True):
        assert await held(running, home) == ({"m", "sv"} if state == "accepted" else {"m", "av"})


async def test_an_agent_decides_a_change(running: World) -> None:
    home = await family(running)
    await say_town(running, centre(), version=2)
    await ask(running, home, books(home, "m", "av"))
    await say_town(running, centre(decision="agent", hold_while_waiting=False), version=3)
    waiting = (await ask(running, home, changes(home, "m", "sv"))).json
    assert waiting["lines"][0]["state"] == "requested"
    assert await held(running, home) == {"m", "av"}
    refused = await decide(running, [(waiting["id"], "1", "Non")])
    assert refused.json["results"][0]["result"] == "refused"
    second = (await ask(running, home, changes(home, "m", "sv"))).json
    accepted = await decide(running, [(second["id"], "1", None)])
    assert accepted.json["results"][0]["result"] == "accepted"

    async def changed() -> bool:
        return await held(running, home) == {"m", "sv"} and (await left(running))["meat"] == 3

    await eventually(changed)


async def test_past_the_deadline_a_change_and_an_end_go_by_their_rule(running: World) -> None:
    home = await family(running)
    late = {
        "id": "eve", "valid_from": "2020-01-01", "source": "test",
        "cutoff": {"anchor": "day", "days_before": 1, "time": "18:00"},
        "after": [
            {"until": {"anchor": "day", "days_before": 0, "time": "08:00"}, "outcome": "accept",
             "surcharge": {"kind": "amount", "cents": 200}},
            {"until": {"anchor": "day", "days_before": 0, "time": "11:00"}, "outcome": "ask_agent"},
        ],
    }  # fmt: skip
    rules = {"book": [late], "change": [late], "cancel": [late]}
    await say_town(running, centre(deadlines=rules), version=2)
    await ask(running, home, books(home, "m"))
    running.move_to(datetime(2026, 9, 17, 5, 0, tzinfo=UTC))
    foreseen = (await recap(running, home, changes(home, "a"))).json["lines"][0]
    assert (foreseen["would"], foreseen["surcharge"]["cents"]) == ("accepted", 200)
    assert foreseen["price"] == {"state": "to_come", "text": "Prix à venir"}
    dearer = (await ask(running, home, changes(home, "a"))).json["lines"][0]
    assert (dearer["state"], dearer["surcharge"]["rule"]) == ("accepted", "eve")

    running.move_to(datetime(2026, 9, 17, 7, 0, tzinfo=UTC))
    foreseen = (await recap(running, home, changes(home, "m"))).json["lines"][0]
    assert foreseen["would"] == "requested"
    asked = (await ask(running, home, changes(home, "m"))).json
    assert asked["lines"][0]["state"] == "requested"
    accepted = await decide(running, [(asked["id"], "1", None)])
    assert accepted.json["results"][0]["result"] == "accepted"

    async def changed() -> bool:
        return await held(running, home) == {"m"}

    await eventually(changed)
    gone = {"kind": "cancel", "child": home.children[0], "first": DAY}
    ended = (await ask(running, home, {"family": home.id, "ends": [gone]})).json
    assert ended["lines"][0]["state"] == "requested"


async def test_what_is_booked_may_be_changed_by_a_deadline_of_its_own(running: World) -> None:
    home = await family(running)
    eve, same_day = (
        [{"id": "r", "valid_from": "2020-01-01", "source": "test", "cutoff": {
            "anchor": "day", "days_before": days, "time": "18:00"}}]
        for days in (1, 0)
    )  # fmt: skip
    room = {"id": "room", "units": ["m"], "capacity": 3, "source": "test"}
    rules = {"book": eve, "cancel": eve, "change": same_day}
    alone: dict[str, Any] = {"units": UNITS[:1], "relations": {}, "places": [room]}
    await say_town(running, centre(deadlines=rules, **alone), version=2)
    days = await planning(running, home, DAY, DAY)
    assert days["centre", DAY]["change"] is None
    await ask(running, home, books(home, "m"))
    running.move_to(datetime(2026, 9, 17, 7, 0, tzinfo=UTC))
    day = (await planning(running, home, DAY, DAY))["centre", DAY]
    assert (day["cancel"]["allowed"], day["change"]["allowed"]) == (False, True)
    assert day["change"]["until"] == "2026-09-17T18:00:00+02:00"


async def test_an_agent_changes_and_cancels_past_the_deadline_with_a_reason(
    running: World,
) -> None:
    home = await family(running)
    await say_town(running, centre(), version=2)
    await ask(running, home, books(home, "m"))
    running.move_to(datetime(2026, 9, 17, 7, 0, tzinfo=UTC))
    desk = running.token(roles=("childcare_office",))
    gone = {"family": home.id, "ends": [
        {"kind": "cancel", "child": home.children[0], "first": DAY}
    ]}  # fmt: skip
    for wish in (changes(home, "a"), gone):
        late = await try_ask(running, home, wish, token=desk)
        assert late.json["not_retained"][0]["reason"]["code"] == "too-late"
        by_right = wish | {"override": {"rules": ["deadline"], "reason": "Hospitalisation."}}
        line = (await try_ask(running, home, by_right, token=desk)).json["lines"][0]
        assert (line["state"], line["overridden"]) == ("accepted", ["deadline"])
