"""An agent acts for a family: by the same commands, and beyond the rules with right and reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.contracts.booking import BookingAccepted
from tests.booking.helpers import holds, planning, said, seen, session, try_ask
from tests.samples import API, Household, activity, ask, decide, family, places, say_town, town_file
from tests.world import Answer, World, eventually

DAY = "2026-09-17"


def care(number: int = 1) -> Any:
    return town_file(activities=[activity("garderie", decision="automatic", places=places(number))])


async def for_family(
    world: World, home: Household, *rules: str, role: str = "childcare_office",
    reason: str = "Urgence familiale", **changes: Any,
) -> Answer:  # fmt: skip
    """An agent asks for a family, setting rules aside."""
    body = home.asks(DAY, activity="garderie") | changes
    if rules:
        body["override"] = {"rules": rules, "reason": reason}
    token = world.token("veyras", roles=(role,))
    return await world.call("POST", f"{API}/veyras/requests", token=token, json=body)


async def test_a_deadline_set_aside_keeps_who_and_why(running: World) -> None:
    home = await family(running)
    await say_town(running, care(), version=2)
    running.move_to(datetime(2026, 9, 17, 6, 0, tzinfo=UTC))
    late = await for_family(running, home)
    assert late.json["code"] == "nothing-bookable"
    granted = await for_family(running, home, "deadline")
    assert granted.status == 201, granted.json
    (line,) = granted.json["lines"]
    assert (line["state"], line["overridden"]) == ("accepted", ["deadline"])
    found = await seen(running, home, granted.json["id"])
    assert (found["override"], found["version"]) == ("Urgence familiale", 2)
    (event,) = await said(running, BookingAccepted)
    assert event.lines[0].overridden == ("deadline",)
    assert "Urgence" not in event.model_dump_json()


async def test_a_place_more_is_declared_and_gone_with_its_child(running: World) -> None:
    home, other, third = [await family(running) for _ in range(3)]
    await say_town(running, care(), version=2)
    first = (await ask(running, home, home.asks(DAY, activity="garderie"))).json["id"]
    full = await for_family(running, other, "deadline")
    assert full.json["lines"][0]["reason"]["code"] == "full"
    extra = await for_family(running, other, "places")
    assert extra.json["lines"][0]["state"] == "accepted"
    document = await session(running, DAY, "garderie")
    assert (holds(document), document["left"], document["extra"]) == (
        2, {"places": 0}, {"places": 1},
    )  # fmt: skip
    await decide(running, [(first, "1", "Désistement")])

    async def back_to_one() -> bool:
        found = await session(running, DAY, "garderie")
        return (holds(found), found["left"], found["extra"]) == (
            1, {"places": 0}, {"places": 0},
        )  # fmt: skip

    await eventually(back_to_one)
    none = await try_ask(running, third, third.asks(DAY, activity="garderie"))
    assert none.json["lines"][0]["reason"]["code"] == "full"
    await decide(running, [(extra.json["id"], "1", "Désistement")])

    async def free() -> bool:
        return (await session(running, DAY, "garderie"))["left"] == {"places": 1}

    await eventually(free)
    assert (await try_ask(running, third, third.asks(DAY, activity="garderie"))).status == 201


async def test_capacity_changed_while_places_more_are_declared(running: World) -> None:
    home, other = await family(running), await family(running)
    await say_town(running, care(1), version=2)
    await for_family(running, home)
    await for_family(running, other, "places")
    await say_town(running, care(3), version=3)
    days = await planning(running, home, DAY, DAY, child=1)
    assert days["garderie", DAY]["places_left"] == 2
    await for_family(running, home, asked=home.asks(DAY, activity="garderie", child=1)["asked"])
    document = await session(running, DAY, "garderie")
    assert (holds(document), document["left"], document["extra"]) == (
        3, {"places": 1}, {"places": 1},
    )  # fmt: skip


@pytest.mark.parametrize("role", ["centre_director", "family"])
async def test_only_who_may_sets_a_rule_aside(running: World, role: str) -> None:
    home = await family(running)
    await say_town(running, care(), version=2)
    body = home.asks(DAY, activity="garderie")
    body["override"] = {"rules": ["deadline"], "reason": "Parce que"}
    if role == "family":
        answer = await try_ask(running, home, body)
    else:
        answer = await for_family(running, home, "deadline", role=role)
    assert (answer.status, answer.json["code"]) == (403, "forbidden")


async def test_a_day_without_service_is_never_overridden(running: World) -> None:
    home = await family(running)
    await say_town(running, care(), version=2)
    closed = home.asks("2026-09-16", activity="garderie")["asked"]
    everything = ("deadline", "places", "eligibility", "week", "enrolment")
    answer = await for_family(running, home, *everything, asked=closed)
    assert answer.json["not_retained"][0]["reason"]["code"] == "no-service"


async def test_past_the_deadline_the_rule_may_ask_an_agent_or_a_surcharge(
    running: World,
) -> None:
    home = await family(running)
    eve = {"anchor": "day", "days_before": 1, "time": "18:00"}
    after = [
        {"until": {"anchor": "day", "days_before": 0, "time": "08:00"}, "outcome": "accept",
         "surcharge": {"kind": "amount", "cents": 200}},
        {"until": {"anchor": "day", "days_before": 0, "time": "11:00"}, "outcome": "ask_agent"},
    ]  # fmt: skip
    rule = {"id": "eve", "valid_from": "2020-01-01", "source": "test", "cutoff": eve,
            "after": after}  # fmt: skip
    late = activity("garderie", decision="automatic", deadlines={"book": [rule], "cancel": [rule]})
    await say_town(running, town_file(activities=[late]), version=2)
    running.move_to(datetime(2026, 9, 17, 5, 0, tzinfo=UTC))
    dearer = (await ask(running, home, home.asks(DAY, activity="garderie"))).json["lines"][0]
    assert dearer["state"] == "accepted"
    assert (dearer["surcharge"]["cents"], dearer["surcharge"]["rule"]) == (200, "eve")
    running.move_to(datetime(2026, 9, 17, 7, 0, tzinfo=UTC))
    asked = await ask(running, home, home.asks(DAY, activity="garderie", child=1))
    assert asked.json["lines"][0]["state"] == "requested"
    accepted = await decide(running, [(asked.json["id"], "1", None)])
    assert accepted.json["results"][0]["result"] == "accepted"
