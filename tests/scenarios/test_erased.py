"""A family whose every word is marked is erased, and found nowhere but where a law makes the town
keep it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aio_pika
import pytest

from deploy.demo.story import Portal
from deploy.local.mailbox import Mailbox
from services.registry import BUILDS
from shared.bus.consumer import HELD
from shared.bus.port import Delivery
from shared.contracts.family import ErasureAsked
from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.ids import new_id
from tests.samples import arrived
from tests.scenarios.life import Office
from tests.scenarios.marked import FAMILY, MARK, PASSWORD, TOWN, held, lived, marked
from tests.world import StartWorld, World, envelope, eventually

#: Where the family is found before it is erased, at least: else nothing is proved.
MARKED = {
    "identity.accounts",
    "identity.families",
    "identity.held",
    "family.families",
    "family.registrations",
    "family.documents",
    "family.letters",
    "family.uploads",
    "family.files.chunks",
    "family.moves",
    "family.feed",
    "family.erasures",
    "family.held",
    "booking.copy_families",
    "booking.requests",
    "booking.enrolments",
    "booking.held",
    "billing.copy_families",
    "billing.charges",
    "billing.invoices",
    "billing.held",
    "notify.copy_families",
    "notify.contacts",
    "notify.outcomes",
    "notify.held",
}


@pytest.fixture(params=["local", "amqp"])
async def running(
    request: pytest.FixtureRequest, start_world: StartWorld, mailbox: Mailbox
) -> AsyncIterator[World]:
    amqp_url = request.getfixturevalue("amqp_url") if request.param == "amqp" else None
    async with start_world(BUILDS, smtp_url=mailbox.url, amqp_url=amqp_url) as it:
        yield it


async def _asked(administrator: Portal, settled: list[str], family: str = FAMILY) -> dict[str, Any]:
    """What became of an erasure, once the others have answered."""
    body = {"reason": f"demande de {MARK}", "settled_invoices": settled}
    erasure = await administrator.call("POST", f"family/families/{family}/erasures", body)

    async def over() -> Any:
        path = f"family/erasures/{erasure['erasure']}"
        found = await administrator.call("GET", path)
        return found if found["state"] in ("held-back", "erased") else None

    return dict(await eventually(over, what="the erasure is over"))


async def _hold_back(running: World) -> None:
    """Every service holds an event about the family that it could not handle, and one that nobody
    can read."""
    for service, wanted in SUBSCRIPTIONS.items():
        event = envelope(
            ErasureAsked(erasure=new_id(), family=FAMILY, settled=()), f"families/{FAMILY}",
            town=TOWN, time=running.clock.town(), sequence=1,
        )  # fmt: skip
        faulty = replace(event, type=min(wanted), data={"family": FAMILY, "name": MARK})
        consumer = running.of(service).consumer
        for body in (faulty.encode(), f"not an event: {MARK} {FAMILY}".encode()):
            consumer.submit(Delivery(body, _nothing))

    async def all_held() -> bool:
        return all([
            await running.store(service).count(HELD, {"state": "parked"}) >= 2
            for service in SUBSCRIPTIONS
        ])  # fmt: skip

    await eventually(all_held, what="every service holds something back")


async def _nothing() -> None:
    return None


async def _waits_in_queues(running: World, amqp_url: str) -> int:
    """How many events wait in the broker's queues of the services."""
    connection = await aio_pika.connect(amqp_url)
    async with connection, connection.channel() as channel:
        queues = [
            await channel.declare_queue(f"{running.namespace}.{service}{suffix}", passive=True)
            for service in SUBSCRIPTIONS
            for suffix in ("", ".parked")
        ]
        return sum(queue.declaration_result.message_count or 0 for queue in queues)


async def test_an_erased_family_is_found_nowhere(
    request: pytest.FixtureRequest, running: World, mailbox: Mailbox
) -> None:
    administrator = Portal(running.http, running.origin)
    administrator.token = running.token(TOWN, roles=("administrator", "childcare_office"))
    family = await lived(running, mailbox, administrator)
    second = await Office(running, mailbox, administrator, family).everything()
    await _hold_back(running)
    held_back = await _asked(administrator, [])
    codes = {one["code"] for one in held_back["holds"]}
    assert (held_back["state"], codes) == (
        "held-back", {"booked-in-the-future", "to-be-invoiced"}
    )  # fmt: skip

    running.move_to(datetime(2026, 9, 30, 22, 1, 5, tzinfo=UTC))
    await arrived(mailbox, lambda mail: "votre facture de septembre 2026" in mail.subject)
    administrator.token = running.token(TOWN, roles=("administrator", "childcare_office"))
    (unpaid,) = (await _asked(administrator, []))["holds"]
    assert unpaid["code"] == "unpaid"
    everywhere = await marked(running, but_for_holds=False)
    assert everywhere >= MARKED, MARKED - everywhere

    done = await _asked(administrator, [unpaid["reference"]])
    assert done["state"] == "erased"
    assert (await _asked(administrator, [], second))["state"] == "erased"

    async def gone() -> bool:
        return not await marked(running)

    try:
        await eventually(gone, what="the marks are gone")
    finally:
        assert await marked(running) == set()
    if running.runner.bus.name == "amqp":
        amqp_url = request.getfixturevalue("amqp_url")

        async def drained() -> bool:
            return await _waits_in_queues(running, amqp_url) == 0

        await eventually(drained, what="no event waits in the broker")
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
    assert rows == set(re.findall(r"^\| \w+ \| `[\w.]+` \| `.*\| \d+ \|$", guide, re.MULTILINE))
