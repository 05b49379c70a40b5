"""A centre director reaches the requests for the activities of its own sites, line by line."""

from __future__ import annotations

from typing import Any

from tests.samples import API, activity, ask, decide, family, say_town, town_file
from tests.world import World

DAY = "2026-09-17"


async def _two_sites(running: World) -> tuple[dict[str, str], dict[str, Any]]:
    """A request for both sites and one for the other; their ids, and the first as answered."""
    there = activity("cantine") | {"site": "Haut"}, activity("garderie") | {"site": "Bas"}
    await say_town(running, town_file(activities=list(there)), version=2)
    home = await family(running)
    asked = [*home.asks(DAY)["asked"], *home.asks(DAY, activity="garderie", child=1)["asked"]]
    both = await ask(running, home, {"family": home.id, "asked": asked})
    other = await ask(running, home, home.asks("2026-09-18", activity="garderie"))
    return {"both": both.json["id"], "other": other.json["id"]}, both.json


def director(running: World, *sites: str) -> str:
    return running.token(roles=("centre_director",), sites=sites)


async def _listed(running: World, token: str) -> list[Any]:
    return list((await running.call("GET", f"{API}/veyras/requests", token=token)).json["items"])


async def test_a_director_sees_the_lines_of_its_sites(running: World) -> None:
    ids, _ = await _two_sites(running)
    seen = await _listed(running, director(running, "Haut"))
    assert [one["id"] for one in seen] == [ids["both"]]
    assert [line["activity"] for line in seen[0]["lines"]] == ["cantine"]
    assert len(await _listed(running, director(running, "Haut", "Bas"))) == 2
    assert await _listed(running, director(running)) == []
    one = f"{API}/veyras/requests/{ids['other']}"
    assert (await running.call("GET", one, token=director(running, "Haut"))).status == 404
    assert (await running.call("GET", one, token=director(running, "Bas"))).status == 200


async def test_a_director_with_another_role_sees_what_that_one_sees(running: World) -> None:
    await _two_sites(running)
    token = running.token(roles=("centre_director", "read_only"), sites=("Haut",))
    assert len(await _listed(running, token)) == 2


async def test_a_director_decides_the_lines_of_its_sites(running: World) -> None:
    ids, both = await _two_sites(running)
    lines = {line["activity"]: line["line"] for line in both["lines"]}
    wishes = [(ids["both"], lines["cantine"]), (ids["both"], lines["garderie"]),
              (ids["other"], "1")]  # fmt: skip
    body = {"decisions": [{"request": request, "line": line, "outcome": "accepted"}
                          for request, line in wishes]}  # fmt: skip
    answer = await running.call(
        "POST", f"{API}/veyras/decisions", token=director(running, "Haut"), json=body
    )
    results = [one["result"] for one in answer.json["results"]]
    assert results == ["accepted", "not-found", "not-found"]
    rest = await decide(
        running, [(ids["both"], lines["garderie"], None), (ids["other"], "1", None)]
    )
    assert [one["result"] for one in rest.json["results"]] == ["accepted", "accepted"]


async def test_a_director_reaches_nothing_else(running: World) -> None:
    home = await family(running)
    token = director(running, "École")
    about = f"?family={home.id}&child={home.children[0]}"
    for method, path, body in (
        ("GET", f"/planning{about}&first={DAY}&last={DAY}", None),
        ("GET", f"/family-planning?family={home.id}&first={DAY}&last={DAY}", None),
        ("POST", "/recaps", home.asks(DAY)), ("POST", "/requests", home.asks(DAY)),
        ("GET", f"/enrolments{about}", None), ("GET", "/enrolment-requests", None),
    ):  # fmt: skip
        answer = await running.call(method, f"{API}/veyras{path}", token=token, json=body)
        assert (answer.status, answer.json["code"]) == (403, "forbidden"), path
