"""A family without a dossier builds one on line; agents compare it, accept or refuse."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from services.family.commands.registering import finish_all
from services.family.commands.resealing import reseal
from services.family.store.families import FAMILIES
from services.family.store.registrations import REGISTRATIONS
from shared.contracts.identity import PersonErased
from shared.ids import new_id
from shared.sealing import new_field_keys
from tests.family.dossiers import BASE, CERTIFIED, FAMILY, Dossier
from tests.family.test_sealed import raw
from tests.world import eventually

GUARDIAN = {
    "first_name": "Inès", "last_name": "Morel", "birth_date": "1990-01-02",
    "phone": "06 39 98 77 77", "email": "ines@example.org",
    "address": {"street": "3 rue Haute", "postcode": "07000", "city": "Veyras"},
}  # fmt: skip
CHILD = {"first_name": "Zoé", "last_name": "D'Éon", "birth_date": "2019-02-01",
         "school": "tilleuls", "allergies": "marque-allergie",
         "health_certificate": CERTIFIED}  # fmt: skip
FULL: dict[str, Any] = {
    "guardian": GUARDIAN,
    "second_guardian": {"first_name": "Luc", "last_name": "Morel", "email": "luc@example.org"},
    "children": [CHILD],
    "contacts": [{"kind": "emergency", "values": {
        "first_name": "Mia", "last_name": "Roy", "phone": "06 39 98 88 88"}}],
    "household": {"quotients": {"value": "640", "effect": "2026-09-01"}, "facts:resident": True},
}  # fmt: skip


class Portal:
    """An adult with an account and no family, and the town's office."""

    def __init__(self, dossier: Dossier) -> None:
        self.world = dossier.world
        self.account = new_id()
        self.tokens = {
            "adult": self.world.token(account=self.account),
            "office": dossier.tokens["office"], "billing": dossier.tokens["billing"],
        }  # fmt: skip

    async def call(self, who: str, method: str, path: str, json: Any = None) -> Any:
        return await self.world.call(method, f"{BASE}{path}", token=self.tokens[who], json=json)

    async def keep(self, draft: dict[str, Any]) -> dict[str, Any]:
        version = (await self.call("adult", "GET", "/registration")).json["version"]
        body = {"draft": draft, "version": version}
        answer = await self.call("adult", "PUT", "/registration", body)
        assert answer.status == 200, answer.json
        return dict(answer.json)

    async def send(self, draft: dict[str, Any] = FULL) -> str:
        kept = await self.keep(draft)
        answer = await self.call("adult", "PUT", "/registration/sent")
        assert answer.status == 200, answer.json
        return str(kept["registration"])


@pytest.fixture
def portal(dossier: Dossier) -> Portal:
    return Portal(dossier)


