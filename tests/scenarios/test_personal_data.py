"""What each service holds of a person is handed over on request (ID11), to that person alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from io import BytesIO

import pikepdf
import pytest

from deploy.demo.story import Portal
from deploy.local.mailbox import Mailbox
from services.registry import BUILDS
from tests.samples import arrived
from tests.scenarios.marked import EMAIL, MARK, TOWN, lived
from tests.world import StartWorld, World

#: Something of the bearer's that each service must hand over.
_KNOWN = {
    "identity": (EMAIL, f"{MARK}.login", f"{MARK}pays"),
    "family": (f"{MARK}enfant", f"1 rue {MARK}", EMAIL, f"{MARK} : une question"),
    "booking": (f"{MARK} : il ne mange pas de poisson", "2026-09-21", f"{MARK} : sortie"),
    "billing": ("VEY-2026-000001", f"{MARK}petit"),
    "notify": (EMAIL, "digest"),
}


@pytest.fixture
async def running(start_world: StartWorld, mailbox: Mailbox) -> AsyncIterator[World]:
    async with start_world(BUILDS, smtp_url=mailbox.url) as it:
        yield it


async def test_every_service_hands_over_what_it_holds(running: World, mailbox: Mailbox) -> None:
    administrator = Portal(running.http, running.origin)
    administrator.token = running.token(TOWN, roles=("administrator", "childcare_office"))
    family = await lived(running, mailbox, administrator)
    running.move_to(datetime(2026, 9, 30, 22, 1, 5, tzinfo=UTC))
    await arrived(mailbox, lambda mail: "votre facture de septembre 2026" in mail.subject)
    assert set(_KNOWN) == set(BUILDS)
    for service, known in _KNOWN.items():
        path = f"/api/{service}/v1/{TOWN}/personal-data"
        found = await running.call("GET", path, token=family.token)
        assert found.status == 200, found.json
        told = [
            value["value"]
            for section in found.json["sections"]
            for entry in section["entries"]
            for value in entry["values"]
        ]
        for one in known:
            assert any(one in value for value in told), (service, one)
        stranger = await running.call("GET", path, token=running.token(TOWN, account="autre"))
        assert MARK not in str(stranger.json), service
        headers = {"Authorization": f"Bearer {family.token}"}
        async with running.http.get(f"{running.origin}{path}.pdf", headers=headers) as printed:
            assert printed.headers["Content-Type"] == "application/pdf"
            content = await printed.read()
        with pikepdf.open(BytesIO(content)) as document:
            assert document.pages
            assert document.Root.MarkInfo.Marked
