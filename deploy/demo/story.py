"""One family's way through Préau, over HTTP as a portal would go it.

An adult creates an account, follows the mail's link, logs in, links the family with the key of
the letter, looks at the household and the planning, asks for days; an agent accepts some and
refuses others. The digest that says so leaves at the town's next cut-off.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import aiohttp

from deploy.demo.seed import STORY_KEY, Accounts, DemoAccount
from deploy.local.mailbox import Mailbox
from shared.ids import new_id
from shared.waiting import eventually

TOWN = "veyras"
LOGIN = "camille.demo"
PASSWORD = "onze-parapluies-repeints"  # noqa: S105 - printed for whoever tries the demo
EMAIL = "camille@famille.example"
_ACCOUNT = {
    "identity": {"first_name": "Camille", "last_name": "Duparc"},
    "address": {"street": "1 place de la Mairie", "postcode": "07000", "city": "Veyras"},
    "contact": {"email": EMAIL},
    "credentials": {"login_name": LOGIN, "password": PASSWORD},
}


_NEWS = (
    {
        "title": "Menus de la cantine", "audience": "everybody",
        "text": "Les menus sont affichés à l'école **chaque vendredi** pour la semaine suivante.",
    },
    {
        "title": "Assurance scolaire",
        "text": "Pensez à envoyer l'attestation de l'année : rubrique *Pièces justificatives*.",
    },
)  # fmt: skip


@dataclass
class Portal:
    """A front end: calls the public API, and nothing else."""

    http: aiohttp.ClientSession
    origin: str
    token: str | None = None
    town: str = TOWN

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a successful call. Raises ``RuntimeError`` with the problem otherwise."""
        service, _, rest = path.partition("/")
        url = f"{self.origin}/api/{service}/v1/{self.town}/{rest}"
        headers = {"Idempotency-Key": new_id()}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        async with self.http.request(method, url, json=body, headers=headers) as answer:
            content = await answer.json(content_type=None) if answer.content_length != 0 else None
            if not answer.ok:
                raise RuntimeError(f"{method} {path}: {answer.status} {content}")
            return content

    async def log_in(self, login_name: str, password: str) -> None:
        """Act as this account from now on."""
        credentials = {"login_name": login_name, "password": password}
        self.token = None
        tokens = await self.call("POST", "identity/login-sessions", credentials)
        self.token = tokens["access_token"]


async def tell(origin: str, mailbox: Mailbox, accounts: Accounts, today: date) -> Accounts:
    """Tell the story from ``today`` (the towns'); the accounts with the family's one among
    them."""
    async with aiohttp.ClientSession() as http:
        family, agent = Portal(http, origin), Portal(http, origin)
        await _join(family, mailbox, accounts.keys[TOWN].pop(STORY_KEY))
        office = next(one for one in accounts.people if one.town == TOWN)
        await agent.log_in(office.login_name, office.password)
        await name_as_account(family, agent)
        requests = await _ask(family, today)
        await _decide(agent, requests)
        await _tell_and_write(family, agent)
    camille = DemoAccount("famille, Veyras", TOWN, LOGIN, PASSWORD)
    return replace(accounts, people=(*accounts.people, camille))


async def _join(family: Portal, mailbox: Mailbox, key: str) -> None:
    await open_account(family, mailbox, _ACCOUNT)
    await family.call("POST", "identity/family-links", {"key": key})
    await family.log_in(LOGIN, PASSWORD)


async def open_account(portal: Portal, mailbox: Mailbox, account: dict[str, Any]) -> None:
    """Sign up, follow the mail's link, log in."""
    email = account["contact"]["email"]
    await portal.call("POST", "identity/accounts", account)
    await mailbox.wait_for(lambda mails: any(email in mail.to for mail in mails), 15)
    text = next(mail.text for mail in mailbox.messages if email in mail.to) or ""
    found = re.search(r"token=(\S+)", text)
    if found is None:
        raise RuntimeError("the activation mail has no link")
    await portal.call("POST", "identity/activations", {"token": found[1]})
    credentials = account["credentials"]
    await portal.log_in(credentials["login_name"], credentials["password"])


