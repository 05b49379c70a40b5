"""*Mes demandes*: every request in one list, to those who may see it, with what is new."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.booking.service import build as build_booking
from services.family.commands.importing import import_families
from services.family.domain.feed import Reach, is_news, overall, seen_by, unread
from services.family.domain.household import family_id, member_id
from services.family.service import build as build_family
from services.family.service import state_of
from services.family.store.feed import FEED
from shared.contracts.booking import RequestChanged
from shared.contracts.requests import RequestAct, RequestCard, RequestPart
from tests.family.test_spreadsheet import CHILD, CO_HOLDER, HEADER, HOLDER
from tests.operators import preau
from tests.samples import Household, activity, ask, decide, say_town, town_file
from tests.world import START, Answer, StartWorld, World, envelope, eventually

FAMILY = family_id("veyras", "12")
ANNE, PAUL, ZOE, TOM = (member_id(FAMILY, number) for number in "1235")
HIDDEN = CHILD.replace(";3;", ";5;").replace("Zoé", "Tom").replace(";voir;", ";aucun;")
FILE = HEADER + HOLDER + CO_HOLDER + CHILD + HIDDEN
BASE = "/api/family/v1/veyras"
COURSE = activity("natation", eligible={"children": False, "adults": True})
#: Anne's and Paul's accounts: read marks are each their own.
ACCOUNTS = {ANNE: "a" * 32, PAUL: "b" * 32}


@pytest.fixture
async def running(start_world: StartWorld) -> AsyncIterator[World]:
    async with start_world({"family": build_family, "booking": build_booking}) as it:
        await say_town(it, town_file())
        family = state_of(it.of("family").parts)
        await import_families(family, "veyras", FILE.encode())

        async def heard() -> bool:
            return await it.store("booking").get("copy_families", FAMILY) is not None

        await eventually(heard, what="booking knows the family")
        yield it


def household(guardian: str = ANNE) -> Household:
    """The family as its guardian's front end knows it."""
    return Household(
        id=FAMILY, account=ACCOUNTS[guardian], guardian=guardian, children=(ZOE, TOM)
    )  # fmt: skip


async def get(
    running: World, path: str, guardian: str = ANNE, *, status: int = 200
) -> dict[str, Any]:
    answer = await running.call("GET", BASE + path, token=household(guardian).token(running))
    assert answer.status == status, answer.json
    found: dict[str, Any] = answer.json
    return found


async def listed(running: World, query: str = "", guardian: str = ANNE) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await get(running, f"/feed{query}", guardian))["items"]
    return found


async def in_state(running: World, request: str, state: str) -> dict[str, Any]:
    """The line of a request, once the feed knows it so."""

    async def shown() -> dict[str, Any] | None:
        found = {one["request"]: one for one in await listed(running)}
        line = found.get(request)
        return line if line and line["state"] == state else None

    line: dict[str, Any] = await eventually(shown, what=f"{request} is {state}")
    return line


async def mark(running: World, line: dict[str, Any], guardian: str = ANNE) -> Answer:
    token = household(guardian).token(running)
    return await running.call(
        "PUT", f"{BASE}/feed/{line['request']}/read", token=token,
        json={"until": line["changed_at"]},
    )  # fmt: skip


async def test_a_request_is_followed_from_asking_to_the_answer_that_is_read(running: World) -> None:
    request = (await ask(running, household(), household().asks("2026-09-21"))).json
    line = await in_state(running, request["id"], "waiting")
    assert (line["number"], line["kinds"], line["unread"]) == (request["number"], ["booking"], 0)
    assert [(p["child"], p["about"], p["first"]) for p in line["parts"]] == [
        (ZOE, ["cantine"], "2026-09-21")
    ]
    assert await get(running, "/feed-counters") == {"unread": 0, "waiting": 1}

    await decide(running, [(request["id"], request["lines"][0]["line"], "Le bus est complet.")])
    line = await in_state(running, request["id"], "refused")
    assert line["unread"] == 1
    assert await get(running, "/feed-counters") == {"unread": 1, "waiting": 0}
    entry = await get(running, f"/feed/{request['id']}")
    assert [(act["what"], act["by"], act["reason"]) for act in entry["history"]] == [
        ("asked", "family", None), ("refused", "agent", "Le bus est complet."),
    ]  # fmt: skip
    assert [one["request"] for one in await listed(running, "?unread=true")] == [request["id"]]

    assert (await mark(running, line)).status == 204
    assert (await in_state(running, request["id"], "refused"))["unread"] == 0
    assert await listed(running, "?unread=true") == []
    assert (await listed(running, "?unread=true", PAUL))[0]["unread"] == 1, "Paul has not read it"


