"""What the town counts: so many weeks a child, so many late bookings, so many free
cancellations."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.booking.helpers import recap, states, try_ask
from tests.samples import Household, activity, ask, decide, family, say_town, town_file
from tests.world import Answer, World, eventually

ALWAYS = {"anchor": "day", "days_before": 1, "time": "18:00"}
WEEKS = {"id": "weeks", "name": "Semaines", "counts": "weeks_booked", "per": "child",
         "window": "school_year"}  # fmt: skip
FREE = {"id": "free", "name": "Annulations", "counts": "cancellations", "per": "family",
        "window": "month"}  # fmt: skip


def rule(**changes: Any) -> dict[str, Any]:
    return {"id": "eve", "valid_from": "2020-01-01", "source": "test", "cutoff": ALWAYS} | changes


def counted(counter: dict[str, Any], units: Any = None, week: Any = None, **deadlines: Any) -> Any:
    about = {"decision": "automatic", "deadlines": {"cancel": [rule()]} | deadlines}
    about |= {"week": week} if week else {}
    if units:
        room = {"id": "room", "units": [one["id"] for one in units], "capacity": 5}
        about |= {"units": units, "places": [room | {"source": "test"}]}
    return town_file(activities=[activity("centre", **about)], counters=[counter])


async def books(world: World, home: Household, day: str, child: int = 0) -> Answer:
    return await try_ask(world, home, home.asks(day, activity="centre", child=child))


MEAL_AND_MORNING = [{"id": "m", "name": "Repas"}, {"id": "r", "name": "Matin"}]
LATE = {"id": "late", "name": "Retards", "counts": "late_bookings", "per": "child",
        "window": "month"}  # fmt: skip


def of_both(home: Household, day: str) -> dict[str, Any]:
    one = {"child": home.children[0], "activity": "centre", "units": ["m", "r"], "day": day}
    return {"family": home.id, "asked": [one]}


async def cancel(world: World, home: Household, day: str) -> Answer:
    one = {"kind": "cancel", "child": home.children[0], "first": day}
    return await try_ask(world, home, {"family": home.id, "ends": [one]})


def outcome(answer: Answer) -> str:
    """``accepted``, or the code of what kept it from being so."""
    if answer.status != 201:
        return str(answer.json["not_retained"][0]["reason"]["code"])
    line = answer.json["lines"][0]
    return str(line["reason"]["code"] if line["state"] == "refused" else line["state"])


async def test_so_many_weeks_and_a_week_given_back_may_be_taken_again(running: World) -> None:
    home = await family(running)
    at_most = rule(times={"counter": "weeks", "to": 2})
    await say_town(running, counted(WEEKS, book=[at_most]), version=2)
    assert outcome(await books(running, home, "2026-09-17")) == "accepted"
    assert outcome(await books(running, home, "2026-09-18")) == "accepted"
    assert outcome(await books(running, home, "2026-09-24")) == "accepted"
    assert outcome(await books(running, home, "2026-10-01")) == "too-often"
    assert outcome(await books(running, home, "2026-10-01", child=1)) == "accepted"
    assert outcome(await books(running, home, "2026-09-25")) == "accepted"

    async def end(day: str) -> None:
        one = {"kind": "cancel", "child": home.children[0], "first": day}
        await ask(running, home, {"family": home.id, "ends": [one]})

    await end("2026-09-24")
    assert outcome(await books(running, home, "2026-10-01")) == "too-often"
    await end("2026-09-25")

    async def again() -> bool:
        return outcome(await books(running, home, "2026-10-01")) in ("accepted", "already-booked")

    await eventually(again)


async def test_two_guardians_take_the_last_allowed_week_at_once(running: World) -> None:
    home = await family(running)
    at_most = rule(times={"counter": "weeks", "to": 1})
    await say_town(running, counted(WEEKS, book=[at_most]), version=2)
    weeks = ("2026-09-17", "2026-09-24", "2026-10-01", "2026-10-08")
    answers = await asyncio.gather(*(books(running, home, day) for day in weeks))
    outcomes = sorted(outcome(answer) for answer in answers)
    assert outcomes == ["accepted", "too-often", "too-often", "too-often"]


async def test_a_week_that_an_agent_books_after_all_counts_again(running: World) -> None:
    home = await family(running)
    at_most = rule(times={"counter": "weeks", "to": 1})
    await say_town(running, counted(WEEKS, book=[at_most]), version=2)
    first = (await books(running, home, "2026-09-17")).json["id"]
    await decide(running, [(first, "1", "Erreur de saisie")])
    await decide(running, [(first, "1", None)])
    assert await states(running, home, first) == ["accepted"]
    assert outcome(await books(running, home, "2026-09-24")) == "too-often"
    await decide(running, [(first, "1", "Désistement")])
    assert outcome(await books(running, home, "2026-09-24")) == "accepted"
    await decide(running, [(first, "1", None)])
    assert await states(running, home, first) == ["accepted"], "an agent may book one too many"
    assert outcome(await books(running, home, "2026-10-01")) == "too-often"


async def test_one_act_counts_its_own_lines(running: World) -> None:
    home = await family(running)
    at_most = rule(times={"counter": "weeks", "to": 2})
    await say_town(running, counted(WEEKS, book=[at_most]), version=2)
    days = [{"day": day} for day in ("2026-09-17", "2026-09-24", "2026-10-01")]
    answer = await ask(running, home, home.asks_all(days, activity="centre"))
    assert await states(running, home, answer.json["id"]) == ["accepted", "accepted"]
    (refused,) = answer.json["not_retained"]
    assert refused["reason"]["code"] == "too-often"


async def test_what_is_booked_already_counts_for_nothing_in_an_act(running: World) -> None:
    home = await family(running)
    late = {"id": "late", "name": "Réservations", "counts": "late_bookings", "per": "child",
            "window": "school_year"}  # fmt: skip
    at_most = rule(times={"counter": "late", "to": 2})
    await say_town(running, counted(late, book=[at_most]), version=2)
    assert outcome(await books(running, home, "2026-09-17")) == "accepted"
    wish = home.asks_all([{"day": d} for d in ("2026-09-17", "2026-09-18")], activity="centre")
    for answer in (await recap(running, home, wish), await try_ask(running, home, wish)):
        (refused,) = answer.json["not_retained"]
        assert refused["reason"]["code"] == "already-booked"
        assert len(answer.json["lines"]) == 1, "the second that is allowed"
    assert outcome(await books(running, home, "2026-09-21")) == "too-often"


async def test_a_week_that_is_not_to_be_had_counts_for_nothing(running: World) -> None:
    home = await family(running)
    at_most = rule(times={"counter": "weeks", "to": 1})
    file = counted(WEEKS, week={"whole": True}, book=[at_most])
    await say_town(running, file, version=2)
    whole = [f"2026-09-{day}" for day in (21, 22, 24, 25)]
    days = [{"day": day} for day in ("2026-09-17", *whole)]
    answer = await ask(running, home, home.asks_all(days, activity="centre"))
    assert await states(running, home, answer.json["id"]) == ["accepted"] * 4
    (refused,) = answer.json["not_retained"]
    assert (refused["date"], refused["reason"]["code"]) == ("2026-09-17", "whole-week")


async def test_two_free_cancellations_a_month_for_the_family(running: World) -> None:
    home = await family(running)
    at_most = rule(times={"counter": "free", "to": 2})
    await say_town(running, counted(FREE, book=[rule()], cancel=[at_most]), version=2)
    for day in ("2026-09-17", "2026-09-18", "2026-09-21"):
        await books(running, home, day)
        await books(running, home, day, child=1)

    async def end(kind: str, day: str, child: int) -> Answer:
        one = {"kind": kind, "child": home.children[child], "first": day}
        return await try_ask(running, home, {"family": home.id, "ends": [one]})

    assert outcome(await end("cancel", "2026-09-17", 0)) == "accepted"
    told = await end("absence", "2026-09-18", 1)
    assert told.json["lines"][0]["effect"] == "cancelled", "told in time, it is a cancellation"
    assert outcome(await end("cancel", "2026-09-21", 0)) == "too-often"
    told = await end("absence", "2026-09-21", 0)
    assert told.json["lines"][0]["effect"] == "billed", "which is one too many"


async def test_what_one_unit_counts_is_counted_beside_a_stricter_one(running: World) -> None:
    home = await family(running)
    meal = rule(id="meal", times={"counter": "free", "to": 1}) | {"for": {"units": ["m"]}}
    morning = rule(cutoff=ALWAYS | {"days_before": 2})
    rules = {"book": [rule()], "cancel": [meal, morning]}
    await say_town(running, counted(FREE, MEAL_AND_MORNING, **rules), version=2)
    for day in ("2026-09-17", "2026-09-18"):
        assert outcome(await try_ask(running, home, of_both(home, day))) == "accepted"
    assert outcome(await cancel(running, home, "2026-09-17")) == "accepted"
    assert outcome(await cancel(running, home, "2026-09-18")) == "too-often"


async def test_a_late_change_is_a_late_booking(running: World) -> None:
    home = await family(running)
    late = {"outcome": "accept", "surcharge": {"kind": "amount", "cents": 250},
            "times": {"counter": "late", "to": 1}}  # fmt: skip
    early = rule(cutoff=ALWAYS | {"days_before": 30}, after=[late]) | {"for": {"units": ["r"]}}
    rules = {"book": [early, rule(id="meal")]}
    await say_town(running, counted(LATE, MEAL_AND_MORNING, **rules), version=2)

    async def adds(day: str) -> Answer:
        one = {"child": home.children[0], "activity": "centre", "units": ["m"], "day": day}
        booked = await try_ask(running, home, {"family": home.id, "asked": [one]})
        assert outcome(booked) == "accepted"
        both = one | {"units": ["m", "r"]}
        return await try_ask(running, home, {"family": home.id, "changes": [both]})

    assert outcome(await adds("2026-09-17")) == "accepted"
    assert outcome(await adds("2026-09-18")) == "too-late"
    assert outcome(await adds("2026-10-01")) == "accepted", "another month"


async def test_a_week_stays_counted_when_its_booking_changes(running: World) -> None:
    home = await family(running)
    at_most = rule(times={"counter": "weeks", "to": 1})
    await say_town(running, counted(WEEKS, MEAL_AND_MORNING, book=[at_most]), version=2)
    assert outcome(await try_ask(running, home, of_both(home, "2026-09-17"))) == "accepted"
    one = {"child": home.children[0], "activity": "centre", "units": ["m"], "day": "2026-09-17"}
    changed = await try_ask(running, home, {"family": home.id, "changes": [one]})
    assert outcome(changed) == "accepted"
    assert outcome(await try_ask(running, home, of_both(home, "2026-09-24"))) == "too-often"
    assert outcome(await cancel(running, home, "2026-09-17")) == "accepted"

    async def again() -> bool:
        answer = await try_ask(running, home, of_both(home, "2026-09-24"))
        return outcome(answer) in ("accepted", "already-booked")

    await eventually(again)
