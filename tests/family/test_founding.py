"""A family's record made at the desk, with those that may be the same family's proposed first."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from services.family.domain.household import family_id
from shared.ids import new_id
from tests.family.dossiers import BASE, FAMILY, HOLDER_ID, RULES, Dossier, put
from tests.family.test_registrations import FULL
from tests.samples import say_town, town_file
from tests.world import Answer

APART: dict[str, Any] = {
    **FULL, "children": [{"first_name": "Ana", "last_name": "Morel", "birth_date": "2018-05-06"}],
}  # fmt: skip


async def make(
    dossier: Dossier, form: dict[str, Any], key: str | None = None, who: str = "office",
    **more: Any,
) -> Answer:  # fmt: skip
    body = {"dossier": form, **more}
    return await dossier.call(who, "POST", "/families", body, key=key)


async def test_a_family_is_made_at_the_desk_once(dossier: Dossier) -> None:
    key = new_id()
    made = await make(dossier, APART, key, reference="2026-7")
    assert made.status == 201, made.json
    assert made.json["family"] == family_id("veyras", "2026-7")
    assert [one["role"] for one in made.json["guardians"]] == ["holder", "co_holder"]
    assert [one["first_name"] for one in made.json["children"]] == ["Ana"]
    assert (await make(dossier, APART, key, reference="2026-7")).json == made.json
    stored = await dossier.world.store("family").find("families", {"reference": "2026-7"})
    assert [one["origin"] for one in stored[0]["children"]] == ["desk"]
    found = await dossier.call("office", "GET", "/families?search=Morel")
    assert [one["reference"] for one in found.json["families"]] == ["2026-7"]
    other = await make(dossier, FULL, key, reference="2026-7")
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")
    second = {
        **APART,
        "guardian": {
            **APART["guardian"],
            "first_name": "Eva",
            "phone": "06 39 98 11 22",
            "email": "eva@example.org",
        },
    }
    taken = await make(
        dossier, second, reference="2026-7", apart_from=[made.json["family"]]
    )  # fmt: skip
    assert (taken.status, taken.json["code"]) == (409, "reference-taken")


async def test_who_may_be_the_same_family_is_proposed_first(dossier: Dossier) -> None:
    """Zoé D'Éon, born the same day, is in the town's file already."""
    likely = {
        **FULL,
        "guardian": {
            **FULL["guardian"],
            "first_name": "Anne-Laure",
            "last_name": "D'Éon",
            "phone": "06 39 98 00 01",
        },
    }
    refused = await make(dossier, likely)
    assert (refused.status, refused.json["code"]) == (409, "possible-duplicates")
    (candidate,) = refused.json["candidates"]
    assert (candidate["family"], candidate["reference"]) == (FAMILY, "12")
    assert candidate["reasons"]
    assert await dossier.world.store("family").count("families", {}) == 1
    made = await make(dossier, likely, apart_from=[FAMILY])
    assert made.status == 201, made.json
    assert made.json["reference"].startswith("G-")


async def test_what_is_missing_is_said_and_nobody_else_makes_records(dossier: Dossier) -> None:
    partly = await make(dossier, {"guardian": {"first_name": "Eva"}})
    assert (partly.status, partly.json["code"]) == (422, "incomplete")
    for who in ("holder", "billing", "reader"):
        assert (await make(dossier, APART, who=who)).status == 403
    assert (await dossier.world.call("POST", f"{BASE}/families", json={})).status == 401


RESIDENCE = {"fact": "resident", "communes": ["07340"]}


async def test_the_communes_of_guardians_addresses_decide_residence(dossier: Dossier) -> None:
    rules = {**RULES, "residence": RESIDENCE}
    await say_town(dossier.world, town_file(dossier=rules), version=2)

    async def lives(citycode: str | None) -> Any:
        address = {"street": "1 rue Haute", "postcode": "07000", "city": "Veyras"}
        if citycode:
            address["citycode"] = citycode
        await dossier.sent("billing", put(HOLDER_ID, "address", address))
        return (await dossier.field("office", "household", "facts:resident"))["value"]

    assert await lives("07340") is True
    assert await lives("07186") is False
    assert await lives(None) is False, "an address written freely decides nothing"
    assert await lives("07340") is True
    assert (await dossier.field("office", HOLDER_ID, "address"))["value"]["citycode"] == "07340"
    for wrong in ({"fact": "zone", "communes": ["07340"]}, {"fact": "lune", "communes": ["07340"]}):
        with pytest.raises(ValidationError, match=r"residence\.fact"):
            town_file(dossier={**RULES, "residence": wrong})