async def test_it_is_built_step_by_step(portal: Portal) -> None:
    empty = (await portal.call("adult", "GET", "/registration")).json
    assert (empty["state"], empty["version"]) == ("draft", 0)
    assert {"/guardian/birth_date", "/guardian/phone", "/guardian/address", "/children"} <= {
        *empty["missing"]
    }
    first = await portal.keep({"guardian": {"first_name": "Inès", "phone": None}})
    assert "/guardian/first_name" not in first["missing"]
    assert "/guardian/phone" in first["missing"]
    early = await portal.call("adult", "PUT", "/registration/sent")
    assert (early.status, early.json["code"]) == (422, "incomplete")
    assert {"field": "/guardian/address", "message": "champ obligatoire."} in early.json["errors"]
    stale = await portal.call("adult", "PUT", "/registration", {"draft": FULL, "version": 0})
    assert (stale.status, stale.json["code"]) == (412, "changed-meanwhile")
    done = await portal.keep(FULL)
    assert done["missing"] == []
    assert done["draft"]["children"][0]["allergies"] == "marque-allergie"
    text = await raw(portal)  # type: ignore[arg-type]
    assert "marque-allergie" not in text
    assert "Morel" not in text, "a form that nobody sent is nobody's to read"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"guardian": {**GUARDIAN, "address": {"street": "3 rue Haute"}}}, "/guardian/address"),
        ({"guardian": {**GUARDIAN, "tax_shares": "2"}}, "/guardian/tax_shares"),
        ({"children": [{**CHILD, "birth_date": "2030-01-01"}]}, "/children/0/birth_date"),
        ({"children": [CHILD, CHILD]}, "/children/1"),
        ({"household": {"facts:zone": "east"}}, "/household/facts:zone"),
        ({"contacts": [{"kind": "emergency", "values": {
            "first_name": "Mia", "last_name": "Roy", "phone": "x"}}]}, "/contacts/0/values/phone"),
        ({"children": [{k: v for k, v in CHILD.items() if k != "health_certificate"}]},
         "/children/0"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told_where_it_is(
    portal: Portal, change: dict[str, Any], field: str
) -> None:
    await portal.keep({**FULL, **change})
    answer = await portal.call("adult", "PUT", "/registration/sent")
    assert answer.status in (409, 422), answer.json
    assert answer.json["field"] == field, answer.json


async def test_agents_compare_it_and_accept_it(portal: Portal) -> None:
    registration = await portal.send()
    assert (await portal.call("adult", "PUT", "/registration/sent")).status == 200, "twice is once"
    again = await portal.call("adult", "PUT", "/registration", {"draft": {}, "version": 2})
    assert (again.status, again.json["code"]) == (409, "already-sent")
    listed = (await portal.call("office", "GET", "/registrations")).json["items"]
    assert [(one["holder"], one["children"]) for one in listed] == [("Morel Inès", 1)]
    path = f"/registrations/{registration}"
    seen = (await portal.call("office", "GET", path)).json
    assert [one["first_name"] for one in seen["dossier"]["guardians"]] == ["Inès", "Luc"]
    (alike,) = seen["candidates"]
    assert (alike["family"], alike["reasons"]) == (
        FAMILY, ["un enfant a le même nom et la même date de naissance"],
    )  # fmt: skip
    accept = {"outcome": "accepted"}
    done = [await portal.call("office", "PUT", f"{path}/decision", accept) for _ in range(2)]
    assert done[0].json == done[1].json
    family = done[0].json["family"]
    refused = await portal.call(
        "office", "PUT", f"{path}/decision", {"outcome": "refused", "reason": "x"}
    )
    assert (refused.status, refused.json["code"]) == (409, "already-decided")
    dossier = (await portal.call("office", "GET", f"/families/{family}/dossier")).json
    owners = [one["owner"] for one in dossier["members"]]
    assert owners == ["household", "guardian", "guardian", "child", "contact"]
    assert dossier["reference"].startswith("W-")
    guardian = dossier["members"][1]["member"]
    token = portal.world.token(account=portal.account, families={family: guardian})
    mine = await portal.world.call("GET", f"{BASE}/household", token=token)
    (household,) = mine.json["households"]
    assert household["guardians"][0]["address"]["street"] == "3 rue Haute"
    assert household["guardians"][0]["rights"][0]["decide"] is True
    child = household["children"][0]["id"]
    sheet = await portal.call("office", "GET", f"/families/{family}/children/{child}/health-sheet")
    assert "marque-allergie" in str(sheet.json)
    assert "marque-allergie" not in await raw(portal)  # type: ignore[arg-type]
    (document,) = await portal.world.store("family").find(REGISTRATIONS, {})
    assert "draft" not in document, "the form is forgotten"


async def test_a_refusal_has_a_reason_and_the_form_can_be_sent_again(portal: Portal) -> None:
    registration = await portal.send()
    path = f"/registrations/{registration}/decision"
    without = await portal.call("office", "PUT", path, {"outcome": "refused"})
    assert (without.status, without.json["code"]) == (422, "reason-missing")
    wrong = await portal.call("billing", "PUT", path, {"outcome": "accepted"})
    assert wrong.status == 403
    refusal = {"outcome": "refused", "reason": "Vous avez déjà un dossier"}
    assert (await portal.call("office", "PUT", path, refusal)).json["family"] is None
    mine = (await portal.call("adult", "GET", "/registration")).json
    assert (mine["state"], mine["reason"]) == ("refused", "Vous avez déjà un dossier")
    assert mine["draft"]["guardian"]["first_name"] == "Inès"
    assert await portal.send({**FULL, "second_guardian": None}) == registration
    assert (await portal.call("adult", "GET", "/registration")).json["state"] == "sent"


async def test_a_form_goes_with_the_account_that_filled_it(portal: Portal) -> None:
    await portal.keep(FULL)
    other = Portal.__new__(Portal)
    other.world, other.tokens = portal.world, dict(portal.tokens)
    other.tokens["adult"] = portal.world.token(account=new_id())
    await other.keep(FULL)
    gone = PersonErased(account=portal.account, town="veyras")
    await portal.world.say(gone, f"accounts/{portal.account}")

    async def erased() -> bool:
        left = await portal.world.store("family").find(REGISTRATIONS, {})
        return portal.account not in [one["account"] for one in left]

    await eventually(erased)
    assert (await other.call("adult", "GET", "/registration")).json["version"] == 1


async def test_forms_are_sealed_again_by_a_new_key(portal: Portal) -> None:
    await portal.keep(FULL)
    held = await portal.world.store("family").get("field_keys", "current")
    assert held is not None
    state, new = portal.world.state("family"), orjson.loads(new_field_keys())
    state.sealer.load(orjson.dumps({**new, **orjson.loads(held["keys"])}).decode())
    assert (await reseal(state)).changed == 1
    state.sealer.load(orjson.dumps(new).decode())
    mine = (await portal.call("adult", "GET", "/registration")).json
    assert mine["draft"]["guardian"]["first_name"] == "Inès"


async def test_an_acceptance_cut_short_is_carried_on(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    registration = await portal.send()
    state = portal.world.state("family")
    insert = type(state.families).insert

    async def dies(*_: Any) -> bool:
        raise ConnectionError

    monkeypatch.setattr(type(state.families), "insert", dies)
    path = f"/registrations/{registration}/decision"
    answer = await portal.call("office", "PUT", path, {"outcome": "accepted"})
    assert answer.status == 500
    assert await portal.world.store("family").count(FAMILIES, {}) == 1
    monkeypatch.setattr(type(state.families), "insert", insert)
    for _ in range(2):
        await finish_all(state)
    assert await portal.world.store("family").count(FAMILIES, {}) == 2


async def test_a_form_is_handed_over_to_whom_it_is_of(portal: Portal) -> None:
    await portal.keep(FULL)
    told = str((await portal.call("adult", "GET", "/personal-data")).json)
    assert all(word in told for word in ("Dossier créé en ligne", "Inès", "Zoé", "Mia"))
    stranger = portal.world.token(account=new_id())
    other = await portal.world.call("GET", f"{BASE}/personal-data", token=stranger)
    assert "Inès" not in str(other.json)
