"""A family asks: planning, recap, requests, what is not retained, the same act repeated."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.contracts.booking import BookingAccepted, BookingRequested
from tests.booking.checked import findings
from tests.booking.helpers import (
    holds,
    planning,
    recap,
    said,
    seen,
    session,
    states,
    try_ask,
)
from tests.samples import activity, ask, decide, family, places, say_town, town_file
from tests.world import World, eventually

WEEK = {"first": "2026-09-21", "last": "2026-09-27", "weekdays": ["monday", "tuesday", "sunday"]}


async def test_the_planning_shows_what_is_booked_and_what_is_closed(running: World) -> None:
    home = await family(running)
    asked = await ask(running, home, home.asks("2026-09-17"))
    days = await planning(running, home, "2026-09-14", "2026-09-20")
    assert sorted({day for _, day in days}) == [
        "2026-09-14", "2026-09-15", "2026-09-17", "2026-09-18",
    ]  # fmt: skip
    booked = days["cantine", "2026-09-17"]
    assert (booked["state"], booked["request"]) == ("requested", asked.json["id"])
    assert (booked["booking_locked"], booked["cancel_locked"]) == (False, False)
    assert not booked["book"]["allowed"]
    assert booked["cancel"]["until"] == "2026-09-16T18:00:00+02:00"
    free = days["cantine", "2026-09-18"]
    assert (free["state"], free["places_left"], free["booking_locked"]) == (None, 50, False)
    today = days["cantine", "2026-09-14"]
    assert today["booking_locked"]
    assert "close depuis le dimanche 13 septembre 2026 à 18 h" in today["book"]["explanation"]
    other = await planning(running, home, "2026-09-17", "2026-09-17", child=1)
    assert other["cantine", "2026-09-17"]["places_left"] == 49


async def test_padlock_and_no_entry_sign_change_with_the_minute_of_the_cut_off(
    running: World,
) -> None:
    home = await family(running)
    await ask(running, home, home.asks("2026-09-17"))
    for minute, second, locked in ((17, 59, False), (18, 58, False), (18, 61, True)):
        moment = datetime(2026, 9, 16, minute - 2, 0, tzinfo=UTC).timestamp() + second
        running.move_to(datetime.fromtimestamp(moment, UTC))
        days = await planning(running, home, "2026-09-17", "2026-09-17")
        assert days["cantine", "2026-09-17"]["cancel_locked"] is locked
        assert days["garderie", "2026-09-17"]["booking_locked"] is locked


@pytest.mark.parametrize("mode", ["garderie", "cantine"])
async def test_a_recap_is_what_validation_does(running: World, mode: str) -> None:
    await say_town(
        running,
        town_file(
            activities=[
                activity("cantine", places=places(1)),
                activity("garderie", decision="automatic", places=places(1)),
            ]
        ),
        version=2,
    )
    other, home = await family(running), await family(running)
    await ask(running, other, other.asks("2026-09-22", activity=mode))
    common = {"activity": mode, "units": ["unit"]}
    body: dict[str, Any] = {
        "family": home.id,
        "asked": [
            {**common, "child": home.children[0], "period": WEEK},
            {**common, "child": home.children[1], "period": WEEK},
            {**common, "child": home.children[0], "day": "2026-09-14"},
            {**common, "child": home.children[0], "day": "2026-09-21"},
        ],
    }
    foreseen = (await recap(running, home, body)).json
    assert await running.store("booking").count("requests", {"family": home.id}) == 0
    done = (await ask(running, home, body)).json
    told = {(one["child"], one["date"]): one["would"] for one in foreseen["lines"]}
    became = {(one["child"], one["date"]): one["state"] for one in done["lines"]}
    assert told == became
    taken = "accepted" if mode == "garderie" else "requested"
    assert sorted(became.values()) == sorted([taken, "refused", "refused", "refused"])
    assert foreseen["not_retained"] == done["not_retained"]
    reasons = {one["date"]: one["reason"]["code"] for one in done["not_retained"]}
    assert reasons == {"2026-09-27": "no-service", "2026-09-14": "too-late"}
    again = (await recap(running, home, body)).json
    assert {one["reason"]["code"] for one in again["not_retained"]} == {
        "no-service", "too-late", "already-booked",
    }  # fmt: skip


async def test_what_the_school_and_the_calendar_exclude_is_not_retained(running: World) -> None:
    await say_town(
        running,
        town_file(
            schools=[{"id": "tilleuls", "name": "T"}, {"id": "ormes", "name": "O"}],
            activities=[
                activity("cantine"), activity("etude", eligible={"schools": ["ormes"]}),
                activity("garderie", horizon_days=10),
            ],
        ),
        version=2,
    )  # fmt: skip
    home = await family(running)

    async def why(day: str, name: str = "cantine") -> str:
        answer = await try_ask(running, home, home.asks(day, activity=name))
        assert answer.status == 409
        assert answer.json["code"] == "nothing-bookable"
        code: str = answer.json["not_retained"][0]["reason"]["code"]
        return code

    assert await why("2026-09-17", "etude") == "not-eligible"
    assert await why("2026-09-25", "garderie") == "too-early"
    assert await why("2026-10-20") == "school-holiday"
    assert await why("2026-11-11") == "public-holiday"
    assert await why("2026-09-16") == "no-service"
    assert await why("2026-09-14") == "too-late"
    assert await why("2030-09-12") == "calendar-unknown"
    assert await running.store("booking").count("requests", {}) == 0
    assert await running.store("booking").count("sessions", {}) == 0


async def test_the_same_act_repeated_has_one_effect_and_one_answer(running: World) -> None:
    home = await family(running)
    body = home.asks("2026-09-17", activity="garderie")
    first = await ask(running, home, body, key="double-click")
    again = await ask(running, home, body, key="double-click")
    assert again.json == first.json
    await decide(running, [(first.json["id"], "1", "Erreur de saisie")])
    assert await states(running, home, first.json["id"]) == ["refused"]
    later = await ask(running, home, body, key="double-click")
    assert later.json == first.json
    other = await try_ask(running, home, home.asks("2026-09-18"), key="double-click")
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")
    assert len(await said(running, BookingRequested)) == 1


async def test_identical_posts_that_race_are_one_request(running: World) -> None:
    home = await family(running)
    for day in ("2026-09-17", "2026-09-18", "2026-09-21", "2026-09-22"):
        body = home.asks(day, activity="garderie")
        answers = await asyncio.gather(
            *(try_ask(running, home, body, key=f"race-{day}") for _ in range(8))
        )
        assert {answer.status for answer in answers} == {201}
        assert all(answer.json == answers[0].json for answer in answers)
        assert holds(await session(running, day, "garderie")) == 1
    assert await running.store("booking").count("requests", {}) == 4

    async def all_said() -> bool:
        return len(await said(running, BookingAccepted)) == 4

    await eventually(all_said)
    assert len(await said(running, BookingRequested)) == 4


async def test_numbers_differ_and_name_the_year_of_the_town(running: World) -> None:
    homes = [await family(running) for _ in range(3)]
    answers = await asyncio.gather(
        *(ask(running, home, home.asks(day)) for home in homes for day in
          ("2026-09-17", "2026-09-18", "2026-09-21"))
    )  # fmt: skip
    numbers = {answer.json["number"] for answer in answers}
    assert len(numbers) == 9
    assert all(number.startswith("2026-0000") for number in numbers)
    running.move_to(datetime(2026, 12, 31, 23, 30, tzinfo=UTC))  # already 2027 in Paris
    later = await ask(running, homes[0], homes[0].asks("2027-01-05"))
    assert later.json["number"] == "2027-000001"


async def test_a_waiting_request_without_a_hold_is_asked_once(running: World) -> None:
    loose = activity("cantine", hold_while_waiting=False, places=places(1))
    await say_town(running, town_file(activities=[loose]), version=2)
    home, other = await family(running), await family(running)
    first = await ask(running, home, home.asks("2026-09-17"))
    rival = await ask(running, other, other.asks("2026-09-17"))
    assert holds(await session(running, "2026-09-17")) == 0
    twice = await try_ask(running, home, home.asks("2026-09-17"))
    assert twice.json["not_retained"][0]["reason"]["code"] == "already-asked"
    told = (await recap(running, home, home.asks("2026-09-17"))).json
    assert told["not_retained"] == twice.json["not_retained"]
    both = await decide(running, [(first.json["id"], "1", None), (rival.json["id"], "1", None)])
    assert sorted(one["result"] for one in both.json["results"]) == ["accepted", "full"]
    assert holds(await session(running, "2026-09-17")) == 1
    results = {one["request"]: one["result"] for one in both.json["results"]}
    winner, loser = (
        (first.json["id"], rival.json["id"])
        if results[first.json["id"]] == "accepted"
        else (rival.json["id"], first.json["id"])
    )
    await decide(running, [(winner, "1", "Désistement")])
    assert holds(await session(running, "2026-09-17")) == 0
    assert (await decide(running, [(loser, "1", None)])).json["results"][0]["result"] == "accepted"


async def test_what_waits_for_an_agent_takes_a_place_by_the_same_rule_in_either_case(
    running: World,
) -> None:
    """An activity that decides by itself, but leaves late requests to an agent, without a hold."""
    eve = {"anchor": "day", "days_before": 1, "time": "18:00"}
    late = {"until": {"anchor": "day", "days_before": 0, "time": "09:00"}, "outcome": "ask_agent"}
    rule = {"id": "eve", "valid_from": "2020-01-01", "source": "test", "cutoff": eve,
            "after": [late]}  # fmt: skip
    care = activity(
        "garderie", decision="automatic", hold_while_waiting=False, places=places(1),
        deadlines={"book": [rule], "cancel": []},
    )  # fmt: skip
    await say_town(running, town_file(activities=[care]), version=2)
    home, other = await family(running), await family(running)
    running.move_to(datetime(2026, 9, 17, 6, 0, tzinfo=UTC))
    wish = home.asks("2026-09-17", activity="garderie")
    (foreseen,) = (await recap(running, home, wish)).json["lines"]
    first = await ask(running, home, wish)
    assert foreseen["would"] == first.json["lines"][0]["state"] == "requested"
    assert holds(await session(running, "2026-09-17", "garderie")) == 0
    twice = await try_ask(running, home, wish)
    assert twice.json["not_retained"][0]["reason"]["code"] == "already-asked"
    await decide(running, [(first.json["id"], "1", "Trop tard")])
    assert (await session(running, "2026-09-17", "garderie"))["left"] == {"places": 1}
    assert await findings(running) == []
    rival = await ask(running, other, other.asks("2026-09-17", activity="garderie"))
    results = (await decide(running, [(rival.json["id"], "1", None)])).json["results"]
    assert [one["result"] for one in results] == ["accepted"]
    assert await findings(running) == []


async def test_requests_come_in_pages_newest_first(running: World) -> None:
    home = await family(running)
    days = ("2026-09-17", "2026-09-18", "2026-09-21", "2026-09-22", "2026-09-24")
    ids = [(await ask(running, home, home.asks(day))).json["id"] for day in days]
    pages: list[str] = []
    after = ""
    while True:
        answer = await running.call(
            "GET", f"/api/booking/v1/veyras/requests?limit=2{after}", token=home.token(running)
        )
        pages += [one["id"] for one in answer.json["items"]]
        if answer.json["next"] is None:
            break
        after = f"&after={answer.json['next']}"
    assert pages == ids[::-1]
    assert (await seen(running, home, ids[0]))["number"].startswith("2026-")
    await decide(running, [(ids[2], "1", None)])
    waiting = f"/api/booking/v1/veyras/requests?state=requested&after={ids[2]}"
    following = (await running.call("GET", waiting, token=home.token(running))).json
    assert [one["id"] for one in following["items"]] == ids[1::-1], "decided since it was listed"


async def test_a_list_does_not_begin_again_after_what_is_not_in_reach(running: World) -> None:
    home, other = await family(running), await family(running)
    theirs = (await ask(running, other, other.asks("2026-09-17"))).json["id"]
    await ask(running, home, home.asks("2026-09-17"))
    for after in (theirs, "0" * 32, "page-2", ""):
        answer = await running.call(
            "GET", f"/api/booking/v1/veyras/requests?after={after}", token=home.token(running)
        )
        assert (answer.status, answer.json["code"]) == (422, "cursor-unknown"), after
        assert answer.json["field"] == "?/after"


async def test_a_whole_year_is_one_request(running: World) -> None:
    home = await family(running)
    year = {"first": "2026-09-15", "last": "2027-07-02",
            "weekdays": ["monday", "tuesday", "thursday", "friday"]}  # fmt: skip
    done = await ask(running, home, home.asks_all([{"period": year}], activity="garderie"))
    assert {line["state"] for line in done.json["lines"]} == {"accepted"}
    assert 125 <= len(done.json["lines"]) <= 145
    too_many = home.asks_all([{"period": year}] * 3, activity="garderie")
    answer = await try_ask(running, home, too_many)
    assert (answer.status, answer.json["code"]) == (422, "too-many-dates")
