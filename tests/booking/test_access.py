"""Nothing a client sends is believed, and a family reaches its own alone."""

from __future__ import annotations

import asyncio
from typing import Any

from services.booking.api import ROUTES as BOOKING
from services.notify.api import ROUTES as NOTIFY
from shared.contracts.family import ChildRights, Guardian
from shared.web.routes import Route
from tests.booking.enrolments import answer_all, enrolled, enrolling, group
from tests.booking.helpers import (
    holds,
    seen,
    session,
    try_ask,
)
from tests.samples import (
    API,
    Household,
    activity,
    ask,
    decide,
    family,
    places,
    say_household,
    say_town,
    town_file,
)
from tests.world import World, eventually


async def nothing_stored(world: World) -> bool:
    return await world.store("booking").count("requests", {}) == 0


BAD: list[tuple[dict[str, Any], str]] = [
    ({"activity": "piscine"}, "/asked/0/activity"),
    ({"units": ["nuit"]}, "/asked/0/units"),
    ({"price_cents": 1}, "/asked/0/price_cents"),
    ({"day": None}, "/asked/0"),
    ({"day": "2026-02-30"}, "/asked/0/day"),
    ({"day": "9999-12-31"}, "/asked/0/day"),
    ({"child": "../x"}, "/asked/0/child"),
    ({"units": [{"$gt": ""}]}, "/asked/0/units/0"),
]


async def test_bad_input_names_its_field_and_stores_nothing(running: World) -> None:
    home = await family(running)
    for change, field in BAD:
        body = home.asks("2026-09-17")
        body["asked"][0] |= change
        answer = await try_ask(running, home, body)
        assert (answer.status, answer.json["code"]) == (422, "invalid-input"), change
        assert field in str(answer.json)
    assert await nothing_stored(running)


async def test_a_price_or_a_state_sent_by_the_client_is_refused(running: World) -> None:
    home = await family(running)
    for extra in ({"total_cents": 0}, {"state": "accepted"}, {"town": "autre"}):
        answer = await try_ask(running, home, {**home.asks("2026-09-17"), **extra})
        assert answer.status == 422
    assert await nothing_stored(running)


async def test_past_deadline_and_closed_day_at_validation(running: World) -> None:
    home = await family(running)
    for day, code in (("2026-09-14", "too-late"), ("2026-09-19", "no-service")):
        answer = await try_ask(running, home, home.asks(day))
        assert answer.status == 409
        assert answer.json["not_retained"][0]["reason"]["code"] == code
    assert await nothing_stored(running)


async def test_one_bad_line_among_good_ones_leaves_nothing_half_done(running: World) -> None:
    home, other = await family(running), await family(running)
    good, bad = home.asks("2026-09-17"), other.asks("2026-09-17")
    answer = await try_ask(
        running, home, {"family": home.id, "asked": good["asked"] + bad["asked"]}
    )
    assert answer.status == 404
    assert await nothing_stored(running)
    assert await running.store("booking").count("sessions", {}) == 0


async def test_the_same_day_twice_is_one_place(running: World) -> None:
    home = await family(running)
    when = [{"day": "2026-09-17"}, {"day": "2026-09-17"}]
    done = await ask(running, home, home.asks_all(when))
    assert len(done.json["lines"]) == 1
    again = await try_ask(running, home, home.asks("2026-09-17"))
    assert again.json["not_retained"][0]["reason"]["code"] == "already-booked"
    both = home.asks_all([{"day": "2026-09-17"}, {"day": "2026-09-18"}])
    partly = await ask(running, home, both)
    assert [line["date"] for line in partly.json["lines"]] == ["2026-09-18"]
    days = ("2026-09-21", "2026-09-22", "2026-09-24", "2026-09-25")
    for day in days:
        rivals = await asyncio.gather(*(try_ask(running, home, home.asks(day)) for _ in range(4)))
        kept = [one for one in rivals if one.status == 201]
        assert sum(line["state"] == "requested" for r in kept for line in r.json["lines"]) == 1
        assert holds(await session(running, day)) == 1


