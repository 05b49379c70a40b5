"""News for whom they are, and published documents for everybody, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.family.api.news import ROUTES
from services.family.commands.uploads import sweep
from services.family.domain.news import html, summary
from services.family.service import build
from shared.ids import new_id
from tests.family.files import BASE, pdf, send
from tests.family.homes import Home, home_in
from tests.family.test_files import SOON
from tests.samples import say_town, town_file
from tests.world import Answer, StartWorld

SCHOOLS = [{"id": "tilleuls", "name": "Les Tilleuls"}, {"id": "ormes", "name": "Les Ormes"}]


@pytest.fixture
async def home(start_world: StartWorld) -> AsyncIterator[Home]:
    async with start_world({"family": build}) as running:
        await say_town(running, town_file(schools=SCHOOLS))
        yield await home_in(running)


def office(home: Home) -> str:
    return home.running.token(account="b" * 32, roles=("childcare_office",))


async def call(
    home: Home, method: str, path: str, token: str | None, body: Any = None, key: str | None = None
) -> Answer:
    return await home.running.call(method, BASE + path, token=token, json=body, key=key)


async def write(home: Home, key: str | None = None, **changes: Any) -> dict[str, Any]:
    body = {"title": "Rentrée", "text": "Les **portes** ouvrent à 8 h."} | changes
    answer = await call(home, "POST", "/news", office(home), body, key)
    assert answer.status == 201, answer.json
    item: dict[str, Any] = answer.json
    return item


async def titles(home: Home, token: str, query: str = "") -> list[str]:
    answer = await call(home, "GET", f"/news{query}", token)
    assert answer.status == 200, answer.json
    return [one["title"] for one in answer.json["items"]]


async def test_news_reach_those_they_are_for(home: Home) -> None:
    await write(home, title="familles")
    await write(home, title="tous", audience="everybody")
    await write(home, title="tilleuls", schools=["tilleuls"])
    await write(home, title="ormes", schools=["ormes"])
    await write(home, title="demain", starts="2026-09-15T06:00:00Z")
    await write(home, title="hier", starts="2026-09-01T06:00:00Z", ends="2026-09-14T07:00:00Z")
    unlinked = home.running.token()
    assert await titles(home, unlinked) == ["tous"]
    assert await titles(home, home.token()) == ["tilleuls", "tous", "familles"]
    assert len(await titles(home, office(home), "?all=true")) == 6
    assert len(await titles(home, home.token(), "?all=true")) == 3, "families see what is shown"
    items = (await call(home, "GET", "/news?all=true", office(home))).json["items"]
    by_title = {one["title"]: one["item"] for one in items}
    for title, expected in (("tous", 200), ("familles", 404), ("ormes", 404), ("demain", 404)):
        got = await call(home, "GET", f"/news/{by_title[title]}", unlinked)
        assert got.status == expected, title
    assert (await call(home, "GET", f"/news/{by_title['ormes']}", home.token())).status == 404


async def test_news_are_read_page_by_page(home: Home) -> None:
    for number in range(5):
        await write(home, title=str(number), starts=f"2026-09-1{number}T06:00:00Z"[:20])
    first = (await call(home, "GET", "/news?limit=3", home.token())).json
    rest = (await call(home, "GET", f"/news?limit=3&after={first['next']}", home.token())).json
    assert [one["title"] for one in (*first["items"], *rest["items"])] == ["4", "3", "2", "1", "0"]
    assert rest["next"] is None


async def test_a_text_is_shown_safely_and_begins_with_its_summary(home: Home) -> None:
    text = (
        "Bonjour <script>alert(1)</script>\n\n- *un*\n- **deux**\n\n"
        "[tarifs](https://veyras.example/t) [piège](javascript:alert(1)) "
        "![image](https://veyras.example/i.png)"
    )
    item = await write(home, text=text)
    assert "<script>" not in item["html"]
    assert "<li><em>un</em></li>" in item["html"]
    assert '<a href="https://veyras.example/t">tarifs</a>' in item["html"]
    assert 'href="javascript' not in item["html"]
    assert "<img" not in item["html"]
    long = await write(home, text="mot " * 200)
    assert len(long["summary"]) < 290
    assert long["summary"].endswith(" …")


async def test_attachments_stay_as_long_as_the_item_has_them(home: Home) -> None:
    files = [(await send(home.running, office(home), pdf())).json["file"] for _ in range(2)]
    item = await write(home, files=files)
    path = f"/news/{item['item']}"
    await sweep(home.running.state("family"), SOON)
    for file in files:
        assert (await call(home, "GET", f"{path}/files/{file}", home.token())).status == 200
    changed = {"title": "Rentrée", "text": "Autre texte.", "files": files[:1]}
    for _ in range(2):
        after = await call(home, "PUT", path, office(home), changed)
        assert (after.status, after.json["attachments"]) == (200, 1), after.json
    assert (await call(home, "GET", f"{path}/files/{files[1]}", home.token())).status == 404
    assert await home.running.store("family").count("files.files", {}) == 1
    assert (await call(home, "DELETE", path, office(home))).status == 204
    assert (await call(home, "DELETE", path, office(home))).status == 404
    for collection in ("files.files", "files.chunks", "uploads", "news"):
        assert await home.running.store("family").count(collection, {}) == 0


async def test_written_twice_with_one_key_it_is_there_once(home: Home) -> None:
    key = new_id()
    first, again = await write(home, key), await write(home, key)
    assert first == again
    assert len(await titles(home, home.token())) == 1


async def test_what_does_not_hold_together_is_refused(home: Home) -> None:
    for changes in (
        {"schools": ["inconnue"]},
        {"schools": ["ormes"], "audience": "everybody"},
        {"starts": "2026-09-15T06:00:00Z", "ends": "2026-09-15T06:00:00Z"},
        {"starts": "2026-09-15T06:00:00"},
        {"files": [new_id()]},
        {"text": ""},
    ):
        body = {"title": "Rentrée", "text": "Texte."} | changes
        assert (await call(home, "POST", "/news", office(home), body)).status == 422, changes


async def test_published_documents_are_for_everybody_under_one_address(home: Home) -> None:
    file = (await send(home.running, office(home), pdf(), "tarifs 2026.pdf")).json["file"]
    body = {"heading": "Tarifs", "title": "Tarifs 2026-2027", "file": file}
    made = await call(home, "POST", "/published-documents", office(home), body)
    assert made.status == 201, made.json
    (shown,) = (await call(home, "GET", "/published-documents", None)).json["items"]
    assert (shown["heading"], shown["file"]["name"]) == ("Tarifs", "tarifs 2026.pdf")
    path = f"/published-documents/{shown['document']}"
    got = await call(home, "GET", f"{path}/file", None)
    assert (got.status, got.headers["Content-Type"]) == (200, "application/pdf")
    assert got.headers["Content-Disposition"].startswith("attachment;")
    newer = (await send(home.running, office(home), pdf(2), "tarifs 2027.pdf")).json["file"]
    after = await call(home, "PUT", path, office(home), body | {"file": newer})
    assert (after.status, after.json["file"]["pages"]) == (200, 2)
    assert await home.running.store("family").count("files.files", {}) == 1
    elsewhere = f"/api/family/v1/andancette{path}/file"
    assert (await home.running.call("GET", elsewhere)).status == 404
    assert (await call(home, "DELETE", path, office(home))).status == 204
    assert (await call(home, "GET", f"{path}/file", None)).status == 404
    assert await home.running.store("family").count("files.files", {}) == 0


async def test_no_route_answers_the_wrong_bearer(home: Home) -> None:
    file = (await send(home.running, office(home), pdf())).json["file"]
    item = await write(home, files=[file])
    running = home.running
    wrong = {
        "no token": None,
        "another town": running.token("andancette", families={home.family: home.holder}),
        "another town's agent": running.token("andancette", roles=("administrator",)),
        "no family": running.token(),
        "another family": running.token(families={"f" * 32: home.holder}),
        "a family": home.token(),
        "another role": running.token(roles=("canteen_staff",)),
    }
    for route in ROUTES:
        path = BASE + route.path.replace("{item}", item["item"]).replace("{file}", file)
        path = path.replace("{document}", new_id())
        body = {"title": "x", "text": "x"} if "news" in path else {
            "heading": "x", "title": "x", "file": file,
        }  # fmt: skip
        for who, token in wrong.items():
            sent = body if route.method in ("POST", "PUT") else None
            answer = await running.call(route.method, path, token=token, json=sent)
            if route.path == "/published-documents" and route.method == "GET":
                assert answer.status == 200
            elif route.path == "/news" and route.method == "GET" and answer.status == 200:
                assert who == "a family" or answer.json["items"] == []
            elif who == "a family" and route.method == "GET" and "news" in path:
                assert answer.status == 200
            else:
                assert answer.status in (401, 403, 404), (route.method, route.path, who)


def test_markup_is_small() -> None:
    assert html("# titre\n\n`code` & <b>gras</b>") == (
        "<p># titre</p>\n<p>`code` &amp; &lt;b&gt;gras&lt;/b&gt;</p>\n"
    )
    assert summary("Un **mot**\n\n- deux\n- trois") == "Un mot deux trois"
    assert summary("La *rubrique*.\nFin") == "La rubrique. Fin"
