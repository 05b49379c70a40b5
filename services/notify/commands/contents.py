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
from services.notify.domain.digest import Content, Entry, Outcome, compose
from services.notify.domain.windows import Window
from services.notify.state import Notify
from services.notify.store.directory import Contact
from shared import french
from shared.contracts.family import FamilyChanged
from shared.contracts.town_file import TownFile, Unit
from shared.errors import MissingCopy
from shared.store import Document

_STATES = {"requested": "en attente de décision", "accepted": "acceptée", "refused": "refusée"}
_STYLES = {"requested": "waiting", "accepted": "accepted", "refused": "refused"}


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
        return contact.email if contact and contact.active else None

    def context(self, mail: Document) -> dict[str, Any]:
        """The template's values, over what the adult may see now."""
        if mail["kind"] == "digest":
            return self._digest(mail)
        if mail["kind"] == "acknowledgement":
            return self._acknowledgement(mail)
        if mail["kind"] == "outcome":
            return self._outcome(mail)
        if mail["kind"] == "invoice":
            self._check_invoiced(mail)
        return {"data": mail["data"]}

    def seconds_since_cut_off(self, mail: Document, now: datetime) -> float:
        """How long after its cut-off a digest was handed over."""
        return (now - self.windows[mail["run"]].end).total_seconds()

    # -- who -------------------------------------------------------------------------------

    def _contact(self, mail: Document) -> Contact | None:
        if mail["account"] is None:
            return None
        return self.contacts.get((mail["town"], mail["account"]))

    def _check_invoiced(self, mail: Document) -> None:
        """An invoice is for the guardian it is addressed to, as long as the account is that one."""
        contact = self._contact(mail)
        if contact and contact.families.get(mail["family"]) != mail["data"]["guardian"]:
            raise NotEntitled

    def _children(self, mail: Document, family: str, *, asked: bool) -> dict[str, str]:
        """First names of the family's children about whom the adult may be written to now."""
        card = self.families.get(family)
        if card is None:
            raise MissingCopy(f"families/{family}")
        contact = self._contact(mail)
        guardian = contact.families.get(family) if contact else None
        if guardian is None:
            raise NotEntitled
        allowed = readable(card, guardian, asked=asked)
        return {child.id: child.first_name for child in card.children if child.id in allowed}

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
                _group(town, names[child], activity, list(part))
                for (child, activity), part in groupby(
                    lines, key=lambda line: (line["child"], line["activity"])
                )
            ],
            "not_retained": [
                {
                    "child": names[entry["child"]],
                    "activity": _activity(town, entry["activity"])[0],
                    "date": entry["date"],
                    "reason": entry["reason"]["text"],
                }
                for entry in data["not_retained"]
                if entry["child"] in names
            ],
            "waiting": any(line["state"] == "requested" for line in lines),
            "cut_offs": _listed([f"à {french.time_words(cut)}" for cut in town.digest.at]),
        }

    def _outcome(self, mail: Document) -> dict[str, Any]:
        data, town = mail["data"], self.town(mail)
        names = self._children(mail, data["family"], asked=data["account"] == mail["account"])
        entries = [
            {
                **_entry_common(town, line["activity"], line["unit"]),
                "child": names[line["child"]],
                "accepted": data["accepted"],
                "date": line["date"],
                "number": data["number"],
                "requested_at": data["requested_at"],
                "reason": line["reason"]["text"] if line["reason"] else None,
                "decided_at": data["decided_at"],
                "replaces": None,
                "modifies": line["replaces"]["decided_at"] if line["replaces"] else None,
                "late": False,
                "told": False,
            }
            for line in data["lines"]
            if line["line"] in data["told"] and line["child"] in names
        ]
        if not entries:
            raise NotEntitled
        return {"number": data["number"], "entries": entries}

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
        content = compose(outcomes, window)

        def view(entry: Entry) -> dict[str, Any]:
            return _entry(town, names, entry)

        several = len({outcome.family for outcome in outcomes}) > 1
        return {
            "window": window,
            "decided_by": self._decided_by(town, outcomes),
            **_counts(content),
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
        return _listed(names) or town.contact.service


async def load(notify: Notify, mails: Sequence[Document]) -> Contents:
    """Read what a batch of mails needs, in a few queries."""
    towns = {}
    for slug in {mail["town"] for mail in mails}:
        found = await notify.towns.find(slug)
        if found is not None:
            towns[slug] = found.file
    covers = [cover.partition("|")[0] for mail in mails for cover in mail.get("covers", ())]
    digests = await notify.digests.digests(covers)
    outcomes = {
        outcome.id: outcome
        for outcome in await notify.digests.outcomes(
            [_id for digest in digests.values() for _id in digest["outcomes"]]
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
    )


def _activity(town: TownFile, activity: str) -> tuple[str, str | None, Mapping[str, Unit]]:
    """Name, site and units of an activity; what a town no longer offers goes by its id."""
    found = town.activity(activity)
    if found is None:
        return _plain(activity), None, {}
    return found.name, found.site, {unit.id: unit for unit in found.units}


def _plain(slug: str) -> str:
    return slug.replace("-", " ").capitalize()


def _group(
    town: TownFile, child: str, activity: str, lines: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    name, site, units = _activity(town, activity)
    return {
        "child": child,
        "activity": name,
        "site": site,
        "months": [
            {
                "name": french.month_name(datetime.fromisoformat(f"{month}-01").date()),
                "lines": [
                    {
                        "date": line["date"],
                        "slot": units[line["unit"]].slot() if line["unit"] in units else None,
                        "state": _STATES[line["state"]],
                        "style": _STYLES[line["state"]],
                        "reason": line["reason"]["text"] if line["reason"] else None,
                        "cancel_until": line["cancel_until"]
                        if line["state"] != "refused"
                        else None,
                        "cancel_never": line["state"] != "refused" and not line["cancel_until"],
                    }
                    for line in part
                ],
            }
            for month, part in groupby(lines, key=lambda line: line["date"][:7])
        ],
    }


def _entry_common(town: TownFile, activity: str, unit: str) -> dict[str, Any]:
    name, _, units = _activity(town, activity)
    shown = units[unit].name if unit in units else _plain(unit)
    return {"activity": name, "unit": shown if town.digest.show_units else None}


def _entry(town: TownFile, names: Mapping[str, str], entry: Entry) -> dict[str, Any]:
    outcome = entry.outcome
    return {
        **_entry_common(town, outcome.activity, outcome.unit),
        "child": names[outcome.child],
        "accepted": outcome.accepted,
        "date": outcome.date,
        "number": outcome.number,
        "requested_at": outcome.requested_at,
        "reason": outcome.reason,
        "decided_at": outcome.decided_at,
        "replaces": entry.replaces,
        "modifies": entry.modifies,
        "late": entry.late,
        "told": outcome.told,
    }


def _counts(content: Content) -> dict[str, int]:
    return {"accepted": content.accepted, "refused": content.refused}


def _listed(words: Sequence[str]) -> str:
    """``a``, ``a et b``, ``a, b et c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} et {words[-1]}"
