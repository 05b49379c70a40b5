"""A family asks, an agent decides, the digest says so: over both transports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from deploy.local.mailbox import Mailbox
from services.booking.service import build as build_booking
from services.notify.service import build as build_notify
from tests.samples import Household, arrived, ask, decide, say_household, say_town, town_file
from tests.world import StartWorld, World

BUILDS = {"booking": build_booking, "notify": build_notify}


@pytest.fixture(params=["local", "amqp"])
async def running(
    request: pytest.FixtureRequest, start_world: StartWorld, mailbox: Mailbox
) -> AsyncIterator[World]:
    amqp_url = request.getfixturevalue("amqp_url") if request.param == "amqp" else None
    async with start_world(BUILDS, amqp_url=amqp_url, smtp_url=mailbox.url) as it:
        await say_town(it, town_file())
        yield it


async def test_one_day_then_a_period_then_the_digest(running: World, mailbox: Mailbox) -> None:
    family = await say_household(running, Household())
    one = await ask(running, family, family.asks("2026-09-17"))
    assert [line["state"] for line in one.json["lines"]] == ["requested"]
    receipt = await arrived(mailbox, lambda mail: "bien reçue" in mail.subject)
    assert receipt.to == (family.email,)
    assert one.json["number"] in receipt.subject
    assert "Léa – Cantine" in receipt.text
    assert "jeudi 17 septembre 2026" in receipt.text
    assert "en attente de décision" in receipt.text

    period = {"first": "2026-09-21", "last": "2026-10-25", "weekdays": ["monday", "friday"]}
    long = await ask(running, family, family.asks_all([{"period": period}], child=1))
    days = [line["date"] for line in long.json["lines"]]
    assert days == [
        "2026-09-21", "2026-09-25", "2026-09-28", "2026-10-02", "2026-10-05", "2026-10-09",
        "2026-10-12", "2026-10-16",
    ]  # fmt: skip
    not_retained = {entry["date"]: entry["reason"]["code"] for entry in long.json["not_retained"]}
    assert not_retained == {"2026-10-19": "school-holiday", "2026-10-23": "school-holiday"}
    period_receipt = await arrived(mailbox, lambda mail: long.json["number"] in mail.subject)
    assert "Dates non retenues" in period_receipt.text
    assert "8 dates demandées" in period_receipt.text

    await decide(
        running,
        [(one.json["id"], "1", None)]
        + [(long.json["id"], line["line"], None) for line in long.json["lines"][:2]]
        + [(long.json["id"], "3", "Effectif complet ce jour-là.")],
    )
    running.move_to(datetime(2026, 9, 14, 11, 1, 1, tzinfo=UTC))
    digest = await arrived(mailbox, lambda mail: "réponses à vos demandes" in mail.subject)
    assert digest.subject == "Veyras : réponses à vos demandes – 14/09/2026, 13 h"
    assert "3 acceptées, 1 refusée." in digest.text
    assert "Effectif complet ce jour-là." in digest.text
    assert "Martin" not in digest.text
