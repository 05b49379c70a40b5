"""What goes into the templates, read for a whole batch of mails at a time.

Whether an adult may still receive a mail is asked here, at the moment of sending.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from services.notify.commands.digests import readable
from services.notify.domain.digest import Entry, LastDecisions, Outcome, compose, told_now
from services.notify.domain.shown import (
    Decided,
    activity_name,
    decided,
    enrolment,
    group,
    listed,
)
from services.notify.domain.windows import Window
from services.notify.state import Notify
from services.notify.store.directory import Contact
from shared import french
from shared.contracts.family import FamilyChanged
from shared.contracts.town_file import TownFile
from shared.errors import MissingCopy
from shared.store import Document

#: Mails about money, and which of their data is the guardian whose affair they are.
_ADDRESSED = {
    "invoice": "guardian", "payment": "payer", "direct-debit": "guardian", "debit": "guardian",
}  # fmt: skip


class NotEntitled(Exception):
    """The adult may no longer receive what this mail says."""


@dataclass(frozen=True)
class Contents:
    """Everything a batch of mails needs, in memory."""

    towns: Mapping[str, TownFile]
    contacts: Mapping[tuple[str, str], Contact]
    families: Mapping[str, FamilyChanged]
    digests: Mapping[str, Document]
    windows: Mapping[str, Window]
    outcomes: Mapping[str, Outcome]
    last_decisions: LastDecisions

    def town(self, mail: Document) -> TownFile:
        """The mail's town."""
        found = self.towns.get(mail["town"])
        if found is None:
            raise MissingCopy(f"towns/{mail['town']}")
        return found

    def address(self, mail: Document) -> str | None:
        """Where to send it; None when it has to be printed."""
        if "address" in mail:
            return str(mail["address"])
        contact = self._contact(mail)
        return (contact.email or None) if contact and contact.active else None

    def context(self, mail: Document) -> dict[str, Any]:
        """The template's values, over what the adult may see now."""
        if mail["kind"] == "digest":
            return self._digest(mail)
        if mail["kind"] == "acknowledgement":
            return self._acknowledgement(mail)
        if mail["kind"] == "outcome":
            return self._outcome(mail)
        if mail["kind"].startswith("enrolment"):
            return self._enrolment(mail)
        if mail["kind"].startswith("dossier"):
            return self._dossier(mail)
        if mail["kind"].startswith("document"):
            return self._document(mail)
        if mail["kind"].startswith("letter"):
            self._check_linked(mail)
        if whose := _ADDRESSED.get(mail["kind"]):
            self._check_addressed(mail, mail["data"][whose])
        return {"data": mail["data"]}

    def seconds_since_cut_off(self, mail: Document, now: datetime) -> float:
        """How long after its cut-off a digest was handed over."""
        return (now - self.windows[mail["run"]].end).total_seconds()

    # -- who -------------------------------------------------------------------------------

    def _contact(self, mail: Document) -> Contact | None:
        if mail["account"] is None:
            return None
        return self.contacts.get((mail["town"], mail["account"]))

    def guardian(self, mail: Document, family: str) -> str | None:
        """Which guardian of a family a mail is for. What is for nobody's account is a letter to the
        family: to whom its invoices are addressed."""
        if mail["account"] is not None:
            contact = self._contact(mail)
            return contact.families.get(family) if contact else None
        card = self.families.get(family)
        guardians = card.guardians if card else ()
        return next((one.id for one in guardians if one.invoiced), None)

    def _check_addressed(self, mail: Document, guardian: str) -> None:
        """Money is the affair of one guardian, as long as the account is that one's."""
        contact = self._contact(mail)
        if contact is None:
            return
        mine = contact.families.get(mail["family"])
        card = self.families.get(mail["family"])
        known = next((one.ids for one in card.guardians if mine in one.ids), ()) if card else ()
        if guardian != mine and guardian not in known:
            raise NotEntitled

    def _check_linked(self, mail: Document) -> None:
        """The thread is read by whoever is still of the family."""
        if self.guardian(mail, mail["family"]) is None:
            raise NotEntitled

    def _children(self, mail: Document, family: str, *, asked: bool) -> dict[str, str]:
        """First names of those of the family about whom the adult may be written to now."""
        card = self.families.get(family)
        if card is None:
            raise MissingCopy(f"families/{family}")
        guardian = self.guardian(mail, family)
        if guardian is None:
            raise NotEntitled
        allowed = readable(card, guardian, asked=asked)
        return {
            _id: one.first_name for one in card.participants for _id in one.ids if _id in allowed
        }

    # -- what ------------------------------------------------------------------------------

    def _acknowledgement(self, mail: Document) -> dict[str, Any]:
        data, town = mail["data"], self.town(mail)
        names = self._children(mail, data["family"], asked=data["account"] == mail["account"])
        lines = [line for line in data["lines"] if line["child"] in names]
        if not lines:
            raise NotEntitled
        order = list(names)
        lines.sort(key=lambda line: (order.index(line["child"]), line["activity"], line["date"]))
        return {
            "number": data["number"],
            "requested_at": data["requested_at"],
            "periods": data["periods"],
            "lines": len(lines),
            "groups": [
                group(town, names[child], activity, list(part))
                for (child, activity), part in groupby(
                    lines, key=lambda line: (line["child"], line["activity"])
                )
            ],
            "not_retained": [
                {
                    "child": names[entry["child"]],
                    "activity": activity_name(town, entry["activity"]),
                    "date": entry["date"],
                    "reason": entry["reason"]["text"],
                }
                for entry in data["not_retained"]
                if entry["child"] in names
            ],
            "booked": any(line["kind"] == "book" for line in lines),
            "comment": data["comment"],
            "attachments": len(data["attachments"]),
            "waiting": any(
                line["state"] == "requested" and not line.get("pay_until") for line in lines
            ),
            "cut_offs": listed([f"à {french.time_words(cut)}" for cut in town.digest.at]),
        }

    def _enrolment(self, mail: Document) -> dict[str, Any]:
        data = mail["data"]
        asked = mail["account"] in (data["account"], data.get("withdrawn_by"))
        names = self._children(mail, data["family"], asked=asked)
        if data["child"] not in names:
            raise NotEntitled
        return {"data": data, "child": names[data["child"]], **enrolment(self.town(mail), data)}

    def _dossier(self, mail: Document) -> dict[str, Any]:
        """What a guardian sent, or what became of it: about themselves, the household and the
        children whom they may still see."""
        data = mail["data"]
        names = self._children(mail, data["family"], asked=True)
        known = {child.id for child in self.families[data["family"]].children}
        items = [
            {**item, "child": names.get(item["child"])}
            for item in data["items"]
            if item["child"] not in known or item["child"] in names
        ]
        if not items:
            raise NotEntitled
        return {"data": data, "entries": items}

    def _document(self, mail: Document) -> dict[str, Any]:
        """About whom a document is: the adult may still be told, or nobody is."""
        data = mail["data"]
        names = self._children(mail, data["family"], asked=mail["account"] == data["account"])
        if data["child"] is not None and data["child"] not in names:
            raise NotEntitled
        mine = self.guardian(mail, data["family"])
        if data["guardian"] is not None and mine != data["guardian"]:
            raise NotEntitled
        return {"data": data, "child": names.get(data["child"])}

    def _outcome(self, mail: Document) -> dict[str, Any]:
        town = self.town(mail)
        outcomes = [self.outcomes[_id] for _id in mail["outcomes"]]
        asked = outcomes[0].account == mail["account"]
        names = self._children(mail, mail["family"], asked=asked)
        entries = [
            decided(town, names, told_now(outcome))
            for outcome in outcomes
            if outcome.child in names
        ]
        if not entries:
            raise NotEntitled
        return {"number": outcomes[0].number, "entries": entries}

    def _digest(self, mail: Document) -> dict[str, Any]:
        town = self.town(mail)
        window = self.windows[mail["run"]]
        names: dict[str, str] = {}
        outcomes: list[Outcome] = []
        for cover in mail["covers"]:
            digest = self.digests[cover.partition("|")[0]]
            try:
                seen = self._children(mail, digest["family"], asked=False)
                asked = self._children(mail, digest["family"], asked=True)
            except NotEntitled:
                continue
            names |= asked
            for outcome in (self.outcomes[_id] for _id in digest["outcomes"]):
                own = outcome.account == mail["account"]
                if outcome.child in (asked if own else seen):
                    outcomes.append(outcome)
        if not outcomes:
            raise NotEntitled
        content = compose(outcomes, window, self.last_decisions)

        def view(entry: Entry) -> Decided:
            return decided(town, names, entry)

        several = len({outcome.family for outcome in outcomes}) > 1
        return {
            "window": window,
            "decided_by": self._decided_by(town, outcomes),
            "accepted": content.accepted,
            "refused": content.refused,
            "refused_first": [view(entry) for entry in content.refused_first],
            "families": [
                {
                    "name": f"Famille n° {self.families[family].reference}" if several else None,
                    "children": [
                        {"name": names[child], "entries": [view(entry) for entry in entries]}
                        for child, entries in content.children.items()
                        if entries[0].outcome.family == family
                    ],
                }
                for family in content.families
            ],
            "late": [view(entry) for entry in content.late],
        }

    def _decided_by(self, town: TownFile, outcomes: Sequence[Outcome]) -> str:
        """The service's name, unless the town shows persons."""
        if not town.digest.show_agents:
            return town.contact.service
        agents = {one.agent for one in outcomes if one.agent}
        found = [self.contacts.get((town.town, agent)) for agent in sorted(agents)]
        names = [f"{one.first_name} {one.last_name}" for one in found if one is not None]
        return listed(names) or town.contact.service


