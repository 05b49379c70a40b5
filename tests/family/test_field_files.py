"""Files that fields of a dossier name: whose they are, who reads them, how long they stay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.family.commands.uploads import sweep
from services.family.service import build
from services.family.store.uploads import UPLOADS
from shared.ids import new_id
from tests.family.dossiers import CERTIFIED
from tests.family.files import BASE, image, pdf, send
from tests.family.homes import Home, home_in
from tests.family.test_files import SOON
from tests.family.test_registrations import CHILD, FULL
from tests.samples import say_town, town_file
from tests.world import Answer, StartWorld

PLAN = {"first": "2026-09-01", "last": "2027-07-05", "protocol": "Voir le document."}


@pytest.fixture
async def home(start_world: StartWorld) -> AsyncIterator[Home]:
    async with start_world({"family": build}) as running:
        await say_town(running, town_file())
        yield await home_in(running)


def agent(home: Home, role: str = "childcare_office") -> str:
    return home.running.token(account="b" * 32, roles=(role,))


async def uploaded(home: Home, token: str | None = None, content: bytes = b"") -> str:
    answer = await send(home.running, token or home.token(), content or image(), "photo.jpg")
    assert answer.status == 201, answer.json
    return str(answer.json["file"])


async def change(home: Home, token: str | None = None, **values: Any) -> Answer:
    """Set fields of Zoé, whatever their revision."""
    who = token or home.token()
    dossier = await call(home, "GET", f"/families/{home.family}/dossier", who)
    zoe = next(one for one in dossier.json["members"] if one["member"] == home.zoe)
    seen = {one["name"]: one["revision"] for one in zoe["fields"]}
    changes = [
        {"act": "set", "member": home.zoe, "field": name, "value": value,
         "base": seen.get(name, 0)}
        for name, value in values.items()
    ]  # fmt: skip
    return await call(home, "POST", f"/families/{home.family}/changes", who, {"changes": changes})


async def call(home: Home, method: str, path: str, token: str, body: Any = None) -> Answer:
    return await home.running.call(method, BASE + path, token=token, json=body)


async def read(home: Home, file: str, token: str | None = None) -> int:
    path = f"/families/{home.family}/files/{file}"
    return (await call(home, "GET", path, token or home.token())).status


async def decide(home: Home, sent: Answer, outcome: str = "accepted") -> None:
    reason = "Illisible" if outcome == "refused" else None
    for one in sent.json["changes"]:
        if one["state"] == "waiting":
            body = {"change": one["change"], "outcome": outcome, "reason": reason}
            done = await call(
                home, "POST", "/change-decisions", agent(home), {"decisions": [body]}
            )  # fmt: skip
            assert done.status == 200, done.json


async def swept(home: Home) -> int:
    """How many files are left when everything that nothing names has gone."""
    await sweep(home.running.state("family"), SOON)
    return await home.running.store("family").count(UPLOADS, {})


async def test_a_photo_stays_from_the_day_it_is_sent_until_another_takes_its_place(
    home: Home,
) -> None:
    first = await uploaded(home)
    assert (await call(home, "GET", f"/files/{first}", home.token())).status == 200
    sent = await change(home, photo=first)
    assert sent.status == 201, sent.json
    assert await swept(home) == 1
    stranger = await home_in(home.running, "77")
    for token in (home.token(), home.other_token(), agent(home), agent(home, "read_only")):
        assert await read(home, first, token) == 200
    assert await read(home, first, stranger.token()) == 404
    assert await read(home, new_id()) == 404
    await decide(home, sent)
    assert await swept(home) == 1
    second = await uploaded(home)
    await decide(home, await change(home, photo=second))
    assert await home.running.store("family").get(UPLOADS, first) is None, "gone with the field"
    assert (await read(home, first), await read(home, second)) == (404, 200)
    emptied = await change(home, photo=None)
    await decide(home, emptied)
    assert await swept(home) == 0


@pytest.mark.parametrize("outcome", ["refused", "withdrawn"])
async def test_a_file_goes_with_the_change_that_is_not_accepted(home: Home, outcome: str) -> None:
    file = await uploaded(home)
    sent = await change(home, photo=file)
    if outcome == "refused":
        await decide(home, sent, outcome)
    else:
        waiting = sent.json["changes"][0]["change"]
        path = f"/families/{home.family}/changes/{waiting}"
        assert (await call(home, "DELETE", path, home.token())).status == 204
    assert await home.running.store("family").get(UPLOADS, file) is None


async def test_only_ones_own_file_is_named(home: Home) -> None:
    others = await uploaded(home, home.other_token())
    for file in (others, new_id()):
        refused = await change(home, photo=file)
        assert (refused.status, refused.json["code"]) == (422, "file-unknown")
        assert refused.json["field"] == "/changes/0/value"
    mine = await uploaded(home)
    added = {
        "act": "add",
        "kind": "child",
        "values": {
            "first_name": "Eve",
            "last_name": "D'Éon",
            "birth_date": "2020-01-01",
            "photo": others,
        },
    }
    path = f"/families/{home.family}/changes"
    refused = await call(home, "POST", path, home.token(), {"changes": [added]})
    assert refused.json["field"] == "/changes/0/values/photo"
    added["values"] = {**added["values"], "photo": mine}  # type: ignore[dict-item]
    sent = await call(home, "POST", path, home.token(), {"changes": [added]})
    assert sent.status == 201, sent.json
    assert await read(home, mine) == 200


async def test_the_proof_of_a_quotient_stays_when_an_agent_keeps_it(home: Home) -> None:
    file = await uploaded(home, content=pdf())
    quotient = {"value": "640", "effect": "2026-09-01", "proof": file}
    body = {"act": "set", "member": "household", "field": "quotients", "value": quotient, "base": 0}
    path = f"/families/{home.family}/changes"
    sent = await call(home, "POST", path, home.token(), {"changes": [body]})
    assert sent.status == 201, sent.json
    await decide(home, sent)
    corrected = {**body, "value": {**quotient, "value": "600"}, "base": 2}
    assert (await call(home, "POST", path, agent(home), {"changes": [corrected]})).status == 201, (
        "what the field names already need not be the agent's own"
    )
    assert await swept(home) == 1
    assert await read(home, file, agent(home)) == 200


async def test_a_care_plans_document_is_read_as_health_is(home: Home) -> None:
    file = await uploaded(home, content=pdf())
    plan = {**PLAN, "document": file}
    sent = await change(home, care_plan=plan, health_certificate=CERTIFIED)
    assert sent.status == 201, sent.json
    await decide(home, sent)
    assert await swept(home) == 1
    assert (await call(home, "GET", f"/files/{file}", home.token())).status == 404, "unrecorded"
    assert await read(home, file, agent(home, "billing_office")) == 404
    assert await read(home, file, agent(home, "read_only")) == 404
    for token in (home.token(), agent(home)):
        assert await read(home, file, token) == 200
    path = f"/families/{home.family}/sensitive-reads"
    reads = (await call(home, "GET", path, home.token())).json["items"]
    assert [one["what"] for one in reads] == ["health_document"] * 2
    assert {one["child"] for one in reads} == {home.zoe}


async def test_what_a_form_names_stays_and_goes_over_to_the_dossier(home: Home) -> None:
    adult = home.running.token(account=new_id())
    other = await uploaded(home)
    mine = await uploaded(home, adult)
    draft = {**FULL, "children": [{**CHILD, "photo": other}]}
    put = await call(home, "PUT", "/registration", adult, {"draft": draft, "version": 0})
    assert (put.status, put.json["code"]) == (422, "file-unknown")
    assert put.json["field"] == "/children/0/photo"
    draft = {**FULL, "household": {}, "children": [{**CHILD, "photo": mine}]}
    put = await call(home, "PUT", "/registration", adult, {"draft": draft, "version": 0})
    assert put.status == 200, put.json
    assert await swept(home) == 1
    assert (await call(home, "PUT", "/registration/sent", adult)).status == 200
    done = await call(
        home, "PUT", f"/registrations/{put.json['registration']}/decision", agent(home),
        {"outcome": "accepted"},
    )  # fmt: skip
    assert done.status == 200, done.json
    assert await swept(home) == 1
    got = await call(home, "GET", f"/families/{done.json['family']}/files/{mine}", agent(home))
    assert got.status == 200
