"""What families have done before an agent acts, by the public API."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import aiohttp
from playwright.async_api import Page, expect

from deploy.demo.life import PASSWORD
from deploy.demo.story import Portal, bookable
from tests.portal.conftest import AGENT, Demo, log_in, mailed_link
from tests.portal.looking import look, opened
from tests.world import eventually

ANDANCETTE = "andancette"
TODAY = date(2026, 9, 14)


async def portal_of(http: aiohttp.ClientSession, demo: Demo, who: str, town: str) -> Portal:
    """Somebody of the demo, by the first name, or its agent."""
    portal = Portal(http, demo.origin, town=town)
    password = AGENT[1] if who == "agent" else PASSWORD
    await portal.log_in(f"agent.{town}" if who == "agent" else f"{who}.demo", password)
    return portal


async def household(family: Portal) -> dict[str, Any]:
    """The first of the family's households."""
    found: dict[str, Any] = (await family.call("GET", "family/household"))["households"][0]
    return found


async def paid_at_the_desk(agent: Portal, family: Portal, asked: list[dict[str, Any]]) -> Any:
    """A request of days that are paid at booking, and its payment by cheque: the request, its
    lines accepted."""
    home = await household(family)
    before = await _open(family)
    made = await agent.call("POST", "booking/requests", {
        "family": home["family"], "asked": asked, "on_behalf": {"channel": "desk"},
        "override": {"rules": ["deadline"], "reason": "Changement d'horaires."},
    })  # fmt: skip

    async def issued() -> Any:
        return [one for one in await _open(family) if one not in before]

    (invoice,) = await eventually(issued)
    found = await family.call("GET", f"billing/invoices/{invoice}")
    await agent.call("POST", "billing/office/payments", {
        "family": home["family"], "means": "cheque", "reference": "0007",
        "cents": found["total_cents"], "invoices": [invoice], "payer": home["guardians"][0]["id"],
    })  # fmt: skip

    async def accepted() -> Any:
        request = await agent.call("GET", f"booking/requests/{made['id']}")
        return request if {one["state"] for one in request["lines"]} == {"accepted"} else None

    return await eventually(accepted)


async def _open(family: Portal) -> list[str]:
    found = await family.call("GET", "billing/invoices?state=open")
    return [one["invoice"] for one in found["items"]]


async def possible(family: Portal, activity: str, count: int) -> list[dict[str, Any]]:
    """So many days of an activity that may be booked, as the API asks for them."""
    home = await household(family)
    child = home["children"][0]["id"]
    found = await bookable(family, home["family"], child, TODAY)
    days = [one for one in found if one["activity"] == activity][:count]
    assert len(days) == count
    return [
        {"child": child, "activity": activity, "units": [one["unit"]], "day": one["date"]}
        for one in days
    ]


async def with_mandate(family: Portal, office: Portal, record: str) -> None:
    """A mandate of the family's, if it has none yet."""
    seen = await family.call("GET", f"billing/direct-debit?family={record}")
    if seen["mandate"] is not None:
        return
    await family.call("POST", "billing/direct-debit/requests", {
        "family": record, "iban": "FR7630006000011234567890189", "holder": "C Demo",
        "agreed": True, "agreed_on": str(TODAY), "counts_from": seen["next_month"],
    })  # fmt: skip
    asked = await family.call("GET", f"billing/direct-debit?family={record}")
    await office.call(
        "POST", f"billing/office/direct-debits/{record}/acceptances",
        {"request": asked["request"]["request"]},
    )  # fmt: skip


async def move_clock(demo: Demo, to: str) -> None:
    """The towns' clock of the demo, forward."""
    async with aiohttp.ClientSession() as http:
        moved = await http.post(f"{demo.origin}/demo/clock", data={"to": to}, allow_redirects=False)
        assert moved.status == 303


async def joined(
    demo: Demo, page: Page, office: Portal, first_name: str, **powers: Any
) -> tuple[str, str]:
    """Somebody invited as an agent, who has followed the mail's link and logged in."""
    name = first_name.lower()
    who = (f"{name}.agent", "huit-tampons-repeints-deux-fois")
    await office.call("POST", "identity/agents", {
        "email": f"{name}@veyras.example", "first_name": first_name, "last_name": "Agent",
        "login_name": who[0], **powers,
    })  # fmt: skip
    await page.goto(await mailed_link(demo, page, f"{name}@veyras.example", "accès d'agent"))
    for label in ("^Mot de passe", "^Le même"):
        await page.get_by_label(re.compile(label)).fill(who[1])
    await page.get_by_role("button", name="Enregistrer").click()
    await log_in(demo, page, who)
    return who


async def given_back(demo: Demo, page: Page, home: dict[str, Any]) -> None:
    """An agent gives back some of what was paid, by the payment; the list says to whom."""
    payer = "{first_name} {last_name}".format(**home["guardians"][0])
    await opened(page, demo.at(f"/agents/familles/{home['family']}/factures", ANDANCETTE))
    whose = page.get_by_label("Argent de quel paiement")
    await expect(whose).to_contain_text(payer)
    await whose.select_option(index=1)
    await page.get_by_label("Remboursement, en euros").fill("0,10")
    await look(page)
    await page.get_by_role("button", name="Rembourser").click()
    await expect(page.get_by_role("status")).to_contain_text("1 virement à faire")
    await opened(page, demo.at("/agents/virements", ANDANCETTE))
    await expect(page.get_by_role("cell", name=payer)).to_have_count(2)