async def load(notify: Notify, mails: Sequence[Document]) -> Contents:
    """Read what a batch of mails needs, in a few queries."""
    towns = {}
    for slug in {mail["town"] for mail in mails}:
        found = await notify.towns.find(slug)
        if found is not None:
            towns[slug] = found.file
    covers = [cover.partition("|")[0] for mail in mails for cover in mail.get("covers", ())]
    digests = await notify.digests.digests(covers)
    holders = [*digests.values(), *(mail for mail in mails if "outcomes" in mail)]
    outcomes = {
        outcome.id: outcome
        for outcome in await notify.digests.outcomes(
            [_id for holder in holders for _id in holder["outcomes"]]
        )
    }
    families = {mail["family"] for mail in mails if mail.get("family")}
    families |= {digest["family"] for digest in digests.values()}
    contacts: dict[tuple[str, str], Contact] = {}
    for slug in towns:
        accounts = {mail["account"] for mail in mails if mail["account"] and mail["town"] == slug}
        accounts |= {outcome.agent for outcome in outcomes.values() if outcome.agent}
        for account, contact in (await notify.directory.contacts(slug, accounts)).items():
            contacts[slug, account] = contact
    runs = await notify.digests.runs({mail["run"] for mail in mails if mail.get("run")})
    return Contents(
        towns=towns,
        contacts=contacts,
        families=await notify.directory.families(families),
        digests=digests,
        windows=runs,
        outcomes=outcomes,
        last_decisions=await _decided_since(notify, mails, digests, runs, outcomes),
    )


async def _decided_since(
    notify: Notify,
    mails: Sequence[Document],
    digests: Mapping[str, Document],
    runs: Mapping[str, Window],
    outcomes: Mapping[str, Outcome],
) -> LastDecisions:
    """The last decisions of requests of which an outcome came later than its window."""
    late = {
        outcomes[_id].request
        for mail in mails
        for cover in mail.get("covers", ())
        for _id in digests[cover.partition("|")[0]]["outcomes"]
        if outcomes[_id].decided_at < runs[mail["run"]].start
    }
    return await notify.digests.last_decisions(late) if late else {}