async def test_what_an_adult_asks_for_themselves_is_in_their_own_list_alone(
    running: World,
) -> None:
    await say_town(running, town_file(activities=[COURSE]), 2)
    asked = household().asks("2026-09-21", activity="natation")
    asked["asked"][0]["child"] = ANNE
    request = (await ask(running, household(), asked)).json["id"]
    line = await in_state(running, request, "waiting")
    assert [part["child"] for part in line["parts"]] == [ANNE]
    assert [one["request"] for one in await listed(running, f"?child={ANNE}")] == [request]
    assert await listed(running, guardian=PAUL) == []
    await get(running, f"/feed/{request}", PAUL, status=404)
    agent = running.token(roles=("childcare_office",))
    seen = await running.call("GET", f"{BASE}/feed?family={FAMILY}", token=agent)
    assert [one["request"] for one in seen.json["items"]] == [request]


async def test_a_guardian_sees_nothing_of_a_child_they_may_not_see(running: World) -> None:
    both = household().asks("2026-09-21")
    both["asked"] += household().asks("2026-09-22", child=1)["asked"]
    shared = (await ask(running, household(), both)).json["id"]
    toms = (await ask(running, household(), household().asks("2026-09-24", child=1))).json["id"]
    await in_state(running, shared, "waiting")
    await in_state(running, toms, "waiting")

    (line,) = await listed(running, guardian=PAUL)
    assert [part["child"] for part in line["parts"]] == [ZOE]
    entry = await get(running, f"/feed/{shared}", PAUL)
    assert {child for act in entry["history"] for child in act["children"]} == {ZOE}
    assert TOM not in str(entry)
    await get(running, f"/feed/{toms}", PAUL, status=404)
    assert (await mark(running, {"request": toms, "changed_at": START.isoformat()}, PAUL)).status \
        == 404  # fmt: skip
    assert await get(running, "/feed-counters", PAUL) == {"unread": 0, "waiting": 1}
    assert await listed(running, f"?child={TOM}", PAUL) == []
    assert len(await listed(running, f"?child={TOM}")) == 2


async def test_the_list_is_filtered_and_comes_in_pages_newest_first(running: World) -> None:
    made = []
    for day in (21, 22, 24):
        running.move_to(START + timedelta(minutes=day))
        answer = await ask(running, household(), household().asks(f"2026-09-{day}"))
        made.append(answer.json["id"])
    running.move_to(START + timedelta(hours=1))
    garderie = household().asks("2026-09-24", child=1, activity="garderie")
    automatic = (await ask(running, household(), garderie)).json["id"]
    await in_state(running, automatic, "accepted")
    await in_state(running, made[-1], "waiting")
    newest_first = [automatic, *reversed(made)]
    assert [one["request"] for one in await listed(running)] == newest_first

    paged, after = [], ""
    for _ in range(2):
        page = await get(running, f"/feed?limit=2{after}")
        paged += [one["request"] for one in page["items"]]
        after = f"&after={page['next']}"
    assert paged == newest_first
    assert [one["request"] for one in await listed(running, "?state=accepted")] == [automatic]
    assert len(await listed(running, "?kind=booking&state=waiting")) == 3
    assert await listed(running, "?kind=letter") == []
    assert (await get(running, "/feed-counters"))["unread"] == 0, "told at once is not news"
    await get(running, f"/feed?after={'0' * 32}", status=422)


async def test_an_agent_reads_a_familys_list_and_names_the_family(running: World) -> None:
    request = (await ask(running, household(), household().asks("2026-09-21"))).json["id"]
    await in_state(running, request, "waiting")
    agent = running.token(roles=("read_only",))
    found = await running.call("GET", f"{BASE}/feed?family={FAMILY}", token=agent)
    assert [one["request"] for one in found.json["items"]] == [request]
    assert (await running.call("GET", f"{BASE}/feed/{request}", token=agent)).status == 200
    unnamed = await running.call("GET", f"{BASE}/feed", token=agent)
    assert (unnamed.status, unnamed.json["field"]) == (422, "?/family")


async def test_a_lost_feed_is_filled_again_and_keeps_what_was_read(running: World) -> None:
    request = (await ask(running, household(), household().asks("2026-09-21"))).json
    await decide(running, [(request["id"], request["lines"][0]["line"], None)])
    line = await in_state(running, request["id"], "accepted")
    await mark(running, line)
    store = running.store("family")
    kept = await store.get(FEED, request["id"])
    await store._database[FEED].update_one({"_id": request["id"]}, {"$set": {"number": "wrong"}})
    assert (await preau("republish", "booking"))[0] == 0

    async def again() -> bool:
        return (await store.get(FEED, request["id"]) or {})["number"] == request["number"]

    await eventually(again, what="the card is said again")
    now = await store.get(FEED, request["id"])
    assert kept is not None
    assert now is not None
    assert {**now, "heard": kept["heard"]} == kept

    await store._database[FEED].delete_many({})
    await preau("republish", "booking")
    assert (await in_state(running, request["id"], "accepted"))["parts"] == line["parts"]


async def test_the_feed_is_the_same_in_whatever_order_cards_come(running: World) -> None:
    """Each order of three cards, each said twice."""
    feed = running.state("family").feed
    cards = [_card("waiting"), _card("refused", said=1), _card("accepted", said=2)]
    for number, order in enumerate(itertools.permutations(range(3))):
        request = f"{number:032x}"
        for position in (*order, *reversed(order)):
            card = cards[position].model_copy(update={"request": request})
            said = envelope(
                card, f"requests/{request}", town="veyras", time=START, sequence=position + 1
            )  # fmt: skip
            await feed.keep(said, card)
        line = next(one for one in await listed(running) if one["request"] == request)
        assert (line["state"], line["unread"]) == ("accepted", 2)


