"""Nothing that a client sends is believed: each probe, what it is answered, and what is left."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.booking.checked import findings
from tests.booking.helpers import holds, recap, session, states, try_ask
from tests.samples import (
    API,
    Household,
    activity,
    ask,
    decide,
    family,
    places,
    say_town,
    town_file,
)
from tests.world import Answer, World

DAY, NEXT = "2026-09-17", "2026-09-18"
EVE_AT_SIX = datetime(2026, 9, 16, 16, 0, tzinfo=UTC)
A_MINUTE_LATER = datetime(2026, 9, 16, 16, 1, tzinfo=UTC)


def care(number: int = 5, **changes: Any) -> Any:
    about = {"decision": "automatic", "places": places(number)} | changes
    return town_file(activities=[activity("garderie", **about)])


def asks(home: Household, day: str = DAY, **changes: Any) -> dict[str, Any]:
    """A basket of one day, with something changed in its line."""
    body = home.asks(day, activity="garderie")
    body["asked"][0] |= changes
    return body


def cancels(home: Household, child: str | None = None) -> dict[str, Any]:
    end = {"kind": "cancel", "child": child or home.children[0], "first": DAY}
    return {"family": home.id, "ends": [end]}


def why(answer: Answer) -> str:
    """Why nothing could be booked."""
    assert answer.status == 409, answer.json
    return str(answer.json["not_retained"][0]["reason"]["code"])


async def untouched(world: World) -> None:
    """Nothing was stored, nobody holds anything."""
    assert await world.store("booking").count("requests", {}) == 0
    assert await world.store("booking").count("sessions", {}) == 0


async def held(world: World, day: str = DAY) -> int:
    """How many places of a day are held; the database is sound."""
    assert await findings(world) == []
    return holds(await session(world, day, "garderie"))


async def test_past_the_deadline(running: World) -> None:
    """The recap was seen in time, the validation comes a minute late."""
    home = await family(running)
    await say_town(running, care(), version=2)
    running.move_to(EVE_AT_SIX)
    assert (await recap(running, home, asks(home))).json["lines"][0]["would"] == "accepted"
    running.move_to(A_MINUTE_LATER)
    assert why(await try_ask(running, home, asks(home))) == "too-late"
    await untouched(running)


async def test_the_last_place_asked_by_eight_at_once(running: World) -> None:
    await say_town(running, care(1), version=2)
    homes = [await family(running) for _ in range(8)]
    answers = await asyncio.gather(*(ask(running, home, asks(home)) for home in homes))
    lines = [answer.json["lines"][0] for answer in answers]
    assert sorted(line["state"] for line in lines) == ["accepted"] + ["refused"] * 7
    assert {line["reason"]["code"] for line in lines if line["reason"]} == {"full"}
    assert await held(running) == 1


@pytest.mark.parametrize("where", ["the basket", "its line"])
@pytest.mark.parametrize("name", ["price_cents", "total_cents", "price", "state", "quote"])
async def test_a_price_sent_by_the_client(running: World, where: str, name: str) -> None:
    home = await family(running)
    await say_town(running, care(), version=2)
    body = asks(home, **{name: 0}) if where == "its line" else asks(home) | {name: 0}
    answer = await try_ask(running, home, body)
    assert (answer.status, answer.json["code"]) == (422, "invalid-input")
    assert name in answer.json["field"]
    await untouched(running)


async def test_another_family_s_child_to_book(running: World) -> None:
    home, other = await family(running), await family(running)
    await say_town(running, care(), version=2)
    theirs = await try_ask(running, home, asks(home, child=other.children[0]))
    invented = await try_ask(running, home, asks(home, child="0" * 32))
    assert (theirs.status, theirs.json["code"]) == (404, "not-found")
    assert theirs.json == invented.json, "whether a child exists is nobody's business"
    as_them = await try_ask(running, home, asks(other))
    assert (as_them.status, as_them.json["code"]) == (403, "forbidden")
    await untouched(running)


async def test_another_family_s_child_to_cancel(running: World) -> None:
    home, other = await family(running), await family(running)
    await say_town(running, care(), version=2)
    theirs = (await ask(running, other, asks(other))).json["id"]
    of_mine = await try_ask(running, home, cancels(home, other.children[0]))
    assert (of_mine.status, of_mine.json["code"]) == (404, "not-found")
    assert (await try_ask(running, home, cancels(other))).status == 403
    path = f"{API}/veyras/requests/{theirs}/withdrawals"
    assert (await running.call("POST", path, token=home.token(running), json={})).status == 404
    assert await states(running, other, theirs) == ["accepted"]
    assert await held(running) == 1


async def test_the_same_day_twice(running: World) -> None:
    """In one basket, in two, and in four at once."""
    home = await family(running)
    await say_town(running, care(), version=2)
    once = await ask(running, home, home.asks_all([{"day": DAY}] * 2, activity="garderie"))
    assert [line["state"] for line in once.json["lines"]] == ["accepted"]
    assert why(await try_ask(running, home, asks(home))) == "already-booked"
    answers = await asyncio.gather(*(try_ask(running, home, asks(home, NEXT)) for _ in range(4)))
    taken = [one.json["lines"][0]["state"] for one in answers if one.status == 201]
    assert taken.count("accepted") == 1
    assert (await held(running), await held(running, NEXT)) == (1, 1)


@pytest.mark.parametrize(
    ("day", "code"),
    [
        ("2026-09-16", "no-service"),  # a Wednesday
        ("2026-09-19", "no-service"),
        ("2026-10-20", "school-holiday"),
        ("2026-11-11", "public-holiday"),
    ],
)
async def test_a_day_without_service(running: World, day: str, code: str) -> None:
    home = await family(running)
    await say_town(running, care(), version=2)
    assert why(await try_ask(running, home, asks(home, day))) == code
    await untouched(running)


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        ({"child": "0" * 32}, 404),
        ({"activity": "piscine"}, 422),
        ({"units": ["nuit"]}, 422),
        ({"quantity": 2}, 422),
        ({"day": "2026-02-30"}, 422),
    ],
)
async def test_one_bad_line_among_good_ones(
    running: World, bad: dict[str, Any], status: int
) -> None:
    """Nothing half done: the good lines are not kept either."""
    home = await family(running)
    await say_town(running, care(), version=2)
    good = home.asks_all([{"day": DAY}, {"day": NEXT}, {"day": "2026-09-21"}], activity="garderie")
    good["asked"][1] |= bad
    assert (await try_ask(running, home, good)).status == status
    await untouched(running)


async def test_no_session(running: World) -> None:
    """Without a token, with one that has run out or was signed by somebody else."""
    home = await family(running)
    await say_town(running, care(), version=2)
    token = home.token(running)
    tampered = token[:-6] + ("A" * 6 if token[-6:] != "A" * 6 else "B" * 6)
    for bearer in (None, "", "null", tampered, token.rpartition(".")[0] + "."):
        headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
        for path in ("requests", "recaps"):
            answer = await running.call(
                "POST", f"{API}/veyras/{path}", json=asks(home), headers=headers
            )
            assert answer.status == 401, bearer
    await untouched(running)


async def test_a_forged_town(running: World) -> None:
    """In the path, in the body, and in a token of another town that names this family."""
    home = await family(running)
    await say_town(running, care(), version=2)
    await say_town(running, town_file(town="andancette", activities=[activity("garderie")]))
    elsewhere = running.token("andancette", families={home.id: home.guardian})

    async def post(town: str, token: str, body: dict[str, Any]) -> Answer:
        return await running.call("POST", f"{API}/{town}/requests", token=token, json=body)

    assert (await post("veyras", elsewhere, asks(home))).status == 403
    assert (await post("andancette", home.token(running), asks(home))).status == 403
    assert (await post("andancette", elsewhere, asks(home))).status == 404
    named = await post("veyras", home.token(running), asks(home) | {"town": "andancette"})
    assert (named.status, named.json["code"]) == (422, "invalid-input")
    agent = running.token("andancette", roles=("administrator",))
    assert (await post("veyras", agent, asks(home))).status == 403
    await untouched(running)


async def test_a_line_edited_after_validation(running: World) -> None:
    """The same command with another body, and every way to write over what is stored."""
    home = await family(running)
    await say_town(running, care(), version=2)
    first = await ask(running, home, asks(home), key="validated-once")
    stored = await running.store("booking").get("requests", first.json["id"])
    for edited in (asks(home, NEXT), asks(home, child=home.children[1])):
        answer = await try_ask(running, home, edited, key="validated-once")
        assert (answer.status, answer.json["code"]) == (422, "idempotency-key-reused")
    path = f"{API}/veyras/requests/{first.json['id']}"
    for method in ("PUT", "PATCH", "POST", "DELETE"):
        answer = await running.call(method, path, token=home.token(running), json=asks(home, NEXT))
        assert answer.status == 405, method
    forged = {"decisions": [{"request": first.json["id"], "line": "1", "outcome": "accepted"}]}
    decided = await running.call(
        "POST", f"{API}/veyras/decisions", token=home.token(running), json=forged
    )
    assert decided.status == 403
    kept = await running.store("booking").get("requests", first.json["id"])
    assert stored is not None
    assert kept is not None
    assert kept["lines"] == stored["lines"]
    assert await held(running) == 1


async def test_a_late_first_attempt_after_a_cancellation(running: World) -> None:
    """The grant of a line that was cancelled meanwhile arrives after all: it takes no place, also
    when it is tried once more under the same key."""
    home, other = await family(running), await family(running)
    await say_town(running, care(1), version=2)
    first = await ask(running, home, asks(home), key="slow-line")
    await ask(running, home, cancels(home))
    booking = running.runner.running[0].service.state
    kept = await booking.store.request(first.json["id"])
    shapes = booking.shapes(await booking.towns.get("veyras"))
    late = await booking.places.grant("veyras", kept.id, kept.lines, shapes, lambda _line: ())
    assert [reason.code for reason in late.values()] == ["full"]
    assert (await ask(running, home, asks(home), key="slow-line")).json == first.json
    assert await held(running) == 0
    assert (await ask(running, other, asks(other))).json["lines"][0]["state"] == "accepted"
    assert await held(running) == 1


async def test_a_refused_line_is_not_revived_by_its_own_late_attempt(running: World) -> None:
    """An agent refuses what had its place; the attempt that took it comes again."""
    home = await family(running)
    await say_town(running, care(1), version=2)
    first = await ask(running, home, asks(home))
    booking = running.runner.running[0].service.state
    before = await booking.store.request(first.json["id"])
    await decide(running, [(first.json["id"], "1", "Dossier incomplet")])
    shapes = booking.shapes(await booking.towns.get("veyras"))
    late = await booking.places.grant("veyras", before.id, before.lines, shapes, lambda _line: ())
    assert [reason.code for reason in late.values()] == ["full"]
    assert await held(running) == 0
