"""Ending what is booked: cancelled in time, reported absent out of time, by rule or by an agent."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from services.booking.commands import settling
from services.booking.domain.request import Line, Request
from services.booking.state import Booking
from shared.contracts.booking import (
    BookingAccepted,
    BookingRefused,
    BookingRequested,
    BookingWithdrawn,
)
from tests.booking.helpers import holds, planning, recap, said, seen, session, try_ask
from tests.samples import Household, activity, ask, decide, family, places, say_town, town_file
from tests.world import World, eventually

DAY = "2026-09-17"
EVE = {"anchor": "day", "days_before": 1, "time": "18:00"}
RULE = {"id": "eve", "valid_from": "2020-01-01", "source": "test", "cutoff": EVE}


def care(**changes: Any) -> Any:
    """One activity that decides by itself, with one place."""
    about = {"decision": "automatic", "places": places(1)} | changes
    return town_file(activities=[activity("garderie", **about)])


def ends(home: Household, kind: str = "cancel", **changes: Any) -> dict[str, Any]:
    """A basket that ends the first child's bookings of a day."""
    one = {"kind": kind, "child": home.children[0], "first": DAY} | changes
    return {"family": home.id, "ends": [one]}


async def booked(world: World, home: Household, **changes: Any) -> str:
    """The id of an accepted booking of the day."""
    answer = await ask(world, home, home.asks(DAY, activity="garderie", **changes))
    assert answer.json["lines"][0]["state"] == "accepted"
    return str(answer.json["id"])


async def status(world: World, home: Household, child: int = 0) -> str:
    days = await planning(world, home, DAY, DAY, child=child)
    return str(days["garderie", DAY]["status"])


async def freed(world: World) -> None:
    async def nobody() -> bool:
        return holds(await session(world, DAY, "garderie")) == 0

    await eventually(nobody)