async def test_eight_families_and_one_last_place(running: World) -> None:
    few = activity("garderie", decision="automatic", places=places(1))
    await say_town(running, town_file(activities=[few]), version=2)
    homes = [await family(running) for _ in range(8)]
    for day in ("2026-09-17", "2026-09-18", "2026-09-21"):
        answers = await asyncio.gather(
            *(ask(running, home, home.asks(day, activity="garderie")) for home in homes)
        )
        states = [answer.json["lines"][0]["state"] for answer in answers]
        assert sorted(states) == ["accepted"] + ["refused"] * 7
        reasons = {a.json["lines"][0]["reason"]["code"] for a in answers
                   if a.json["lines"][0]["reason"]}  # fmt: skip
        assert reasons == {"full"}
        assert holds(await session(running, day, "garderie")) == 1
        assert (await session(running, day, "garderie"))["left"] == {"places": 0}


def guardian(rights: tuple[ChildRights, ...]) -> Guardian:
    return Guardian(id="b" * 32, first_name="Luc", last_name="Petit", invoiced=False, rights=rights)


async def test_a_guardian_acts_and_sees_within_their_rights(running: World) -> None:
    home = Household()
    first, second = home.children
    luc = guardian(
        (
            ChildRights(child=first, see=True, decide=False, pay=False),
            ChildRights(child=second, see=False, decide=False, pay=True),
        )
    )
    await say_household(running, home)
    await running.say(home.card((luc,)), f"families/{home.id}")

    async def known() -> bool:
        card = await running.store("booking").get("copy_families", home.id)
        return card is not None and len(card["guardians"]) == 2

    await eventually(known)
    token = running.token(families={home.id: luc.id})
    refused = await try_ask(running, home, home.asks("2026-09-17"), token=token)
    assert (refused.status, refused.json["code"]) == (403, "forbidden")
    seen_by_both = await ask(running, home, home.asks("2026-09-17"))
    hidden = await ask(running, home, home.asks("2026-09-17", child=1))

    async def get(path: str) -> Any:
        return await running.call("GET", f"{API}/veyras/{path}", token=token)

    listed = (await get("requests")).json["items"]
    assert [one["id"] for one in listed] == [seen_by_both.json["id"]]
    assert (await get(f"requests/{hidden.json['id']}")).status == 404
    days = "first=2026-09-14&last=2026-09-20"
    assert (await get(f"planning?family={home.id}&child={first}&{days}")).status == 200
    assert (await get(f"planning?family={home.id}&child={second}&{days}")).status == 403
    together = await get(f"family-planning?family={home.id}&{days}")
    assert [one["child"] for one in together.json["participants"]] == [first, luc.id]


def body_for(route: Route, home: Household, target: str) -> Any:
    if route.path.endswith("/proofs"):
        return {"kind": "medical-certificate", "documents": ["a" * 32]}
    if route.path in ("/decisions", "/proof-decisions"):
        seen = {"revision": 1} if route.path == "/proof-decisions" else {}
        return {"decisions": [{"request": target, "line": "1", "outcome": "accepted", **seen}]}
    if route.path == "/enrolment-decisions":
        return {"decisions": [{"enrolment": target, "outcome": "accepted"}]}
    if route.path.endswith("/withdrawals"):
        return {}
    if route.path == "/rule-trials":
        return {"file": "town: x", "activity": "canteen", "action": "book", "date": "2026-09-18"}
    if route.path == "/enrolments":
        return enrolling(home, 1) if route.method == "POST" else None
    return home.asks("2026-09-18") if route.method == "POST" else None


def path_for(service: str, route: Route, home: Household, target: str, town: str) -> str:
    path = f"/api/{service}/v1/{town}{route.path}"
    path = path.replace("{request}", target).replace("{enrolment}", target)
    about = f"?family={home.id}&child={home.children[0]}"
    days = "first=2026-09-14&last=2026-09-20"
    if route.path == "/planning":
        path += f"{about}&{days}"
    if route.path == "/family-planning":
        path += f"?family={home.id}&{days}"
    if (route.method, route.path) == ("GET", "/enrolments"):
        path += about
    return path


def ids(answer: Any) -> list[str]:
    """The ids of the items of a listing."""
    return [one["id"] for one in answer.get("items", ())]


#: What any account may ask for is its own: tests/scenarios.
OWN = [("GET", "/personal-data"), ("GET", "/personal-data.pdf")]
WALK = [("booking", route) for route in BOOKING if (route.method, route.path) not in OWN]


