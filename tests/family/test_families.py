"""Families over HTTP: imports, households, what others may not see."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.demo.generator import generate
from services.family.api import ROUTES, addresses, documents, letters, news, uploads
from services.family.commands.importing import ImportReport, import_families
from services.family.domain.household import family_id
from services.family.service import build, state_of
from services.family.state import State
from services.family.store.families import FAMILIES, states_of
from shared.contracts.family import FamilyChanged
from shared.errors import Refused
from shared.store import Document
from tests.family.test_spreadsheet import CHILD, CO_HOLDER, CONTACT, HEADER, HOLDER
from tests.operators import Done, preau
from tests.samples import say_town, town_file
from tests.world import StartWorld, World, eventually

HIDDEN = CHILD.replace(";3;", ";5;").replace("Zoé", "Tom").replace(";voir;", ";aucun;")
FILE = HEADER + HOLDER + CO_HOLDER + CHILD + HIDDEN + CONTACT
OTHER = HEADER + (HOLDER + CO_HOLDER + CHILD).replace("12;", "13;").replace("D'Éon", "Duprénom")
FAMILY = family_id("veyras", "12")
BASE = "/api/family/v1/veyras"
#: What the routes that change something are sent by the wrong bearers.
BODIES = {
    "/families/{family}/changes": {"changes": [{"act": "remove", "member": "m"}]},
    "/change-decisions": {"decisions": [{"change": "c", "outcome": "accepted"}]},
    "/families/{family}/guardians/{guardian}/measures": {"reason": "motif"},
    "/registrations/{registration}/decision": {"outcome": "accepted"},
    "/registration": {"draft": {}, "version": 0},
    "/feed/{request}/read": {"until": "2026-09-14T10:00:00Z"},
    "/families/{family}/merges": {"source": "f"},
    "/families/{family}/splits": {"guardians": ["g"], "reference": "12B"},
    "/families/{family}/transfers": {
        "target": "f",
        "children": ["c"],
        "rights": [{"guardian": "g", "see": True, "decide": True, "pay": True}],
    },
}
#: Walked, or asked by wrong bearers, in the tests of their own.
ELSEWHERE = [
    *addresses.ROUTES, *documents.ROUTES, *letters.ROUTES, *news.ROUTES, *uploads.ROUTES
]  # fmt: skip
#: What routes answer whose families have nothing.
NOTHING = {
    "/household": {"households": []},
    "/feed": {"items": [], "next": None},
    "/feed-counters": {"unread": 0, "waiting": 0},
}


@pytest.fixture
async def running(start_world: StartWorld) -> AsyncIterator[World]:
    async with start_world({"family": build}) as started:
        await say_town(started, town_file())
        await eventually(lambda: answered(started), what="keys heard of")
        yield started


async def answered(running: World) -> bool:
    token = running.token(roles=("administrator",))
    return (await running.call("GET", f"{BASE}/families?search=zz", token=token)).status == 200


def state(running: World) -> State:
    return state_of(running.of("family").parts)


async def load(running: World, text: str, *, dry_run: bool = False) -> ImportReport:
    return await import_families(state(running), "veyras", text.encode(), dry_run=dry_run)


async def stored(running: World) -> list[Document]:
    return await running.store("family").find(FAMILIES, {}, sort=[("_id", 1)])


async def test_the_same_file_twice_changes_nothing_and_a_corrected_one_updates(
    running: World,
) -> None:
    first = await load(running, FILE)
    assert (first.created, first.changed, first.unchanged, first.stored) == (1, 0, 0, True)
    (before,) = await stored(running)
    assert before["seq"] == 1, "the card is said in the write that creates the family"
    again = await load(running, FILE)
    assert (again.created, again.changed, again.unchanged) == (0, 0, 1)
    (same,) = await stored(running)
    assert same["v"] == before["v"]
    corrected = await load(running, FILE.replace("Zoé", "Zoë"))
    assert (corrected.created, corrected.changed, corrected.unchanged) == (0, 1, 0)
    (after,) = await stored(running)
    assert (after["seq"], after["children"][0]["first_name"]) == (2, "Zoë")
    (card,) = states_of(after)
    assert isinstance(card, FamilyChanged)
    assert card.children[0].first_name == "Zoë"


async def test_a_file_with_a_problem_stores_nothing(running: World) -> None:
    report = await load(running, FILE + OTHER.removeprefix(HEADER).replace("CE1", "XX"))
    assert [(p.line, p.column) for p in report.problems] == [(9, "niveau")]
    assert not report.stored
    assert await stored(running) == []


async def test_a_dry_run_counts_and_stores_nothing(running: World) -> None:
    report = await load(running, FILE, dry_run=True)
    assert (report.created, report.stored) == (1, False)
    assert await stored(running) == []


async def test_families_absent_from_a_file_stay(running: World) -> None:
    await load(running, FILE)
    await load(running, OTHER)
    assert len(await stored(running)) == 2


async def test_two_imports_at_once_leave_each_family_once(running: World) -> None:
    text = generate(7, "veyras", "tilleuls", 60)
    reports = await asyncio.gather(*(load(running, text) for _ in range(4)))
    assert all(report.stored for report in reports)
    documents = await stored(running)
    assert len(documents) == 60
    assert all(document["v"] == 1 for document in documents)


async def test_an_unknown_town_is_refused(running: World) -> None:
    with pytest.raises(Refused) as refused:
        await import_families(state(running), "ailleurs", FILE.encode())
    assert refused.value.status == 404


async def test_a_guardian_reads_their_household_and_only_the_children_they_may_see(
    running: World,
) -> None:
    await load(running, FILE)
    await load(running, OTHER)
    (document,) = [d for d in await stored(running) if d["_id"] == FAMILY]
    holder, co_holder = (guardian["id"] for guardian in document["guardians"])

    whole = await running.call(
        "GET", f"{BASE}/household", token=running.token(families={FAMILY: holder})
    )
    (household,) = whole.json["households"]
    assert (household["me"], household["reference"]) == (holder, "12")
    assert [c["first_name"] for c in household["children"]] == ["Zoé", "Tom"]
    assert [c["last_name"] for c in household["contacts"]] == ["Faure"]
    assert [g["role"] for g in household["guardians"]] == ["holder", "co_holder"]
    assert household["guardians"][0]["address"]["street"] == "1 rue"

    token = running.token(families={FAMILY: co_holder})
    part = await running.call("GET", f"{BASE}/household", token=token)
    assert [c["first_name"] for c in part.json["households"][0]["children"]] == ["Zoé"]
    by_id = await running.call("GET", f"{BASE}/families/{FAMILY}", token=token)
    assert [c["first_name"] for c in by_id.json["children"]] == ["Zoé"]


async def test_a_guardian_removed_from_the_file_reads_nothing_more(running: World) -> None:
    await load(running, FILE)
    (document,) = await stored(running)
    token = running.token(families={FAMILY: document["guardians"][1]["id"]})
    await load(running, HEADER + HOLDER + CHILD.replace(";voir;", ";;"))
    gone = await running.call("GET", f"{BASE}/household", token=token)
    assert gone.json == {"households": []}
    assert (await running.call("GET", f"{BASE}/families/{FAMILY}", token=token)).status == 404


async def test_anothers_family_answers_like_one_that_does_not_exist(running: World) -> None:
    await load(running, FILE)
    other = running.token(families={"f" * 32: "g" * 32})
    theirs = await running.call("GET", f"{BASE}/families/{FAMILY}", token=other)
    nobodys = await running.call("GET", f"{BASE}/families/{'0' * 32}", token=other)
    assert theirs.status == nobodys.status == 404
    assert theirs.json == nobodys.json
    agent_elsewhere = running.token("andancette", roles=("administrator",))
    path = f"/api/family/v1/andancette/families/{FAMILY}"
    assert (await running.call("GET", path, token=agent_elsewhere)).status == 404


@pytest.mark.parametrize("text", ["eon", "ZO", "zoé d'é", "12", "anne laure"])
async def test_an_agent_finds_a_family_by_the_beginning_of_words(running: World, text: str) -> None:
    await load(running, FILE)
    await load(running, OTHER)
    token = running.token(roles=("childcare_office",))
    found = await running.call("GET", f"{BASE}/families?search={text}", token=token)
    assert "12" in [line["reference"] for line in found.json["families"]]
    line = next(one for one in found.json["families"] if one["reference"] == "12")
    assert line["holder"] == "D'Éon Anne-Laure"
    assert line["children"] == ["D'Éon Zoé", "D'Éon Tom"]


async def test_a_list_calls_families_and_their_people_by_name(running: World) -> None:
    await load(running, FILE)
    (document,) = await stored(running)
    token = running.token(roles=("read_only",))
    path = f"{BASE}/family-names?family={FAMILY}&family={'0' * 32}"
    (found,) = (await running.call("GET", path, token=token)).json["items"]
    assert (found["family"], found["reference"]) == (FAMILY, "12")
    assert [one["first_name"] for one in found["children"]] == ["Zoé", "Tom"]
    assert found["guardians"][0]["id"] == document["guardians"][0]["id"]
    elsewhere = running.token("andancette", roles=("administrator",))
    path = f"/api/family/v1/andancette/family-names?family={FAMILY}"
    assert (await running.call("GET", path, token=elsewhere)).json == {"items": []}


@pytest.mark.parametrize("text", ["éo zx", "--", "'' ''", ".*", "on"])
async def test_what_begins_no_word_finds_nothing(running: World, text: str) -> None:
    await load(running, FILE)
    token = running.token(roles=("childcare_office",))
    found = await running.call("GET", f"{BASE}/families?search={text}", token=token)
    assert found.json == {"families": []}


async def test_no_route_answers_the_wrong_bearer(running: World) -> None:
    await load(running, FILE)
    (document,) = await stored(running)
    guardian = document["guardians"][0]["id"]
    wrong = {
        "no token": None,
        "another town": running.token("andancette", families={FAMILY: guardian}),
        "another town's agent": running.token("andancette", roles=("administrator",)),
        "no family": running.token(),
        "another family": running.token(families={"f" * 32: guardian}),
        "another role": running.token(roles=("canteen_staff",)),
    }
    for route in ROUTES:
        if route in ELSEWHERE or route.access.account:  # any account has its own
            continue
        path = BASE + re.sub(r"{\w+}", "x", route.path.replace("{family}", FAMILY))
        path += {"/families": "?search=eon", "/family-names": f"?family={FAMILY}"}.get(
            route.path, ""
        )
        for who, token in wrong.items():
            body = BODIES.get(route.path) if route.method != "GET" else None
            answer = await running.call(
                route.method, path, token=token, json=body, headers={"If-Match": "*"}
            )
            if who == "another family" and route.path in NOTHING:
                assert answer.json == NOTHING[route.path]
            else:
                assert answer.status in (401, 403, 404), (route.path, who)
                assert answer.headers["Content-Type"].startswith("application/problem+json")


async def test_the_operators_command_imports_and_tells_problems(
    running: World, tmp_path: Path
) -> None:
    file = tmp_path / "familles.csv"

    async def command(text: str, *more: str) -> Done:
        file.write_text(text)
        return await preau("family", "import", "--town", "veyras", str(file), *more)

    code, said = await command(FILE.replace("CE1", "XX"))
    assert code == 1
    assert "ligne 4, colonne « niveau » : Niveau inconnu" in said
    assert "rien n'a été enregistré" in said
    assert (await command(FILE, "--dry-run"))[0] == 0
    assert await stored(running) == []
    assert (await command(FILE))[1].startswith("1 famille(s) créée(s)")
    assert len(await stored(running)) == 1