async def test_a_long_end_gives_signs_of_life(
    running: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no other process takes it over, however long it takes."""
    home = await family(running)
    centre = activity("centre", decision="automatic", horizon_days=400)
    await say_town(running, town_file(activities=[centre]), version=2)
    days = ["monday", "tuesday", "thursday", "friday"]
    year = {"first": "2026-09-21", "last": "2027-07-02"}
    body = home.asks_all([{"period": year | {"weekdays": days}}], activity="centre")
    booked_ = (await ask(running, home, body)).json["lines"]
    end, signs = settling._end, Counter[Any]()

    async def watched(booking: Booking, request: Request, line: Line) -> None:
        kept = await booking.store.request(request.id)
        signs[kept and (kept.unfinished, kept.v)] += 1
        await end(booking, request, line)

    monkeypatch.setattr(settling, "_end", watched)
    one = {"kind": "cancel", "child": home.children[0], **year}
    gone = (await ask(running, home, {"family": home.id, "ends": [one]})).json["lines"]
    assert {line["state"] for line in gone} == {"accepted"}
    assert signs.total() == len(gone) == len(booked_) > 100
    assert max(signs.values()) <= 50


async def test_an_absence_told_in_time_waits_for_the_agent_whom_a_cancellation_asks(
    running: World,
) -> None:
    home = await family(running)
    deadlines = {"book": [RULE], "cancel": [RULE | {"outcome": "ask_agent"}]}
    await say_town(running, care(deadlines=deadlines), version=2)
    await booked(running, home)
    told = (await ask(running, home, ends(home, "absence"))).json
    assert [one["state"] for one in told["lines"]] == ["requested"]
    await decide(running, [(told["id"], "1", None)])
    await freed(running)


@pytest.mark.parametrize(
    ("cancel", "until", "opens", "always"),
    [
        ({}, "2026-09-16T16:00:00Z", None, False),
        ({"cutoff": {"anchor": "always"}}, None, None, True),
        ({"cutoff": {"anchor": "never"}}, None, None, False),
        ({"opens": EVE | {"time": "08:00"}}, None, "2026-09-16T06:00:00Z", False),
        (
            {"cutoff": EVE | {"days_before": 300}, "after": [{"until": EVE, "outcome": "accept"}]},
            "2026-09-16T16:00:00Z", None, False,
        ),
    ],
)  # fmt: skip
async def test_a_booking_says_when_it_may_be_cancelled(
    running: World, cancel: dict[str, Any], until: str | None, opens: str | None, always: bool
) -> None:
    home = await family(running)
    deadlines = {"book": [RULE], "cancel": [RULE | cancel]}
    await say_town(running, care(deadlines=deadlines), version=2)
    answer = await ask(running, home, home.asks(DAY, activity="garderie"))
    (line,) = answer.json["lines"]
    found = (line["cancel_until"], line["cancel_from"], line["cancel_always"])
    assert found == (until, opens, always)
    said_so = [one for event in await said(running, BookingRequested) for one in event.lines][-1]
    assert (said_so.cancel_until is None, said_so.cancel_always) == (until is None, always)


async def test_cancelled_in_time_the_place_is_free_at_once(running: World) -> None:
    home, other = await family(running), await family(running)
    await say_town(running, care(), version=2)
    first = await booked(running, home)
    full = await try_ask(running, other, other.asks(DAY, activity="garderie"))
    assert full.json["lines"][0]["reason"]["code"] == "full"
    foreseen = (await recap(running, home, ends(home))).json["lines"]
    assert [(one["kind"], one["would"], one["effect"]) for one in foreseen] == [
        ("cancel", "accepted", "cancelled")
    ]
    answer = await ask(running, home, ends(home))
    (line,) = answer.json["lines"]
    assert (line["state"], line["kind"], line["of"]) == ("accepted", "cancel", f"{first}-1")
    assert await status(running, home) == "cancelled"
    assert (await seen(running, home, first))["lines"][0]["ended"]
    await freed(running)
    await booked(running, other)
    outcomes = [one for event in await said(running, BookingAccepted) for one in event.lines]
    assert [(one.kind, one.of, one.effect) for one in outcomes if one.kind != "book"] == [
        ("cancel", f"{first}-1", "cancelled")
    ]


async def test_out_of_time_it_is_locked_and_an_absence_is_billed(running: World) -> None:
    home = await family(running)
    await say_town(running, care(), version=2)
    first = await booked(running, home)
    running.move_to(datetime(2026, 9, 17, 6, 0, tzinfo=UTC))
    late = await try_ask(running, home, ends(home))
    assert (late.status, late.json["code"]) == (409, "nothing-bookable")
    assert "délai dépassé" in late.json["not_retained"][0]["reason"]["text"]
    answer = await ask(
        running, home, ends(home, "absence") | {"comment": "Il a de la fièvre.", "attachments": []}
    )
    (line,) = answer.json["lines"]
    assert (line["state"], line["effect"]) == ("accepted", "billed")
    assert answer.json["comment"] == "Il a de la fièvre."
    assert await status(running, home) == "absent"
    assert (await seen(running, home, first))["lines"][0]["absent"]
    assert holds(await session(running, DAY, "garderie")) == 1
    requested = (await said(running, BookingRequested))[-1]
    assert requested.comment
    assert "fièvre" not in requested.model_dump_json()


async def test_an_absence_over_a_period_finds_the_activities_by_itself(running: World) -> None:
    home = await family(running)
    rules = [
        {"id": "ill", "valid_from": "2020-01-01", "source": "test", "reasons": ["illness"],
         "proof": {"kinds": ["medical-certificate"], "days": 2}, "effect": {"kind": "free"}},
    ]  # fmt: skip
    absences = {"reasons": [{"id": "illness", "name": "Maladie"}], "rules": rules}
    both = [
        activity("garderie", decision="automatic", absences=absences),
        activity("cantine", decision="automatic", absences=absences),
    ]
    await say_town(running, town_file(activities=both), version=2)
    for name in ("garderie", "cantine"):
        for day in (DAY, "2026-09-18", "2026-09-21"):
            await ask(running, home, home.asks(day, activity=name))
    running.move_to(datetime(2026, 9, 17, 6, 0, tzinfo=UTC))
    answer = await ask(running, home, ends(home, "absence", last="2026-09-18", reason="illness"))
    found = {(one["activity"], one["date"]): one for one in answer.json["lines"]}
    assert len(found) == 4
    today, tomorrow = found["cantine", DAY], found["cantine", "2026-09-18"]
    assert today["effect"] == "to_prove"
    assert today["proof_until"] == "2026-09-19T21:59:00Z"
    assert tomorrow["effect"] == "cancelled"
    assert (await seen(running, home, answer.json["id"]))["lines"] == answer.json["lines"]


async def test_a_cancellation_that_an_agent_decides(running: World) -> None:
    home = await family(running)
    asked_first = RULE | {"outcome": "ask_agent"}
    deadlines = {"book": [RULE], "cancel": [asked_first]}
    await say_town(running, care(deadlines=deadlines), version=2)
    await booked(running, home)
    waiting = await ask(running, home, ends(home))
    assert waiting.json["lines"][0]["state"] == "requested"
    assert await status(running, home) == "cancel_requested"
    assert holds(await session(running, DAY, "garderie")) == 1
    again = await try_ask(running, home, ends(home))
    assert again.json["lines"][0]["reason"]["code"] == "not-booked"
    assert await status(running, home) == "cancel_requested", "the first waits still"

    refused = await decide(running, [(waiting.json["id"], "1", "Trop tard.")])
    assert refused.json["results"][0]["result"] == "refused"
    assert await status(running, home) == "cancel_refused"
    (outcome,) = [one for event in await said(running, BookingRefused) for one in event.lines
                  if one.reason and one.reason.code == "agent"]  # fmt: skip
    assert (outcome.kind, outcome.replaces) == ("cancel", None)

    second = await ask(running, home, ends(home))
    accepted = await decide(running, [(second.json["id"], "1", None)])
    assert accepted.json["results"][0]["result"] == "accepted"
    assert await status(running, home) == "cancelled"
    await freed(running)
    once_more = await decide(running, [(second.json["id"], "1", "Non")])
    assert once_more.json["results"][0]["result"] == "already-decided"


async def test_two_guardians_cancel_at_once_and_a_double_click(running: World) -> None:
    home = await family(running)
    await say_town(running, care(), version=2)
    await booked(running, home)
    answers = await asyncio.gather(*(try_ask(running, home, ends(home)) for _ in range(6)))
    states = [
        one.json["lines"][0]["state"] if one.status == 201 else one.json["code"] for one in answers
    ]
    assert states.count("accepted") == 1
    assert set(states) <= {"accepted", "refused", "nothing-booked"}
    await freed(running)
    assert (await session(running, DAY, "garderie"))["left"] == {"places": 1}
    await booked(running, home)
    first = await ask(running, home, ends(home), key="one-click")
    second = await ask(running, home, ends(home), key="one-click")
    assert first.json == second.json


async def test_nothing_booked_is_said_and_another_family_s_child_is_out_of_reach(
    running: World,
) -> None:
    home, other = await family(running), await family(running)
    await say_town(running, care(), version=2)
    nothing = await try_ask(running, home, ends(home))
    assert (nothing.status, nothing.json["code"]) == (422, "nothing-booked")
    await booked(running, other)
    stolen = ends(home) | {"family": other.id}
    assert (await try_ask(running, home, stolen)).status in (403, 404)
    foreign = ends(home, child=other.children[0])
    assert (await try_ask(running, home, foreign)).status == 404
    assert holds(await session(running, DAY, "garderie")) == 1


async def test_a_basket_books_and_cancels_in_one_act(running: World) -> None:
    home = await family(running)
    await say_town(running, care(places=places(5)), version=2)
    await booked(running, home)
    basket = home.asks("2026-09-18", activity="garderie", child=1) | ends(home)
    answer = await ask(running, home, basket)
    assert [(one["kind"], one["date"], one["state"]) for one in answer.json["lines"]] == [
        ("book", "2026-09-18", "accepted"), ("cancel", DAY, "accepted"),
    ]  # fmt: skip
    assert await status(running, home) == "cancelled"


@pytest.mark.parametrize("body", [{}, {"ends": []}, {"asked": []}])
async def test_an_empty_basket_is_refused(running: World, body: dict[str, Any]) -> None:
    home = await family(running)
    answer = await try_ask(running, home, {"family": home.id, **body})
    assert (answer.status, answer.json["code"]) == (422, "invalid-input")


async def test_what_is_not_decided_may_be_taken_back(running: World) -> None:
    home, other = await family(running), await family(running)
    await say_town(running, care(decision="agent"), version=2)
    asked = (await ask(running, home, home.asks(DAY, activity="garderie"))).json["id"]
    assert holds(await session(running, DAY, "garderie")) == 1
    path = f"/api/booking/v1/veyras/requests/{asked}/withdrawals"
    foreign = await running.call("POST", path, token=other.token(running), json={})
    assert foreign.status == 404
    for _ in range(2):
        answer = await running.call("POST", path, token=home.token(running), json={})
        assert (answer.status, answer.json["lines"][0]["state"]) == (200, "withdrawn")
    await freed(running)
    assert await status(running, home) == "withdrawn"
    (event,) = await said(running, BookingWithdrawn)
    assert (event.request, event.lines) == (asked, ("1",))
    decided = await decide(running, [(asked, "1", None)])
    assert decided.json["results"][0]["result"] == "already-decided"
    assert (await try_ask(running, other, other.asks(DAY, activity="garderie"))).status == 201


async def test_an_absence_of_a_period_is_of_the_weekdays_chosen(running: World) -> None:
    home = await family(running)
    await say_town(running, care(), version=2)
    days = ("2026-09-17", "2026-09-18", "2026-09-21")
    wish = home.asks_all([{"day": day} for day in days], activity="garderie")
    await ask(running, home, wish)
    body = ends(home, "absence", last="2026-09-30", weekdays=["monday", "thursday"])
    lines = (await ask(running, home, body)).json["lines"]
    assert [line["date"] for line in lines] == ["2026-09-17", "2026-09-21"]


async def test_a_reason_that_the_activity_does_not_offer_is_refused(running: World) -> None:
    home = await family(running)
    await say_town(running, care(), version=2)
    await booked(running, home)
    answer = await try_ask(running, home, ends(home, "absence", reason="vacances"))
    assert (answer.status, answer.json["field"]) == (422, "/ends/0/reason")
