"""A family whose every word is marked is erased, and found nowhere but where a law makes the town
keep it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.story import Portal
from deploy.local.mailbox import Mailbox
from services.registry import BUILDS
from tests.samples import arrived
from tests.scenarios.marked import FAMILY, MARK, PASSWORD, TOWN, held, lived, marked
from tests.world import StartWorld, World, eventually


@pytest.fixture
async def running(start_world: StartWorld, mailbox: Mailbox) -> AsyncIterator[World]:
    async with start_world(BUILDS, smtp_url=mailbox.url) as it:
        yield it


async def _asked(administrator: Portal, settled: list[str]) -> dict[str, Any]:
    """What became of an erasure, once the others have answered."""
    body = {"reason": "demande du titulaire", "settled_invoices": settled}
    erasure = await administrator.call("POST", f"family/families/{FAMILY}/erasures", body)

    async def over() -> Any:
        path = f"family/erasures/{erasure['erasure']}"
        found = await administrator.call("GET", path)
        return found if found["state"] in ("held-back", "erased") else None

    return dict(await eventually(over, what="the erasure is over"))


async def test_an_erased_family_is_found_nowhere(running: World, mailbox: Mailbox) -> None:
    administrator = Portal(running.http, running.origin)
    administrator.token = running.token(TOWN, roles=("administrator", "childcare_office"))
    await lived(running, mailbox, administrator)
    held_back = await _asked(administrator, [])
    codes = {one["code"] for one in held_back["holds"]}
    assert (held_back["state"], codes) == (
        "held-back", {"booked-in-the-future", "to-be-invoiced"}
    )  # fmt: skip

    running.move_to(datetime(2026, 9, 30, 22, 1, 5, tzinfo=UTC))
    await arrived(mailbox, lambda mail: "votre facture de septembre 2026" in mail.subject)
    (unpaid,) = (await _asked(administrator, []))["holds"]
    assert unpaid["code"] == "unpaid"
    everywhere = await marked(running, but_for_holds=False)
    assert {one.partition(".")[0] for one in everywhere} == set(BUILDS)

    done = await _asked(administrator, [unpaid["reference"]])
    assert done["state"] == "erased"

    async def gone() -> bool:
        return not await marked(running)

    try:
        await eventually(gone, within=20, what="the marks are gone")
    finally:
        assert await marked(running) == set()
    invoices = await administrator.call("GET", "billing/invoices")
    assert [one["number"] for one in invoices["items"]] == [unpaid["reference"]]
    assert await marked(running, but_for_holds=False) == {"billing.invoices"}
    with pytest.raises(RuntimeError, match="family-erased"):
        await _asked(administrator, [])
    family = Portal(running.http, running.origin)
    with pytest.raises(RuntimeError, match="wrong-credentials"):
        await family.log_in(f"{MARK}.login", PASSWORD)


def test_the_legal_holds_are_those_of_the_operators_guide() -> None:
    guide = Path("docs/operations.md").read_text()
    rows = {
        f"| {service} | `{one.collection}` |"
        f" {', '.join(f'`{path}`' for path in one.fields)} | {one.law} | {one.years} |"
        for service in BUILDS
        for one in held(service)
    }
    assert rows == set(re.findall(r"^\| \w+ \| `\w+` \| `.*\| \d+ \|$", guide, re.MULTILINE))
