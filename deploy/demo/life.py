"""Other families at every stage, so that each page of the demo has something to show.

In Veyras, an adult whose account is not linked to any family, a family whose requests, change
of dossier, document and letter wait for an agent, and a parent of two households. In Andancette,
where one pays at once, a family with an invoice to pay and one paid at the desk, and a Wednesday
centre that is full.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from io import BytesIO
from typing import Any

import aiohttp
import pikepdf

from deploy.demo.seed import Accounts, DemoAccount
from deploy.demo.story import Portal, bookable, open_account
from deploy.local.mailbox import Mailbox
from shared.ids import new_id
from shared.waiting import eventually

PASSWORD = "neuf-lanternes-repeintes"  # noqa: S105 - printed for whoever tries the demo
VEYRAS, ANDANCETTE = "veyras", "andancette"
_FULL_DAYS = 2
_CITIES = {VEYRAS: ("07000", "Veyras"), ANDANCETTE: ("26140", "Andancette")}


@dataclass(frozen=True)
class Neighbour:
    """An adult of the demo, and what there is to see in its space."""

    what: str
    town: str
    first_name: str
    last_name: str

    @property
    def login_name(self) -> str:
        """What it logs in with."""
        return f"{self.first_name.lower()}.demo"

    def account(self, key: str | None) -> dict[str, Any]:
        """The sign-up."""
        postcode, city = _CITIES[self.town]
        return {
            "identity": {"first_name": self.first_name, "last_name": self.last_name},
            "address": {"street": "2 rue des Écoles", "postcode": postcode, "city": city},
            "contact": {"email": f"{self.first_name.lower()}@famille.example"},
            "credentials": {"login_name": self.login_name, "password": PASSWORD},
            **({"family_key": key} if key else {}),
        }


UNLINKED = Neighbour("account without a family, Veyras", VEYRAS, "Sami", "Sansdossier")
WAITING = Neighbour("family that waits for answers, Veyras", VEYRAS, "Nora", "Attente")
SHARED = Neighbour("parent of two households, Veyras", VEYRAS, "Alex", "Deuxfoyers")
PAYING = Neighbour("family with invoices, Andancette", ANDANCETTE, "Paul", "Facture")


async def live(origin: str, mailbox: Mailbox, accounts: Accounts, today: date) -> Accounts:
    """Let them all live until ``today`` (the towns'); the accounts with theirs among them."""
    async with aiohttp.ClientSession() as http:
        agents = {one.town: Portal(http, origin, town=one.town) for one in accounts.people}
        for one in accounts.people:
            if one.login_name.startswith("agent."):
                await agents[one.town].log_in(one.login_name, one.password)
        # Each family's keys follow each other: the first is another family's than the story's.
        keys = {town: free.copy() for town, free in accounts.keys.items()}
        unlinked, waiting, shared, paying = (
            Portal(http, origin, town=one.town) for one in (UNLINKED, WAITING, SHARED, PAYING)
        )
        await open_account(unlinked, mailbox, UNLINKED.account(None))
        await open_account(waiting, mailbox, WAITING.account(keys[VEYRAS].pop(0)))
        await _wait(waiting, today)
        await open_account(shared, mailbox, SHARED.account(keys[VEYRAS].pop(0)))
        await _join_another(shared, keys[VEYRAS])
        await open_account(paying, mailbox, PAYING.account(keys[ANDANCETTE].pop()))
        await _pay(paying, agents[ANDANCETTE], today)
        await _fill(agents[ANDANCETTE], today)
    people = tuple(
        DemoAccount(one.what, one.town, one.login_name, PASSWORD)
        for one in (UNLINKED, WAITING, SHARED, PAYING)
    )
    return replace(accounts, people=(*accounts.people, *people), keys=keys)


async def _join_another(parent: Portal, keys: list[str]) -> None:
    """Link keys until one is another household's: a family's adults have theirs in a row."""
    while len((await parent.call("GET", "family/household"))["households"]) == 1:
        await parent.call("POST", "identity/family-links", {"key": keys.pop(0)})
        await parent.log_in(SHARED.login_name, PASSWORD)


async def _household(family: Portal) -> dict[str, Any]:
    found: dict[str, Any] = (await family.call("GET", "family/household"))["households"][0]
    return found


async def _ask(
    portal: Portal, family: str, child: str, entries: list[dict[str, Any]], **how: Any
) -> dict[str, Any]:
    asked = [
        {"child": child, "activity": one["activity"], "units": [one["unit"]], "day": one["date"]}
        for one in entries
    ]
    made: dict[str, Any] = await portal.call(
        "POST", "booking/requests", {"family": family, "asked": asked, **how}
    )
    return made


async def _wait(family: Portal, today: date) -> None:
    """Days asked for, a change, a document and a letter; nobody answers yet."""
    household = await _household(family)
    child, me = household["children"][0]["id"], household["me"]
    possible = await bookable(family, household["family"], child, today)
    meals = [one for one in possible if one["activity"] == "canteen"]
    if meals:
        comment = "Je reprends le travail à temps plein."
        await _ask(family, household["family"], child, meals[:4], comment=comment)
    change = {"act": "set", "member": me, "field": "workplace", "value": "Pépinière du Pont",
              "base": 0}  # fmt: skip
    await family.call("POST", f"family/families/{household['family']}/changes",
                      {"changes": [change]})  # fmt: skip
    await family.call("POST", "family/documents", {
        "family": household["family"], "type": "assurance", "child": child,
        "files": [await _send(family, "attestation-assurance.pdf")],
    })  # fmt: skip
    await family.call("POST", "family/letters", {
        "family": household["family"], "category": "other", "fields": {"child": child},
        "text": "Bonjour, mon enfant peut-il rentrer seul après la garderie ?",
    })  # fmt: skip


async def _send(family: Portal, name: str) -> str:
    """A file of one blank page; its id."""
    written = BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page()
        made.save(written)
    headers = {
        "Authorization": f"Bearer {family.token}", "Content-Type": "application/pdf",
        "Content-Disposition": f'attachment; filename="{name}"', "Idempotency-Key": new_id(),
    }  # fmt: skip
    url = f"{family.origin}/api/family/v1/{family.town}/files"
    async with family.http.post(url, data=written.getvalue(), headers=headers) as answer:
        answer.raise_for_status()
        return str((await answer.json())["file"])


async def _pay(family: Portal, agent: Portal, today: date) -> None:
    """Two baskets that are paid at once: the first at the desk, the second not yet."""
    household = await _household(family)
    child = household["children"][0]["id"]
    possible = await bookable(family, household["family"], child, today)
    meals = [one for one in possible if one["activity"] == "canteen"]
    if len(meals) < 5:
        return
    await _ask(family, household["family"], child, meals[:2])
    invoices = await _invoices(family, 1)
    await agent.call("POST", "billing/office/payments", {
        "family": household["family"], "means": "cheque", "reference": "0001234",
        "cents": invoices[0]["total_cents"], "invoices": [invoices[0]["invoice"]],
    })  # fmt: skip
    await _ask(family, household["family"], child, meals[2:5])
    await _invoices(family, 2)


async def _invoices(family: Portal, count: int) -> list[dict[str, Any]]:
    """The family's, once there are so many."""
    found: list[dict[str, Any]] = []

    async def issued() -> bool:
        found[:] = (await family.call("GET", "billing/invoices"))["items"]
        return len(found) == count

    await eventually(issued)
    return found


async def _fill(agent: Portal, today: date) -> None:
    """The next Wednesdays, booked by an agent for families that called until none is left."""
    for line in (await agent.call("GET", "family/families?search=A0000"))["families"]:
        family = await agent.call("GET", f"family/families/{line['family']}")
        for child in family["children"]:
            possible = await bookable(agent, line["family"], child["id"], today)
            wednesdays = [one for one in possible if one["activity"] == "wednesday"][:_FULL_DAYS]
            wanted = [one for one in wednesdays if one["places_left"]]
            if not wanted:
                return
            await _ask(agent, line["family"], child["id"], wanted, on_behalf={"channel": "phone"})