def _card(state: Any, *, said: int = 0) -> RequestChanged:
    acts = [
        RequestAct(at=START + timedelta(hours=n), what="accepted", by="agent", children=(ZOE,))
        for n in range(said)
    ]
    return RequestChanged(
        request="r" * 32, kinds=("booking",), number="2026-000001", family=FAMILY,
        account=ACCOUNTS[ANNE], channel="online", requested_at=START,
        parts=(RequestPart(child=ZOE, about=("cantine",), first=date(2026, 9, 21),
                           last=date(2026, 9, 21), states={state: 1}),),
        history=(RequestAct(at=START, what="asked", by="family", children=(ZOE,)), *acts),
    )  # fmt: skip


async def test_no_feed_route_answers_the_wrong_bearer(running: World) -> None:
    request = (await ask(running, household(), household().asks("2026-09-21"))).json["id"]
    await in_state(running, request, "waiting")
    body = {"until": START.isoformat()}
    for method, path in (
        ("GET", f"/feed?family={FAMILY}"), ("GET", f"/feed/{request}"),
        ("PUT", f"/feed/{request}/read"), ("GET", f"/feed-counters?family={FAMILY}"),
    ):  # fmt: skip
        for token in (
            None,
            running.token("andancette", families={FAMILY: ANNE}),
            running.token("andancette", roles=("administrator",)),
            running.token(),
            running.token(families={"f" * 32: ANNE}),
            running.token(roles=("canteen_staff",)),
        ):
            answer = await running.call(
                method, BASE + path, token=token, json=body if method == "PUT" else None
            )  # fmt: skip
            assert answer.status in (401, 403, 404), (path, answer.json)


CHILDREN = st.sampled_from(["c1", "c2", "c3", None])
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 2, 1), timezones=st.just(UTC))  # noqa: DTZ001
ACTS = st.builds(
    RequestAct, at=INSTANTS, what=st.sampled_from(["asked", "accepted", "refused", "withdrawn"]),
    by=st.sampled_from(["family", "rule", "agent"]),
    children=st.lists(CHILDREN, min_size=1, max_size=3, unique=True).map(tuple),
)  # fmt: skip
STATES = st.dictionaries(
    st.sampled_from(["waiting", "accepted", "refused"]), st.integers(1, 3), min_size=1
)
PARTS = st.lists(
    st.builds(RequestPart, child=CHILDREN, states=STATES), min_size=1, max_size=4,
    unique_by=lambda part: part.child,
)  # fmt: skip
CARDS = st.builds(
    RequestCard, request=st.just("r"), kinds=st.just(("booking",)), number=st.none(),
    family=st.sampled_from(["f1", "f2"]), account=st.none(), channel=st.just("online"),
    guardian=st.sampled_from([None, "g1", "g2"]), requested_at=INSTANTS, parts=PARTS.map(tuple),
    history=st.lists(ACTS, max_size=6).map(tuple),
)  # fmt: skip
REACHES = st.builds(
    Reach,
    names=st.dictionaries(st.sampled_from(["c1", "c2", "c3"]), st.just(frozenset({"c1"}))),
    families=st.frozensets(st.sampled_from(["f1", "f2"])),
    guardians=st.none() | st.frozensets(st.sampled_from(["g1", "g2"])),
)  # fmt: skip


@given(CARDS, REACHES)
def test_what_is_shown_is_within_reach_and_whole(card: RequestCard, reach: Reach) -> None:
    seen = seen_by(card, reach)
    for part in card.parts:
        shown = seen is not None and part in seen.parts
        may = part.child in reach.children if part.child else card.family in reach.families
        meant = card.guardian is None or reach.guardians is None or card.guardian in reach.guardians
        assert shown == (may and meant)
    if seen is not None:
        shown_children = {part.child for part in seen.parts}
        assert {child for act in seen.history for child in act.children} <= shown_children
        assert len(seen.history) == sum(
            bool(set(a.children) & shown_children) for a in card.history
        )


@given(CARDS, INSTANTS)
def test_reading_until_the_last_act_leaves_nothing_unread(card: RequestCard, at: datetime) -> None:
    assert unread(card, None) == sum(is_news(act) for act in card.history)
    assert unread(card, max((act.at for act in card.history), default=at)) == 0
    assert unread(card, at) <= unread(card, None)


@given(CARDS)
def test_what_waits_in_part_waits_as_a_whole(card: RequestCard) -> None:
    states = {state for part in card.parts for state in part.states}
    assert (overall(card) == "waiting") == ("waiting" in states)
    assert overall(card) == "partly" or overall(card) in states
    due = [part.model_copy(update={"to_pay": 1}) for part in card.parts]
    assert overall(card.model_copy(update={"parts": tuple(due)})) == "to_pay"
