"""Other families at every stage, so that each page of the demo has something to show.

In Veyras, an adult whose account is not linked to any family, a family whose requests, change
of dossier, document and letter wait for an agent, one whose enrolment does, a new one that has sent
its dossier, and a parent of two households. In Andancette, where one pays at once, a family with an
invoice to pay for some minutes and one paid at the desk, one with an invoice to pay within the
month, an absence whose proof is to be looked at, a question and a change, and a Wednesday centre
that is full.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from io import BytesIO
from typing import Any

import aiohttp
import pikepdf

from deploy.demo.seed import STORY_KEY, Accounts, DemoAccount
from deploy.demo.story import Portal, bookable, name_as_account, open_account
from deploy.local.mailbox import Mailbox
from shared.contracts.town_file import REQUEST_PROOFS
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


UNLINKED = Neighbour("compte sans famille, Veyras", VEYRAS, "Sami", "Sansdossier")
WAITING = Neighbour("famille qui attend des réponses, Veyras", VEYRAS, "Nora", "Attente")
SHARED = Neighbour("parent de deux foyers, Veyras", VEYRAS, "Alex", "Deuxfoyers")
ENROLLING = Neighbour("famille qui s'inscrit, Veyras", VEYRAS, "Jeanne", "Duquai")
NEW = Neighbour("nouvelle famille, dossier envoyé, Veyras", VEYRAS, "Malik", "Nouveau")
PAYING = Neighbour("famille qui paie en réservant, Andancette", ANDANCETTE, "Paul", "Facture")
OWING = Neighbour("famille avec une facture à payer, Andancette", ANDANCETTE, "Louise", "Duport")
PEOPLE = (UNLINKED, WAITING, SHARED, ENROLLING, NEW, PAYING, OWING)


async def live(origin: str, mailbox: Mailbox, accounts: Accounts, today: date) -> Accounts:
    """Let them all live until ``today`` (the towns'); the accounts with theirs among them."""
    async with aiohttp.ClientSession() as http:
        agents = {one.town: Portal(http, origin, town=one.town) for one in accounts.people}
        for one in accounts.people:
            if one.login_name.startswith("agent."):
                await agents[one.town].log_in(one.login_name, one.password)
        # Each family's keys follow each other: the first is another family's than the story's.
        keys = {town: free.copy() for town, free in accounts.keys.items()}
        unlinked, waiting, shared, enrolling, new, paying, owing = (
            Portal(http, origin, town=one.town) for one in PEOPLE
        )
        await open_account(unlinked, mailbox, UNLINKED.account(None))
        await open_account(waiting, mailbox, WAITING.account(keys[VEYRAS].pop(0)))
        await name_as_account(waiting, agents[VEYRAS])
        await _wait(waiting, today)
        await open_account(shared, mailbox, SHARED.account(keys[VEYRAS].pop(0)))
        await _join_another(shared, keys[VEYRAS])
        await name_as_account(shared, agents[VEYRAS])
        await open_account(enrolling, mailbox, ENROLLING.account(keys[VEYRAS].pop()))
        await name_as_account(enrolling, agents[VEYRAS])
        await _enrol(enrolling)
        await open_account(new, mailbox, NEW.account(None))
        await _register(new)
        await open_account(paying, mailbox, PAYING.account(keys[ANDANCETTE].pop(STORY_KEY)))
        await name_as_account(paying, agents[ANDANCETTE])
        await _pay(paying, agents[ANDANCETTE], today)
        await open_account(owing, mailbox, OWING.account(keys[ANDANCETTE].pop()))
        await name_as_account(owing, agents[ANDANCETTE])
        await _owe(owing, agents[ANDANCETTE], today)
        await _fill(agents[ANDANCETTE], today)
    people = tuple(DemoAccount(one.what, one.town, one.login_name, PASSWORD) for one in PEOPLE)
    return replace(accounts, people=(*accounts.people, *people), keys=keys)


async def _join_another(parent: Portal, keys: list[str]) -> None:
    """Link keys until one is another household's: a family's adults have theirs in a row."""
    while len((await parent.call("GET", "family/household"))["households"]) == 1:
        await parent.call("POST", "identity/family-links", {"key": keys.pop(0)})
        await parent.log_in(SHARED.login_name, PASSWORD)


async def _enrol(family: Portal) -> None:
    """The first child who may be, in the first group that is open."""
    household = await _household(family)
    for child in household["children"]:
        groups = await _groups(family, household["family"], child["id"])
        for group in groups:
            if group["allowed"]:
                regulations = group["regulations"]
                documents = await _documents(
                    family, household["family"], child["id"], group["documents"]
                )
                wish = {
                    "family": household["family"], "child": child["id"], "group": group["id"],
                    "pattern": group["patterns"][0], "documents": documents,
                    **({"regulations": regulations["version"]} if regulations else {}),
                }  # fmt: skip
                await _heard(family, "booking/enrolments", wish)
                return


async def _documents(
    family: Portal, home: str, child: str, wanted: list[dict[str, Any]]
) -> dict[str, list[str]]:
    """One sent of each kind that is wanted."""
    asked = (await family.call("GET", f"family/documents?family={home}"))["asked"]
    about = {one["type"]: one["about"] for one in asked}
    kept: dict[str, list[str]] = {}
    for one in wanted:
        whom = {"child": child} if about[one["id"]] == "child" else {}
        sent = await family.call("POST", "family/documents", {
            "family": home, "type": one["id"], "files": [await _send(family, f"{one['id']}.pdf")],
            **whom,
        })  # fmt: skip
        kept[one["id"]] = [sent["document"]]
    return kept


async def _groups(family: Portal, home: str, child: str) -> list[dict[str, Any]]:
    """What a child may be enrolled in, once booking knows the child."""
    found: list[dict[str, Any]] = []

    async def known() -> bool:
        query = f"family={home}&child={child}"
        try:
            found[:] = (await family.call("GET", f"booking/enrolments?{query}"))["items"]
        except RuntimeError:
            return False
        return True

    await eventually(known)
    return found


async def _register(family: Portal) -> None:
    """A dossier built on line, and sent."""
    postcode, city = _CITIES[NEW.town]
    form = await family.call("GET", "family/registration")
    draft = form["draft"] | {
        "guardian": {
            "first_name": NEW.first_name, "last_name": NEW.last_name, "phone": "06 39 98 12 34",
            "birth_date": "1989-05-17",
            "address": {"street": "4 chemin de la Payre", "postcode": postcode, "city": city},
        },
        "children": [
            {"first_name": "Aya", "last_name": NEW.last_name, "birth_date": "2019-03-21"}
        ],
    }  # fmt: skip
    await family.call("PUT", "family/registration", {"draft": draft, "version": form["version"]})
    await family.call("PUT", "family/registration/sent")


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
    await _change(family, household["family"], me)
    await family.call("POST", "family/documents", {
        "family": household["family"], "type": "assurance", "child": child,
        "files": [await _send(family, "attestation-assurance.pdf")],
    })  # fmt: skip
    await family.call("POST", "family/letters", {
        "family": household["family"], "category": "other", "fields": {"child": child},
        "text": "Bonjour, mon enfant peut-il rentrer seul après la garderie ?",
    })  # fmt: skip


async def _change(family: Portal, home: str, me: str) -> None:
    """Of the dossier; it waits for the town."""
    change = {"act": "set", "member": me, "field": "workplace", "value": "Pépinière du Pont",
              "base": 0}  # fmt: skip
    await family.call("POST", f"family/families/{home}/changes", {"changes": [change]})


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


async def _owe(family: Portal, agent: Portal, today: date) -> None:
    """Days booked at the desk, with a cheque that the bank gave back: the invoice is to be paid.
    The nearest day is missed, with a certificate; a question about it all, and a change."""
    household = await _household(family)
    home, me, child = household["family"], household["me"], household["children"][0]["id"]
    possible = await bookable(family, home, child, today)
    days = [one for one in possible if one["activity"] == "canteen"][:2]
    if days:
        soon = await _too_late_to_book(family, home, child, today)
        await _ask(
            agent, home, child, soon[:1] + days, on_behalf={"channel": "desk"},
            override={"rules": ["deadline"], "reason": "Reprise du travail."},
        )  # fmt: skip
        await _bounce(family, agent, home, await _invoices(family, 1))
        for one in soon[:1]:
            await _miss(family, home, child, one["date"])
    await _change(family, home, me)
    await family.call("POST", "family/letters", {
        "family": home, "category": "invoice",
        "text": "Bonjour, puis-je payer ma facture en deux fois ?",
    })  # fmt: skip


async def _too_late_to_book(
    family: Portal, home: str, child: str, today: date
) -> list[dict[str, Any]]:
    """Canteen days from today on that only an agent may book."""
    query = f"family={home}&child={child}&first={today}&last={today + timedelta(days=4)}"
    entries = (await family.call("GET", f"booking/planning?{query}"))["entries"]
    return [
        one for one in entries
        if one["activity"] == "canteen" and not one["book"]["allowed"] and one["status"] == "free"
    ]  # fmt: skip


async def _bounce(family: Portal, agent: Portal, home: str, invoices: list[dict[str, Any]]) -> None:
    """Pay by a cheque that does not hold; the places are kept."""
    paid = await agent.call("POST", "billing/office/payments", {
        "family": home, "means": "cheque", "reference": "0001235",
        "cents": invoices[0]["total_cents"], "invoices": [invoices[0]["invoice"]],
    })  # fmt: skip

    async def booked() -> bool:
        requests = (await family.call("GET", "booking/requests"))["items"]
        states = {line["state"] for one in requests for line in one["lines"]}
        return states == {"accepted"}

    await eventually(booked)
    path = f"billing/office/payments/{paid['payment']}/reversals"
    await agent.call("POST", path, {"reason": "Chèque rejeté par la banque."})


async def _miss(family: Portal, home: str, child: str, day: str) -> None:
    """An absence for illness, and the certificate that says so where one is asked for."""
    missed = {"child": child, "kind": "absence", "first": day, "last": day, "reason": "sick"}
    made = await family.call("POST", "booking/requests", {"family": home, "ends": [missed]})
    kinds = [kind for line in made["lines"] for kind in line["proofs"]]
    if not kinds:
        return
    kept = await family.call("POST", "family/documents", {
        "family": home, "type": REQUEST_PROOFS["child"].id, "child": child,
        "files": [await _send(family, "certificat.pdf")],
    })  # fmt: skip
    proof = {"kind": kinds[0], "documents": [kept["document"]]}

    await _heard(family, f"booking/requests/{made['id']}/proofs", proof)


async def _heard(family: Portal, path: str, body: dict[str, Any]) -> None:
    """Ask, once booking knows the documents that are named."""

    async def taken() -> bool:
        try:
            await family.call("POST", path, body)
        except RuntimeError as error:
            if "document-unknown" not in str(error):
                raise
            return False
        return True

    await eventually(taken)


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