async def name_as_account(family: Portal, agent: Portal) -> None:
    """Have the adult of the family's dossier called as the account is: somebody is who they are,
    wherever one reads it."""
    me = await family.call("GET", "identity/me")
    for household in (await family.call("GET", "family/household"))["households"]:
        path = f"family/families/{household['family']}"
        members = (await agent.call("GET", f"{path}/dossier"))["members"]
        (mine,) = (one for one in members if one["member"] == household["me"])
        revisions = {one["name"]: one["revision"] for one in mine["fields"]}
        changes = [
            {"act": "set", "member": household["me"], "field": name, "value": me[name],
             "base": revisions[name]}
            for name in ("first_name", "last_name")
        ]  # fmt: skip
        await agent.call("POST", f"{path}/changes", {"changes": changes})


async def _ask(family: Portal, today: date) -> list[dict[str, Any]]:
    """One evening of after-school care, one canteen day, and a month of canteen days, as far as
    the coming four months have any: in summer the next school year may not be known yet."""
    household = (await family.call("GET", "family/household"))["households"][0]
    child = household["children"][0]["id"]
    possible = await bookable(family, household["family"], child, today)
    care = [entry["date"] for entry in possible if entry["unit"] == "evening"]
    canteen = [entry["date"] for entry in possible if entry["activity"] == "canteen"]
    wishes: list[dict[str, Any]] = []
    if care:
        wishes.append({"activity": "garderie", "units": ["evening"], "day": care[0]})
    if canteen:
        wishes.append({"activity": "canteen", "units": ["meal"], "day": canteen[0]})
    later = [day for day in canteen[1:] if date.fromisoformat(day).isoweekday() in (1, 4)]
    if later:
        month = date.fromisoformat(canteen[0]) + timedelta(days=30)
        wishes.append({"activity": "canteen", "units": ["meal"], "period": {
            "first": canteen[1], "last": max(str(month), later[0]),
            "weekdays": ["monday", "thursday"]}})  # fmt: skip
    return [
        await family.call(
            "POST", "booking/requests",
            {"family": household["family"], "asked": [{"child": child, **wish}]},
        )
        for wish in wishes
    ]  # fmt: skip


async def bookable(portal: Portal, family: str, child: str, today: date) -> list[dict[str, Any]]:
    """What of the coming four months' planning may be booked, once booking knows the child."""

    async def planned() -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        for start in (today, today + timedelta(days=61)):
            query = f"family={family}&child={child}&first={start}&last={start + timedelta(days=60)}"
            entries += (await portal.call("GET", f"booking/planning?{query}"))["entries"]
        return [entry for entry in entries if entry["book"]["allowed"]]

    async def booking_knows() -> bool:
        try:
            await planned()
        except RuntimeError:
            return False
        return True

    await eventually(booking_knows)
    return await planned()


async def _tell_and_write(family: Portal, agent: Portal) -> None:
    """The town's news, a letter of the family's, the town's answer."""
    for item in _NEWS:
        await agent.call("POST", "family/news", item)
    household = (await family.call("GET", "family/household"))["households"][0]
    written = await family.call("POST", "family/letters", {
        "family": household["family"], "category": "other",
        "text": "Bonjour, à quelle heure ouvre la garderie le matin ?",
    })  # fmt: skip
    answer = {"text": "Bonjour, à 7 h 30. Belle journée."}
    await agent.call("POST", f"family/letters/{written['letter']}/messages", answer)


async def _decide(agent: Portal, requests: list[dict[str, Any]]) -> None:
    """Accept all that waits but the last line of each longer request."""
    decisions = []
    for request in requests:
        waiting = [line for line in request["lines"] if line["state"] == "requested"]
        for line in waiting:
            refused = len(waiting) > 1 and line is waiting[-1]
            decisions.append(
                {"request": request["id"], "line": line["line"],
                 "outcome": "refused" if refused else "accepted",
                 "reason": "Sortie scolaire ce jour-là." if refused else None}
            )  # fmt: skip
    if decisions:
        await agent.call("POST", "booking/decisions", {"decisions": decisions})