def test_the_walk_knows_every_route() -> None:
    """A new route of booking or notify has to be thought of here and in notify's tests."""
    assert [(route.method, route.path) for route in BOOKING] == [
        ("GET", "/activities"), ("GET", "/answers"), ("GET", "/planning"),
        ("GET", "/family-planning"), ("POST", "/recaps"), ("POST", "/requests"),
        ("GET", "/requests"), ("GET", "/requests/{request}"),
        ("POST", "/requests/{request}/withdrawals"), ("POST", "/decisions"),
        ("POST", "/requests/{request}/proofs"), ("POST", "/proof-decisions"),
        ("GET", "/enrolments"), ("POST", "/enrolments"), ("GET", "/enrolments/{enrolment}"),
        ("POST", "/enrolments/{enrolment}/withdrawals"), ("GET", "/enrolment-requests"),
        ("POST", "/enrolment-decisions"), ("POST", "/rule-trials"), *OWN,
    ]  # fmt: skip
    letter = ("GET", "/mails/{mail}/letter")
    assert [(route.method, route.path) for route in NOTIFY] == [("GET", "/mails"), letter, *OWN]


async def test_every_route_with_every_wrong_bearer(running: World) -> None:
    free = [group(compulsory=False)]
    for version, town in ((2, "veyras"), (1, "andancette")):
        await say_town(running, town_file(town=town, enrolments=free), version=version)
    home, stranger = await family(running), await family(running)
    request = (await ask(running, home, home.asks("2026-09-17"))).json["id"]
    enrolment = await enrolled(running, home)
    targets = {route.path: enrolment for route in BOOKING if "enrolment" in route.path}
    stored = {"pending": 0, "seq": 0, "v": 0}

    async def everything() -> Any:
        store = running.store("booking")
        return [
            await store.find(name, {}, projection=stored) for name in ("requests", "enrolments")
        ]

    before = await everything()
    their = stranger.token(running)
    elsewhere = running.token("andancette", families={home.id: home.guardian})
    agent_elsewhere = running.token("andancette", roles=("administrator",))
    reader = running.token(roles=("read_only",))
    forged = their[:-4] + ("AAAA" if their[-4:] != "AAAA" else "BBBB")
    for service, route in WALK:

        async def call(
            token: str | None, town: str = "veyras",
            target: str = targets.get(route.path, request), *,
            route: Route = route, service: str = service,
        ) -> Any:  # fmt: skip
            return await running.call(
                route.method, path_for(service, route, home, target, town), token=token,
                json=body_for(route, home, target),
            )  # fmt: skip

        for token in (None, "garbage", forged):
            assert (await call(token)).status == 401, route.path
        for token in (elsewhere, agent_elsewhere):
            assert (await call(token)).status == 403, route.path
            if route.path != "/activities":
                there = await call(token, town="andancette")
                # An agent of that town is told that its own file is wrong.
                assert there.status in (200, 403, 404, 422), (route.path, there.json)
                assert not {request, enrolment} & set(ids(there.json))
        if route.path in ("/activities", "/requests", "/enrolment-requests"):
            mine = await call(their)
            assert not {request, enrolment} & set(ids(mine.json))
            continue
        here, nowhere = await call(their), await call(their, target="0" * 32)
        assert here.status in (403, 404), route.path
        assert (here.status, here.json["code"]) == (nowhere.status, nowhere.json["code"])
    for route in (r for r in BOOKING if r.method == "POST"):
        answer = await running.call(
            "POST", path_for("booking", route, home, request, "veyras"), token=reader,
            json=body_for(route, home, request),
        )  # fmt: skip
        assert answer.status == 403
    assert await everything() == before
    foreign = await decide(running, [(request, "1", None)], town="andancette")
    assert foreign.json["results"][0]["result"] == "not-found"
    foreign = await answer_all(running, [(enrolment, None)], town="andancette")
    assert foreign.json["results"][0]["result"] == "not-found"
    assert (await seen(running, home, request))["lines"][0]["state"] == "requested"


async def test_another_family_s_child_cannot_be_booked_or_planned(running: World) -> None:
    home, other = await family(running), await family(running)
    mixed = {"family": home.id, "asked": other.asks("2026-09-17")["asked"]}
    assert (await try_ask(running, home, mixed)).status == 404
    theirs = other.asks("2026-09-17")
    invented = {**theirs, "family": "0" * 32}
    answers = [await try_ask(running, home, body) for body in (theirs, invented)]
    assert [(one.status, one.json["code"]) for one in answers] == [(403, "forbidden")] * 2
    assert await nothing_stored(running)
