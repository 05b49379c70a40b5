"""Agents decide: one, many, twice, two at once, resumed, and what is said of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from services.booking.domain.places import Shape
from services.booking.service import build
from shared.contracts.booking import (
    BookingAccepted,
    BookingRefused,
    BookingRequested,
    DecidedUpTo,
    DecisionsCompleted,
)
from shared.failpoints import step
from tests.booking.helpers import (
    holds,
    planning,
    said,
    seen,
    session,
    states,
    try_ask,
)
from tests.samples import API, activity, ask, decide, family, places, say_town, town_file
from tests.world import World, eventually

PUT_BACK = step("tests.put-back")


def results(answer: Any) -> list[str]:
    return [one["result"] for one in answer.json["results"]]


async def test_one_command_answers_for_each_line(running: World) -> None:
    home, other = await family(running), await family(running)
    one = (await ask(running, home, home.asks("2026-09-17"))).json["id"]
    two = (await ask(running, other, other.asks("2026-09-17"))).json["id"]
    token = running.token(roles=("childcare_office",))
    lines = [
        (one, "1", None), (two, "1", "Effectif complet."), (two, "9", None), ("0" * 32, "1", None),
    ]  # fmt: skip
    answer = await decide(
        running,
        lines,
        key="bulk-command", token=token,
    )  # fmt: skip
    assert results(answer) == ["accepted", "refused", "not-found", "not-found"]
    assert (await seen(running, other, two))["lines"][0]["reason"]["text"] == "Effectif complet."
    assert holds(await session(running, "2026-09-17")) == 1

    async def through() -> bool:
        return [event.lines for event in await said(running, DecisionsCompleted)] == [2]

    await eventually(through)
    accepted, refused = await said(running, BookingAccepted), await said(running, BookingRefused)
    assert (len(accepted), len(refused)) == (1, 1)
    assert accepted[0].decided_at == refused[0].decided_at
    assert accepted[0].batch == refused[0].batch is not None

    again = await decide(
        running,
        lines,
        key="bulk-command", token=token,
    )  # fmt: skip
    assert again.json == answer.json
    reused = await running.call(
        "POST", f"{API}/veyras/decisions", token=token, key="bulk-command",
        json={"decisions": [{"request": one, "line": "1", "outcome": "accepted"}]},
    )  # fmt: skip
    assert (reused.status, reused.json["code"]) == (422, "idempotency-key-reused")
    assert len(await said(running, BookingAccepted)) == 1


async def test_the_same_line_twice_or_a_refusal_without_reason_is_bad_input(
    running: World,
) -> None:
    home = await family(running)
    request = (await ask(running, home, home.asks("2026-09-17"))).json["id"]
    line = {"request": request, "line": "1"}
    for decisions in (
        [{**line, "outcome": "accepted"}, {**line, "outcome": "refused", "reason": "Non"}],
        [{**line, "outcome": "refused"}],
        [{**line, "outcome": "refused", "reason": " "}],
    ):
        answer = await running.call(
            "POST", f"{API}/veyras/decisions", json={"decisions": decisions},
            token=running.token(roles=("childcare_office",)),
        )  # fmt: skip
        assert answer.status == 422
    assert await states(running, home, request) == ["requested"]


async def test_refused_then_accepted_takes_a_place_anew_or_says_full(running: World) -> None:
    few = activity("cantine", places=places(1))
    await say_town(running, town_file(activities=[few]), version=2)
    home, other = await family(running), await family(running)
    mine = (await ask(running, home, home.asks("2026-09-17"))).json["id"]
    await decide(running, [(mine, "1", "Dossier incomplet")])
    assert holds(await session(running, "2026-09-17")) == 0
    theirs = (await ask(running, other, other.asks("2026-09-17"))).json["id"]
    assert results(await decide(running, [(mine, "1", None)])) == ["full"]
    assert await states(running, home, mine) == ["refused"]
    await decide(running, [(theirs, "1", "Désistement")])
    assert results(await decide(running, [(mine, "1", None)])) == ["accepted"]
    assert results(await decide(running, [(theirs, "1", None)])) == ["full"]
    await decide(running, [(mine, "1", "Encore non")])
    assert results(await decide(running, [(mine, "1", None)])) == ["accepted"]
    full = await session(running, "2026-09-17")
    assert (holds(full), full["left"]) == (1, {"places": 0})
    again = await try_ask(running, home, home.asks("2026-09-17"))
    assert again.json["not_retained"][0]["reason"]["code"] == "already-booked"
    days = await planning(running, home, "2026-09-17", "2026-09-17")
    assert days["cantine", "2026-09-17"]["state"] == "accepted"


async def test_two_agents_decide_the_same_line_at_once(running: World) -> None:
    home = await family(running)
    loose = activity("cantine", hold_while_waiting=False)
    await say_town(running, town_file(activities=[loose]), version=2)
    for day in ("2026-09-17", "2026-09-18", "2026-09-21", "2026-09-22"):
        request = (await ask(running, home, home.asks(day))).json["id"]
        yes, no = await asyncio.gather(
            decide(running, [(request, "1", None)]), decide(running, [(request, "1", "Non")])
        )
        state = (await states(running, home, request))[0]
        assert holds(await session(running, day)) == (1 if state == "accepted" else 0)
        last = max((yes, "accepted"), (no, "refused"), key=lambda one: one[0].json["decided_at"])
        assert state == last[1] or results(last[0]) == ["already-decided"]
        same = await asyncio.gather(*(decide(running, [(request, "1", "Non")]) for _ in range(3)))
        assert [one for r in same for one in results(r)].count("refused") <= 1
        assert await states(running, home, request) == ["refused"]


async def test_a_command_left_half_done_is_resumed(running: World) -> None:
    """As a crash between two requests leaves it: the batch is open, one request is decided."""
    home, other = await family(running), await family(running)
    requests = [
        (await ask(running, one, one.asks(day))).json["id"]
        for one, day in ((home, "2026-09-17"), (other, "2026-09-17"), (home, "2026-09-18"))
    ]
    token = running.token(roles=("childcare_office",))
    lines = [(request, "1", "Complet") for request in requests]
    first = await decide(running, lines, key="resumed-one", token=token)
    store = running.store("booking")
    batch = await store.first("batches", {"agent": {"$exists": True}})
    assert batch is not None
    await store.change(
        PUT_BACK, "batches", batch["_id"], {}, {"$set": {"open": True}, "$unset": {"results": ""}}
    )
    undecided = {"state": "requested", "held": True, "hold": 1}
    line = (await store.get("requests", requests[2]) or {})["lines"][0]
    kept = {key: line[key] for key in ("id", "child", "activity", "date", "units")}
    await store.change(
        PUT_BACK, "requests", requests[2], {}, {"$set": {"lines": [{**kept, **undecided}]}}
    )
    # Meanwhile another agent has decided the second otherwise: a later decision stands.
    await decide(running, [(requests[1], "1", None)])
    again = await decide(running, lines, key="resumed-one", token=token)
    assert again.json["decided_at"] == first.json["decided_at"]
    assert results(again) == ["refused", "already-decided", "refused"]
    assert await states(running, other, requests[1]) == ["accepted"]
    assert await states(running, home, requests[2]) == ["refused"]


async def test_the_same_command_twice_at_once_answers_the_same(running: World) -> None:
    """As if a place had come free between the two: the first to end is believed."""
    home = await family(running)
    request = (await ask(running, home, home.asks("2026-09-17"))).json["id"]
    answer = await decide(running, [(request, "1", None)])
    batch = await running.store("booking").first("batches", {"agent": {"$exists": True}})
    assert batch is not None
    late = [{"request": request, "line": "1", "result": "full"}]
    kept = await running.runner.running[0].service.state.store.close_batch(
        batch["_id"], "veyras", 9, late
    )
    assert kept == {"version": answer.json["version"], "results": answer.json["results"]}


async def test_what_a_crash_left_half_done_is_finished_by_the_sweeper(running: World) -> None:
    """A request stored and not settled, with a place taken; an acceptance tried, not written."""
    home = await family(running)
    store = running.store("booking")
    asked = (await ask(running, home, home.asks("2026-09-17", activity="garderie"))).json["id"]
    tried = (await ask(running, home, home.asks("2026-09-18"))).json["id"]
    await decide(running, [(tried, "1", "Non")])
    long_ago = running.clock.machine() - timedelta(minutes=1)
    line = (await store.get("requests", asked) or {})["lines"][0]
    unsettled = {key: line[key] for key in ("id", "child", "activity", "date", "units")}
    await store.change(
        PUT_BACK, "requests", asked, {},
        {"$set": {"lines": [{**unsettled, "state": "asked", "hold": 1}],
                  "unfinished": long_ago}},
    )  # fmt: skip
    booking = next(r.service.state for r in running.runner.running)
    line = (await store.get("requests", tried) or {})["lines"][0]
    await store.change(
        PUT_BACK, "requests", tried, {},
        {"$set": {"lines.0.trying": True, "unfinished": long_ago}},
    )  # fmt: skip
    stored = await booking.store.request(tried)
    town = await booking.towns.get("veyras")
    shapes = {a.id: Shape(a, town.heard) for a in town.file.activities}
    taken = await booking.places.grant("veyras", tried, stored.lines, shapes, lambda _line: ())
    assert list(taken.values()) == [None]
    assert holds(await session(running, "2026-09-18")) == 1

    async def finished() -> bool:
        return await store.count("requests", {"unfinished": {"$exists": True}}) == 0

    await eventually(finished)
    assert await states(running, home, asked) == ["accepted"]
    assert holds(await session(running, "2026-09-17", "garderie")) == 1
    assert await states(running, home, tried) == ["refused"]
    assert holds(await session(running, "2026-09-18")) == 0
    assert results(await decide(running, [(tried, "1", None)])) == ["accepted"]


async def test_lines_of_an_activity_that_is_gone_can_still_be_refused(running: World) -> None:
    home = await family(running)
    waiting = (await ask(running, home, home.asks("2026-09-17"))).json["id"]
    refused = (await ask(running, home, home.asks("2026-09-18"))).json["id"]
    await decide(running, [(refused, "1", "Non")])
    await say_town(running, town_file(activities=[activity("garderie")]), version=2)
    assert results(await decide(running, [(refused, "1", None)])) == ["not-offered"]
    assert results(await decide(running, [(waiting, "1", "Activité supprimée")])) == ["refused"]
    assert holds(await session(running, "2026-09-17")) == 0


async def test_decided_up_to_is_said_each_minute_after_what_was_decided(running: World) -> None:
    home = await family(running)
    await ask(running, home, home.asks("2026-09-17", activity="garderie"))
    running.move_to(datetime(2026, 9, 14, 8, 1, 1, tzinfo=UTC))

    async def last() -> datetime | None:
        found = await said(running, DecidedUpTo)
        return found[-1].instant if found else None

    async def said_ten_one() -> bool:
        return await last() == datetime(2026, 9, 14, 8, 1, tzinfo=UTC)

    await eventually(said_ten_one)
    assert len(await said(running, BookingRequested)) == 1
    assert [event.instant.minute for event in await said(running, DecidedUpTo)].count(1) == 1


async def test_two_processes_say_the_same(running: World) -> None:
    """The two builds share a store, as two replicas do."""
    other = build(running.runner.running[0].parts)
    home = await family(running)
    request = (await ask(running, home, home.asks("2026-09-17"))).json["id"]
    kept = await other.state.store.request(request)
    assert kept.number == "2026-000001"
    assert await other.state.store.number("veyras", 2026) == "2026-000051"
