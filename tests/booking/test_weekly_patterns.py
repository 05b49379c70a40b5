"""A weekly pattern, once accepted, becomes ordinary bookings over the period: all, and once."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.booking.commands.patterns import book_left_behind, book_pattern
from services.booking.domain.enrolment import EnrolmentWish, result_of
from services.booking.state import Booking
from services.booking.store.requests import LEFT_BEHIND
from shared.contracts.booking import BookingRequested, Reason
from shared.contracts.family import ChildRights, Guardian
from shared.failpoints import step
from shared.ids import new_id
from tests.booking.enrolments import (
    accept,
    answer_all,
    enrolled,
    enrolling,
    enrolling_town,
    enrolment,
    group,
    send,
    weekly,
)
from tests.booking.helpers import holds, planning, said, seen, session
from tests.samples import Household, activity, ask, decide, family, places, say_town
from tests.world import World, eventually

BREAK = step("tests.booking.enrolment.break")
#: Mondays and Tuesdays of four weeks, from Monday 14 September 2026, the day of the test, on.
SHORT = {"last": "2026-10-09", "patterns": ["casual", "weekly"]}
DAYS = [
    "2026-09-15", "2026-09-21", "2026-09-22", "2026-09-28", "2026-09-29", "2026-10-05",
    "2026-10-06",
]  # fmt: skip


def pattern(home: Household, child: int = 0, **changes: Any) -> dict[str, Any]:
    return enrolling(home, child, **weekly("tuesday", "monday", **changes))


def booking_of(world: World) -> Booking:
    state: Booking = world.runner.running[0].service.state
    return state


async def test_an_accepted_pattern_books_its_days_and_one_full_day_is_refused(
    running: World,
) -> None:
    await say_town(
        running,
        enrolling_town(
            group(**SHORT),
            activities=[activity("cantine", decision="automatic", places=places(1))],
        ),
        version=2,
    )
    home, rival = await family(running), await family(running)
    await accept(running, await enrolled(running, rival))
    await ask(running, rival, rival.asks("2026-09-22"))
    _id = await enrolled(running, home, pattern(home))
    assert (await enrolment(running, home, _id))["request"] is None
    assert await running.store("booking").count("requests", {"family": home.id}) == 0
    await accept(running, _id)
    found = await enrolment(running, home, _id)
    assert found["weekly"][0]["weekdays"] == [1, 2]
    request = await seen(running, home, found["request"])
    states = {line["date"]: line["state"] for line in request["lines"]}
    assert states == dict.fromkeys(DAYS, "accepted") | {"2026-09-22": "refused"}
    assert {one["date"]: one["reason"]["code"] for one in request["not_retained"]} == {
        "2026-09-14": "too-late"
    }
    (said_at_once,) = [one for one in await said(running, BookingRequested)
                       if one.family == home.id]  # fmt: skip
    assert (said_at_once.account, said_at_once.channel) == (home.account, "online")
    assert [(one.weekdays, one.last) for one in said_at_once.periods] == [
        ((1, 2), date(2026, 10, 9))
    ]
    days = await planning(running, home, "2026-09-21", "2026-09-22")
    assert [days["cantine", day]["status"] for day in ("2026-09-21", "2026-09-22")] == [
        "accepted", "refused",
    ]  # fmt: skip


async def test_a_pattern_that_agents_decide_waits_as_any_request(running: World) -> None:
    file = enrolling_town(group(**SHORT), activities=[activity("cantine")])
    await say_town(running, file, version=2)
    home = await family(running)
    _id = await enrolled(running, home, pattern(home))
    await accept(running, _id)
    request = (await enrolment(running, home, _id))["request"]
    lines = (await seen(running, home, request))["lines"]
    assert {line["state"] for line in lines} == {"requested"}
    await decide(running, [(request, line["line"], None) for line in lines])
    assert holds(await session(running, "2026-09-15")) == 1


async def test_accepted_twice_after_a_refusal_it_is_booked_once(running: World) -> None:
    await say_town(running, enrolling_town(group(**SHORT)), version=2)
    home = await family(running)
    _id = await enrolled(running, home, pattern(home))
    await answer_all(running, [(_id, "Dossier incomplet.")])
    assert await running.store("booking").count("requests", {}) == 0
    await accept(running, _id)
    first = (await enrolment(running, home, _id))["request"]
    await answer_all(running, [(_id, "Erreur.")])
    await accept(running, _id)
    assert (await enrolment(running, home, _id))["request"] == first
    assert await running.store("booking").count("requests", {}) == 1


async def crashed(world: World, _id: str, *, keep: bool) -> None:
    """As a process leaves an accepted enrolment that dies before it is booked, or before it has
    noted that it is (``keep`` the request)."""
    store = world.store("booking")
    if not keep:
        await store.delete(BREAK, "requests", {})
        await store.delete(BREAK, "sessions", {})
    long_ago = world.clock.machine() - 2 * LEFT_BEHIND
    await store.change(
        BREAK, "enrolments", _id, {},
        {"$set": {"unfinished": long_ago}, "$unset": {"request": ""}},
    )  # fmt: skip


async def test_what_a_crash_left_unbooked_is_booked_once(running: World) -> None:
    await say_town(running, enrolling_town(group(**SHORT)), version=2)
    home = await family(running)
    _id = await enrolled(running, home, pattern(home))
    await accept(running, _id)
    request = (await enrolment(running, home, _id))["request"]
    for keep in (True, False):

        async def drained() -> bool:
            waiting = {"pending.0.id": {"$exists": True}}
            return await running.store("booking").count("requests", waiting) == 0

        await eventually(drained)
        await crashed(running, _id, keep=keep)
        booking = booking_of(running)
        await asyncio.gather(*(book_left_behind(booking) for _ in range(4)))
        found = await enrolment(running, home, _id)
        assert (found["request"], found["unbooked"]) == (request, None)
        assert await running.store("booking").count("requests", {}) == 1
        assert {line["state"] for line in (await seen(running, home, request))["lines"]} == {
            "accepted"
        }
        assert [holds(await session(running, day)) for day in DAYS] == [1] * len(DAYS)
        kept = await running.store("booking").get("enrolments", _id)
        assert kept is not None
        assert "unfinished" not in kept


async def test_the_sweeper_books_by_itself(running: World) -> None:
    await say_town(running, enrolling_town(group(**SHORT)), version=2)
    home = await family(running)
    _id = await enrolled(running, home, pattern(home))
    await accept(running, _id)
    await crashed(running, _id, keep=True)

    async def booked() -> bool:
        return (await enrolment(running, home, _id))["request"] is not None

    await eventually(booked)


async def test_a_whole_year_of_three_activities_is_one_request(running: World) -> None:
    care = [activity(name, decision="automatic") for name in ("cantine", "matin", "soir")]
    names = [one["id"] for one in care]
    file = enrolling_town(
        group(activities=names, patterns=["weekly"], decision="automatic"), activities=care
    )
    await say_town(running, file, version=2)
    home = await family(running)
    days = ["monday", "tuesday", "thursday", "friday"]
    body = enrolling(
        home, pattern="weekly",
        weekly=[{"activity": name, "weekdays": days, "units": ["unit"]} for name in names],
    )  # fmt: skip
    sent = await send(running, home, body)
    assert sent.status == 201, sent.json
    request = await seen(
        running, home, (await enrolment(running, home, sent.json["id"]))["request"]
    )
    assert 3 * 125 <= len(request["lines"]) <= 3 * 145
    assert {line["state"] for line in request["lines"]} == {"accepted"}


async def test_a_pattern_of_which_nothing_can_be_booked_says_why(running: World) -> None:
    await say_town(running, enrolling_town(group(**SHORT)), version=2)
    home = await family(running)
    _id = await enrolled(running, home, pattern(home))
    running.move_to(datetime(2026, 10, 8, 8, 0, tzinfo=UTC))
    await accept(running, _id)
    found = await enrolment(running, home, _id)
    assert (found["state"], found["request"]) == ("accepted", None)
    assert found["unbooked"]["text"]


async def test_a_right_lost_meanwhile_books_nothing(running: World) -> None:
    await say_town(running, enrolling_town(group(**SHORT)), version=2)
    home = await family(running)
    _id = await enrolled(running, home, pattern(home))
    rights = tuple(
        ChildRights(child=child, see=True, decide=False, pay=False) for child in home.children
    )
    holder = Guardian(
        id=home.guardian, first_name="Anne", last_name="Martin", invoiced=True, rights=rights
    )
    await running.say(
        home.card().model_copy(update={"guardians": (holder,)}), f"families/{home.id}"
    )

    async def known() -> bool:
        card = await running.store("booking").get("copy_families", home.id)
        return card is not None and not card["guardians"][0]["rights"][0]["decide"]

    await eventually(known)
    await accept(running, _id)
    assert (await enrolment(running, home, _id))["unbooked"]["code"] == "forbidden"


async def test_a_pattern_is_checked_as_bookings_are(running: World) -> None:
    two = [{"id": "m", "name": "Matin"}, {"id": "repas", "name": "Repas", "meal": True}]
    centre = activity(
        "centre", units=two, relations={"implies": [{"unit": "repas", "any_of": ["m"]}]},
        places=[{"id": "p", "units": ["m", "repas"], "capacity": 9, "source": "test"}],
    )  # fmt: skip
    sorties = activity("sorties", desk_only="Pour les sorties, adressez-vous à l'accueil.")
    others = activity("etude", eligible={"from_age": 15})
    file = enrolling_town(
        group(**SHORT | {"activities": ["centre", "sorties", "etude"]}),
        activities=[centre, sorties, others, activity("cantine")],
    )
    await say_town(running, file, version=2)
    home = await family(running)
    for changes, status, code in (
        ({"activity": "cantine"}, 422, "invalid-input"),
        ({"activity": "centre", "units": ["nuit"]}, 422, "invalid-input"),
        ({"activity": "centre", "units": ["repas"]}, 422, "units-not-combined"),
        ({"activity": "sorties"}, 409, "desk-only"),
        ({"activity": "etude"}, 409, "not-eligible"),
        ({"activity": "centre", "units": ["m"], "quantity": 2}, 422, "invalid-input"),
        ({"activity": "centre", "units": ["m", "repas"]}, 201, None),
    ):
        answer = await send(running, home, pattern(home, **changes))
        assert (answer.status, answer.json.get("code")) == (status, code), changes
    one = {"activity": "centre", "weekdays": ["monday"], "units": ["m"]}
    twice = enrolling(home, 1, pattern="weekly", weekly=[one, one])
    assert (await send(running, home, twice)).json["code"] == "invalid-input"


async def test_a_late_decision_is_not_about_what_was_sent_since(running: World) -> None:
    await say_town(running, enrolling_town(group(**SHORT)), version=2)
    home = await family(running)
    known = await booking_of(running).enrolments.one(await enrolled(running, home))
    assert known is not None
    before = known.requested_at - timedelta(seconds=1)
    no = Reason(code="agent", text="Non.")
    for wish in (EnrolmentWish(accept=True), EnrolmentWish(accept=False, reason=no)):
        assert result_of(known, wish, new_id(), before, offered=True) == "already-decided"
    accepting = EnrolmentWish(accept=True)
    later = known.requested_at + timedelta(seconds=1)
    assert result_of(known, accepting, new_id(), later, offered=True) == "accepted"
    assert result_of(known, accepting, new_id(), later, offered=False) == "not-offered"
    assert await book_pattern(booking_of(running), known) == known, "nothing to be booked"
