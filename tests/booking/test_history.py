"""The list of requests beside the planning: by child, each with all that happened to it."""

from __future__ import annotations

from typing import Any

from shared.contracts.family import ChildRights, Guardian
from shared.ids import new_id
from tests.booking.helpers import try_ask
from tests.samples import API, Household, activity, ask, decide, family, places, say_town, town_file
from tests.world import World, eventually

DAY = "2026-09-17"


async def history(
    world: World, home: Household, request: str, *, token: str | None = None
) -> list[dict[str, Any]]:
    answer = await world.call(
        "GET", f"{API}/veyras/requests/{request}", token=token or home.token(world)
    )
    assert answer.status == 200, answer.json
    found: list[dict[str, Any]] = answer.json["history"]
    return found


def told(acts: list[dict[str, Any]]) -> list[tuple[str, str, list[str]]]:
    return [(act["what"], act["by"], act["lines"]) for act in acts]


async def test_every_decision_stays_with_its_reason(running: World) -> None:
    home = await family(running)
    days = [{"day": "2026-09-17"}, {"day": "2026-09-18"}]
    request = (await ask(running, home, home.asks_all(days))).json["id"]
    agent_account = new_id()
    agent = running.token(roles=("childcare_office",), account=agent_account)
    await decide(running, [(request, "1", None), (request, "2", "Complet.")], token=agent)
    await decide(running, [(request, "1", "Erreur.")], token=agent)
    await decide(running, [(request, "1", None)], token=agent)
    acts = await history(running, home, request)
    assert told(acts) == [
        ("asked", "family", ["1", "2"]), ("accepted", "agent", ["1"]),
        ("refused", "agent", ["2"]), ("refused", "agent", ["1"]), ("accepted", "agent", ["1"]),
    ]  # fmt: skip
    assert [act["reason"] for act in acts] == [None, None, "Complet.", "Erreur.", None]
    assert [act["at"] for act in acts] == sorted(act["at"] for act in acts)
    assert {act["account"] for act in acts} == {home.account, None}
    for_agents = await history(running, home, request, token=agent)
    assert {act["account"] for act in for_agents[1:]} == {agent_account}


async def test_what_a_rule_decided_and_what_the_family_took_back(running: World) -> None:
    loose = activity("cantine", hold_while_waiting=False)
    file = town_file(activities=[activity("garderie", decision="automatic", places=places(1)),
                                 loose])  # fmt: skip
    await say_town(running, file, version=2)
    home, other = await family(running), await family(running)
    await ask(running, other, other.asks(DAY, activity="garderie"))
    both = home.asks(DAY)["asked"] + home.asks(DAY, activity="garderie")["asked"]
    answer = await ask(running, home, {"family": home.id, "asked": both})
    lines = {line["activity"]: line["line"] for line in answer.json["lines"]}
    request = answer.json["id"]
    await running.call(
        "POST", f"{API}/veyras/requests/{request}/withdrawals", token=home.token(running), json={}
    )
    acts = await history(running, home, request)
    assert told(acts) == [
        ("asked", "family", sorted(lines.values())), ("refused", "rule", [lines["garderie"]]),
        ("withdrawn", "family", [lines["cantine"]]),
    ]  # fmt: skip
    assert acts[1]["reason"] == "Il n'y a plus de place ce jour-là."
    assert acts[2]["account"] == home.account


async def test_a_booking_says_by_which_request_it_ended(running: World) -> None:
    two = [{"id": "unit", "name": "Repas"}, {"id": "sans", "name": "Sans viande"}]
    rules = activity("garderie")["deadlines"]
    care = activity(
        "garderie", decision="automatic", units=two, relations={"excludes": [["unit", "sans"]]},
        places=[{"id": "places", "units": ["unit", "sans"], "capacity": 9, "source": "test"}],
        deadlines=rules | {"change": rules["book"]},
    )  # fmt: skip
    await say_town(running, town_file(activities=[care]), version=2)
    home = await family(running)
    child = home.children[0]
    first = (await ask(running, home, home.asks(DAY, activity="garderie"))).json
    change = {"child": child, "activity": "garderie", "day": DAY, "units": ["sans"]}
    changed = (await ask(running, home, {"family": home.id, "changes": [change]})).json
    end = {"kind": "cancel", "child": child, "first": DAY}
    agent = running.token(roles=("childcare_office",))
    ended = (await try_ask(running, home, {"family": home.id, "ends": [end]}, token=agent)).json

    async def both_told() -> bool:
        found = [await history(running, home, one["id"]) for one in (first, changed)]
        return [len(acts) for acts in found] == [3, 3]

    await eventually(both_told)
    (act,) = (await history(running, home, first["id"]))[2:]
    assert (act["what"], act["by"], act["request"], act["number"]) == (
        "changed", "family", changed["id"], changed["number"],
    )  # fmt: skip
    (act,) = (await history(running, home, changed["id"]))[2:]
    assert (act["what"], act["by"], act["number"], act["account"]) == (
        "cancelled", "agent", ended["number"], None,
    )  # fmt: skip
    assert told(await history(running, home, ended["id"])) == [
        ("asked", "agent", ["1"]), ("accepted", "rule", ["1"]),
    ]  # fmt: skip


async def test_the_list_by_child_shows_what_its_reader_may_see(running: World) -> None:
    home = await family(running)
    first, second = home.children
    luc = Guardian(
        id=new_id(), first_name="Luc", last_name="Petit", invoiced=False,
        rights=(ChildRights(child=second, see=True, decide=False, pay=False),),
    )  # fmt: skip
    await running.say(home.card((luc,)), f"families/{home.id}")

    async def known() -> bool:
        card = await running.store("booking").get("copy_families", home.id)
        return card is not None and len(card["guardians"]) == 2

    await eventually(known)
    of_both = {"family": home.id,
               "asked": home.asks(DAY)["asked"] + home.asks(DAY, child=1)["asked"]}  # fmt: skip
    both = (await ask(running, home, of_both)).json["id"]
    one = (await ask(running, home, home.asks("2026-09-18"))).json["id"]
    await decide(running, [(both, "1", None)])

    async def listed(query: str, token: str) -> list[str]:
        answer = await running.call("GET", f"{API}/veyras/requests?{query}", token=token)
        assert answer.status == 200, answer.json
        return [found["id"] for found in answer.json["items"]]

    anne, theirs = home.token(running), running.token(families={home.id: luc.id})
    assert await listed(f"child={first}", anne) == [one, both]
    assert await listed(f"child={second}", anne) == [both]
    assert await listed(f"child={first}&state=accepted", anne) == [both]
    assert await listed(f"child={second}&state=accepted", anne) == [], "accepted for the other"
    assert await listed(f"child={first}", theirs) == []
    assert await listed(f"child={second}", theirs) == [both]
    assert told(await history(running, home, both, token=theirs)) == [("asked", "family", ["2"])]
