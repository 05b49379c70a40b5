"""What follows from an adult's booking (BO1): papers, money, days of every week, erasure."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.local.mailbox import Mailbox
from deploy.simulators.payfip import PayFipServer
from deploy.simulators.payfip_rules import Behaviour
from shared.contracts.erasure import HoldsBack
from shared.contracts.family import ErasureAsked, PersonErased
from shared.erasure import ERASED
from tests.billing.payfip.conftest import payfip
from tests.booking.checked import findings
from tests.papers import pages_of
from tests.samples import API, arrived, decide, say_town
from tests.scenarios.test_adults import BUILDS, DAY, GROUP, TOWN, Couple, couple, post, wish
from tests.world import Answer, StartWorld, World, eventually

__all__ = ["payfip"]
BILLING = "/api/billing/v1/veyras"
OFFICE = {
    "code": "VEY", "label": "Régie enfance",
    "payfip": {"client_number": "090909", "entry_mode": "T"},
    "means": [{"means": "cesu", "age_below": 12}],
}  # fmt: skip
WEEKLY = GROUP | {"patterns": ["casual", "weekly"], "last": "2026-10-09"}
TUESDAYS = ["2026-09-15", "2026-09-22", "2026-09-29", "2026-10-06"]


@pytest.fixture
async def running(
    start_world: StartWorld, mailbox: Mailbox, payfip: PayFipServer
) -> AsyncIterator[World]:
    async with start_world(BUILDS, smtp_url=mailbox.url) as it:
        object.__setattr__(it.state("billing"), "public_url", it.origin)
        file = TOWN.model_dump(mode="json", by_alias=True) | {
            "collection_office": OFFICE,
            "enrolments": [WEEKLY],
        }
        await say_town(it, type(TOWN).model_validate(file))
        yield it
        assert await findings(it) == []


async def get(world: World, path: str, token: str) -> Answer:
    return await world.call("GET", path, token=token)


async def swims_weekly(world: World, home: Couple, who: str, token: str, **more: Any) -> Answer:
    week = {"activity": "natation", "weekdays": ["tuesday"], "units": ["unit"]}
    body = {
        "family": home.id, "child": who, "group": GROUP["id"], "pattern": "weekly",
        "weekly": [week], **more,
    }  # fmt: skip
    return await post(world, "enrolments", token, body)


async def holds(world: World, home: Couple) -> dict[str, tuple[HoldsBack, ...]]:
    """What booking and billing answer to whether the family may be erased."""
    erasure = f"{home.id}{datetime.now(UTC).timestamp()}"
    asked = ErasureAsked(erasure=erasure, family=home.id, settled=())
    await world.say(asked, f"erasures/{erasure}")
    found = {}
    for service in ("booking", "billing"):

        async def answered(service: str = service) -> Any:
            return await world.store(service).get("erasures", erasure)

        await eventually(answered, what=f"{service} has answered")
    for one in await world.queued("family"):
        if one.data.get("erasure") == erasure:
            found[one.type.partition(".")[0]] = tuple(
                HoldsBack.model_validate(each) for each in one.data["holds"]
            )
    return found


async def test_papers_payments_and_the_end(
    running: World, mailbox: Mailbox, payfip: PayFipServer
) -> None:
    """Anne swims, Léa eats: one invoice, that Anne alone reads and pays, by a voucher for the
    child and a card for the rest; while anything is open, nobody is erased."""
    home = await couple(running)
    anne, bruno, lea = home.token(running), home.as_bruno(running), home.children[0]
    enrolled = {"family": home.id, "child": home.guardian, "group": GROUP["id"]}
    assert (await post(running, "enrolments", anne, enrolled)).json["state"] == "accepted"
    asked = wish(home, (home.guardian, "natation", DAY), (lea, "cantine", DAY))
    request = (await post(running, "requests", anne, asked)).json
    await decide(running, [(request["id"], n, None) for n in ("1", "2")])
    for token, knows in ((anne, True), (bruno, False)):
        printed = await get(running, f"{API}/veyras/personal-data.pdf", token)
        assert ("natation" in "".join(pages_of(printed.body))) == knows
    assert await holds(running, home)

    running.move_to(datetime(2026, 9, 30, 22, 1, 5, tzinfo=UTC))

    async def invoiced() -> list[dict[str, Any]]:
        items = (await get(running, f"{BILLING}/invoices", anne)).json["items"]
        return [one for one in items if one["state"] == "open"]

    (invoice,) = await eventually(invoiced, what="the month is to be paid")
    path = f"{BILLING}/invoices/{invoice['invoice']}/document.pdf"
    (page,) = pages_of((await get(running, path, anne)).body)
    assert "Natation" in page
    assert "4,50" in page
    assert (await get(running, path, bruno)).status == 404
    orders = {"invoices": [invoice["invoice"]], "email": home.email}
    refused = await running.call("POST", f"{BILLING}/payments", token=bruno, json=orders)
    assert refused.status == 404, "Anne's course is Anne's to pay"

    async def voucher(cents: int) -> Answer:
        officer = running.token(roles=("collection_officer",))
        body = {"family": home.id, "means": "cesu", "cents": cents, "payer": home.guardian,
                "invoices": [invoice["invoice"]]}  # fmt: skip
        return await running.call("POST", f"{BILLING}/office/payments", token=officer, json=body)

    too_much = await voucher(301)
    assert (too_much.status, too_much.json["code"]) == (422, "voucher-too-large")
    assert (await voucher(300)).status == 201, "for the meal of a child, and not for a swim"
    made = await running.call("POST", f"{BILLING}/payments", token=anne, json=orders)
    assert (made.status, made.json["cents"]) == (201, 450)
    idop = made.json["page"].partition("idop=")[2]
    payfip.open(idop)
    payfip.act(idop, "carte", Behaviour(times=0))

    async def settled() -> bool:
        running.move_to(running.clock.town() + timedelta(seconds=3))
        path = f"{BILLING}/payments/{made.json['payment']}"
        return bool((await get(running, path, anne)).json["state"] == "paid")

    await eventually(settled, what="paid by card")
    assert {len(one) for one in (await holds(running, home)).values()} == {0}

    gone = PersonErased(
        family=home.id, guardians=(home.guardian, home.bruno), children=home.children
    )
    await running.say(gone, f"families/{home.id}")

    async def charges() -> set[str]:
        found = await running.store("billing").find("charges", {"family": home.id})
        return {one["child_name"] for one in found}

    async def forgotten() -> bool:
        return await charges() == {ERASED}

    await eventually(forgotten, what="no name is left")
    assert await running.store("notify").count("mails", {"data.child": "Anne"}) == 0


async def test_an_adult_comes_the_same_day_every_week(running: World, mailbox: Mailbox) -> None:
    home = await couple(running)
    bruno = home.as_bruno(running)
    refused = await swims_weekly(running, home, home.guardian, bruno)
    assert refused.status == 403, "nobody enrols another adult"
    sent = await swims_weekly(running, home, home.bruno, bruno)
    assert (sent.status, sent.json["state"]) == (201, "accepted")
    path = f"{API}/veyras/enrolments/{sent.json['id']}"
    request = (await get(running, path, bruno)).json["request"]
    seen = (await get(running, f"{API}/veyras/requests/{request}", bruno)).json
    assert {(one["child"], one["date"]) for one in seen["lines"]} == {
        (home.bruno, day) for day in TUESDAYS
    }
    assert (await get(running, path, home.token(running))).status in (403, 404)
    other = await get(running, f"{API}/veyras/requests/{request}", home.token(running))
    assert other.status in (403, 404), "Bruno's Tuesdays are Bruno's affair"
    mail = await arrived(mailbox, lambda mail: seen["number"] in mail.subject)
    assert (mail.to, "Bruno" in mail.text) == (("bruno@famille.example",), True)

    desk = running.token(roles=("childcare_office",))
    by_phone = await swims_weekly(
        running, home, home.guardian, desk, on_behalf={"channel": "phone"}
    )
    assert by_phone.status == 201, by_phone.json
    path = f"{API}/veyras/enrolments/{by_phone.json['id']}"
    mine = (await get(running, path, home.token(running))).json
    about = await get(running, f"{API}/veyras/requests/{mine['request']}", home.token(running))
    assert [one["child"] for one in about.json["lines"]] == [home.guardian] * len(TUESDAYS)
