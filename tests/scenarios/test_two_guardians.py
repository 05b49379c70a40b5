"""Two guardians, one dossier (ID8): seeing, deciding and paying are three rights per child, told
apart by every service that has something to show."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from deploy.demo.story import Portal
from services.family.commands.importing import import_families
from services.family.domain.household import family_id
from services.identity.commands.agents import create_active_account
from services.identity.commands.towns import load_town
from services.identity.domain.accounts import Person
from services.registry import BUILDS
from shared.town_files import read_town_file
from tests.world import StartWorld, World, eventually

TOWN, PASSWORD = "veyras", "quatre chevaux verts"
FAMILY = family_id(TOWN, "F-1")
_SHEET = "\n".join([
    "dossier;personne;rôle;nom;prénom;naissance;école;niveau;droits titulaire;"
    "droits co-titulaire;facturé",
    "F-1;1;titulaire;Martin;Anne;;;;;;oui",
    "F-1;2;co-titulaire;Roux;Bruno;;;;;;",
    "F-1;3;enfant;Martin;Léa;2018-03-04;ecole-des-chataigniers;CE2;;voir;",
    "F-1;4;enfant;Martin;Noé;2019-05-06;ecole-des-chataigniers;CE1;;aucun;",
])  # fmt: skip


@pytest.fixture
async def running(start_world: StartWorld) -> AsyncIterator[World]:
    async with start_world(BUILDS, smtp_url="smtp://127.0.0.1:9") as it:
        with open(f"deploy/demo/towns/{TOWN}.yaml", "rb") as stream:  # noqa: ASYNC230, PTH123
            await load_town(it.state("identity"), read_town_file(stream.read()))
        family = it.state("family")
        await eventually(lambda: family.towns.find(TOWN))
        report = await import_families(family, TOWN, _SHEET.encode())
        assert report.stored, report.problems
        for name, collection in (("booking", "copy_families"), ("identity", "families")):
            store = it.store(name)
            await eventually(lambda store=store, c=collection: store.get(c, FAMILY))
        yield it


async def _guardian(running: World, login: str, key: str) -> Portal:
    person = Person(first_name=login.title(), last_name="Martin")
    await create_active_account(
        running.state("identity"), TOWN, login, f"{login}@example.org", person, PASSWORD
    )
    portal = Portal(running.http, running.origin)
    await portal.log_in(login, PASSWORD)
    await portal.call("POST", "identity/family-links", {"key": key})
    await portal.log_in(login, PASSWORD)
    return portal


async def test_seeing_deciding_and_paying_are_three_rights(running: World) -> None:
    agent = Portal(running.http, running.origin)
    agent.token = running.token(TOWN, roles=("administrator", "childcare_office"))
    keys = await agent.call("POST", "identity/family-keys", {"families": [FAMILY]})
    record = await agent.call("GET", f"family/families/{FAMILY}")
    roles = {one["id"]: one["role"] for one in record["guardians"]}
    by_role = {roles[one["guardians"][0]]: one["key"] for one in keys["keys"]}
    anne = await _guardian(running, "anne", by_role["holder"])
    bruno = await _guardian(running, "bruno", by_role["co_holder"])

    async def children(portal: Portal) -> dict[str, str]:
        (household,) = (await portal.call("GET", "family/household"))["households"]
        return {one["first_name"]: one["id"] for one in household["children"]}

    both = await children(anne)
    assert set(both) == {"Léa", "Noé"}
    assert set(await children(bruno)) == {"Léa"}
    span = "first=2026-09-21&last=2026-09-25"

    async def planning(portal: Portal, child: str) -> Any:
        path = f"booking/planning?family={FAMILY}&child={both[child]}&{span}"
        return await portal.call("GET", path)

    assert (await planning(bruno, "Léa"))["entries"]
    with pytest.raises(RuntimeError, match="403"):
        await planning(bruno, "Noé")

    def wish(child: str) -> dict[str, Any]:
        asked = {"child": both[child], "activity": "canteen", "units": ["meal"]}
        return {"family": FAMILY, "asked": [{**asked, "day": "2026-09-21"}]}

    for child in ("Léa", "Noé"):
        with pytest.raises(RuntimeError, match="403"):
            await bruno.call("POST", "booking/requests", wish(child))
    for child in ("Léa", "Noé"):
        made = await anne.call("POST", "booking/requests", wish(child))
        decision = {"request": made["id"], "line": made["lines"][0]["line"],
                    "outcome": "accepted", "reason": None}  # fmt: skip
        await agent.call("POST", "booking/decisions", {"decisions": [decision]})
    seen = (await bruno.call("GET", "booking/requests"))["items"]
    assert {line["child"] for one in seen for line in one["lines"]} == {both["Léa"]}

    running.move_to(datetime(2026, 9, 30, 22, 1, 5, tzinfo=UTC))

    async def invoiced() -> Any:
        return (await anne.call("GET", "billing/invoices"))["items"]

    await eventually(invoiced, what="the month is invoiced")
    assert (await bruno.call("GET", "billing/invoices"))["items"] == []
