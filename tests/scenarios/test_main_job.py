"""The main job, end to end, over HTTP, RabbitMQ, MongoDB and SMTP: what the demo tells."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from deploy.demo.seed import Accounts, seed
from deploy.demo.story import EMAIL, LOGIN, PASSWORD, TOWN, Portal, tell
from deploy.local.mailbox import Mailbox
from services.documents import ROUTES
from tests.samples import arrived
from tests.world import World

TODAY = date(2026, 9, 14)


@pytest.fixture
async def told(whole: World, mailbox: Mailbox) -> Accounts:
    """Two towns, 200 families each, and one family's story up to the agent's decisions."""
    return await tell(whole.origin, mailbox, await seed(whole.runner), TODAY)


async def test_from_an_account_to_the_digest_and_the_invoice(
    whole: World, told: Accounts, mailbox: Mailbox
) -> None:
    await mailbox.wait_for(lambda mails: sum("est bien reçue" in m.subject for m in mails) == 3)
    whole.move_to(datetime(2026, 9, 14, 11, 1, 1, tzinfo=UTC))
    digest = await arrived(mailbox, lambda mail: "réponses à vos demandes" in mail.subject)
    assert digest.to == (EMAIL,)
    assert digest.subject == "Veyras : réponses à vos demandes – 14/09/2026, 13 h"
    assert "8 acceptées, 1 refusée." in str(digest.text)
    assert "Motif : Sortie scolaire ce jour-là." in str(digest.text)

    whole.move_to(datetime(2026, 9, 30, 22, 1, 5, tzinfo=UTC))
    mail = await arrived(mailbox, lambda mail: "votre facture de septembre 2026" in mail.subject)
    family = Portal(whole.http, whole.origin)
    await family.log_in(LOGIN, PASSWORD)
    (invoice,) = (await family.call("GET", "billing/invoices"))["items"]
    # One evening at 1.80 and the accepted canteen days of September (21, 24, 28) at 4.10.
    assert invoice["total_cents"] == 180 + 3 * 410
    assert invoice["number"] == "VEY-2026-000001"
    assert "14,10" in str(mail.text)
    assert invoice["number"] in str(mail.text)
    one = await family.call("GET", f"billing/invoices/{invoice['invoice']}")
    assert sum(line["total_cents"] for line in one["lines"]) == invoice["total_cents"]


async def test_what_a_parent_sees_before_asking(whole: World, told: Accounts) -> None:
    family = Portal(whole.http, whole.origin)
    await family.log_in(LOGIN, PASSWORD)
    (household,) = (await family.call("GET", "family/household"))["households"]
    assert household["children"]
    assert household["guardians"]
    child = household["children"][0]["id"]
    path = f"booking/planning?family={household['family']}&child={child}"
    week = await family.call("GET", f"{path}&first=2026-09-14&last=2026-09-18")
    meal = {e["date"]: e for e in week["entries"] if e["activity"] == "canteen"}
    assert list(meal) == ["2026-09-14", "2026-09-15", "2026-09-17", "2026-09-18"]
    assert meal["2026-09-17"]["book"] == {
        "allowed": False,
        "until": "2026-09-08T23:59:00+02:00",
        "rule": "tuesday-before",
        "explanation": "Réservation close depuis le mardi 8 septembre 2026 à 23 h 59"
        " (délai dépassé).",
    }
    assert meal["2026-09-17"]["booking_locked"]
    other = Portal(whole.http, whole.origin)
    other.token = whole.token("andancette", roles=("childcare_office",))
    with pytest.raises(RuntimeError, match="wrong-town"):
        await other.call("GET", "booking/requests")


@pytest.mark.parametrize("service", ROUTES)
async def test_no_input_makes_a_service_fail(
    service: str, whole: World, told: Accounts, tmp_path: Path
) -> None:
    """Schemathesis over the service's OpenAPI, as a family and as an agent with every role."""
    family = Portal(whole.http, whole.origin)
    await family.log_in(LOGIN, PASSWORD)
    config = tmp_path / "schemathesis.toml"
    config.write_text(f'[parameters]\n"path.town" = "{TOWN}"\n')
    for as_agent in (False, True):
        # A token lives five minutes, and the family's run may take as long.
        bearer = whole.token(TOWN, roles=_every_role()) if as_agent else family.token
        command = [
            sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run",
            f"{whole.origin}/api/{service}/openapi.json", "--header",
            f"Authorization: Bearer {bearer}", "--checks", "not_a_server_error",
            "--max-examples", "8", "--phases", "examples,coverage,fuzzing",
            "--suppress-health-check", "all", "--seed", "1", "--no-color",
        ]  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        printed, _ = await process.communicate()
        assert process.returncode == 0, printed.decode()[-4000:]


def _every_role() -> tuple[str, ...]:
    return tuple(
        sorted({role for routes in ROUTES.values() for one in routes for role in one.access.roles})
    )
