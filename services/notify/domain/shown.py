"""What the mails show of a town's activities and of a family's lines: plain values, in French."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from services.notify.domain.digest import Entry, Outcome
from shared import french
from shared.contracts.town_file import TownFile, Unit

_STATES = {"requested": "en attente de décision", "accepted": "acceptée", "refused": "refusée"}
_KINDS = {
    "book": "Réservation",
    "change": "Modification",
    "cancel": "Annulation",
    "absence": "Absence",
}
#: What an absence or a cancellation comes to on the bill.
_EFFECTS = {
    "cancelled": "non facturée",
    "free": "non facturée",
    "to_prove": "non facturée sur justificatif",
    "billed": "facturée",
    "keep_percent": "facturée en partie",
    "price": "facturée à un tarif particulier",
    "surcharge": "facturée avec un supplément",
    "credit": "donne lieu à un avoir",
    "refund": "remboursée",
    "carry_over": "reportée sur une prochaine réservation",
    "collect": "facturée, repas à retirer sur place",
}
_STYLES = {"requested": "waiting", "accepted": "accepted", "refused": "refused"}


@dataclass(frozen=True, slots=True)
class Decided:
    """One accepted or refused line, in words.

    ``kind`` is a booking, a cancellation or an absence; ``what`` the activity, its units and the
    date; ``request`` the request's number and day, and what it comes to on the bill; ``notes``
    what to know of the decision besides its ``reason``. ``answer`` is the town's own.
    """

    child: str
    accepted: bool
    answer: str | None
    kind: str
    what: str
    request: str
    reason: str | None
    notes: Sequence[str]


def decided(town: TownFile, names: Mapping[str, str], entry: Entry) -> Decided:
    """An entry of a digest or of a mail at once; ``names`` are the children's, by id."""
    outcome, zone = entry.outcome, ZoneInfo(town.time_zone)
    requested = french.day_digits(outcome.requested_at.astimezone(zone).date())
    return Decided(
        child=names[outcome.child],
        accepted=outcome.accepted,
        answer=outcome.answer,
        kind=_KINDS[outcome.kind],
        what=f"{_service(town, outcome)}, {french.day_words(outcome.date)}"
        + _times(outcome.starts, outcome.ends),
        request=f"Demande n° {outcome.number} du {requested}{_effect(outcome)}",
        reason=None if outcome.reason == outcome.answer else outcome.reason,
        notes=tuple(_notes(entry, zone)),
    )


def _effect(outcome: Outcome) -> str:
    """What the outcome comes to on the bill, where it changes something."""
    if outcome.kind == "book" and not outcome.accepted:
        return ", non facturée"
    if outcome.kind == "change" and not outcome.accepted:
        return ", la réservation d'avant est gardée"
    words = effect_words(outcome.kind, outcome.effect) if outcome.accepted else ""
    return f", {words}" if words else ""


def effect_words(kind: str, effect: str | None) -> str:
    """``non facturée``; nothing for what is billed as any booking."""
    if effect == "to_prove" and kind in ("book", "change"):
        return "à justifier"
    return _EFFECTS.get(effect or "", "")


def shown_effect(effect: str | None, give_back: str | None) -> str | None:
    """Of a cancelled day, what is given back says more than that it is not billed."""
    return give_back if effect == "cancelled" and give_back in _EFFECTS else effect


def _notes(entry: Entry, zone: ZoneInfo) -> Iterator[str]:
    decided_at = entry.outcome.decided_at.astimezone(zone)
    if entry.late:
        yield f"Décision du {french.instant_words(decided_at, zone)}"
    if since := entry.replaced_since:
        yield f"Remplacée depuis par la décision du {french.instant_words(since, zone)}"
    if entry.replaces:
        replaces = entry.replaces.astimezone(zone)
        same_day = replaces.date() == decided_at.date()
        when = (
            f"de {french.time_words(replaces.time())}"
            if same_day
            else f"du {french.instant_words(replaces, zone)}"
        )
        yield f"Remplace la décision {when}"
    elif entry.modifies:
        yield f"Modifie la décision du {french.instant_words(entry.modifies, zone)}"
    if entry.outcome.told:
        yield "Déjà signalé"


def _service(town: TownFile, outcome: Outcome) -> str:
    """``Cantine (Déjeuner)``; without the units where the town does not show them."""
    name = activity_name(town, outcome.activity)
    if not town.digest.show_units:
        return name
    return f"{name} ({unit_names(town, outcome.activity, outcome.units)})"


def unit_names(town: TownFile, activity: str, units: Sequence[str]) -> str:
    """What a town calls units, those booked together joined by a plus sign."""
    known = _units(town, activity)
    return " + ".join(known[unit].name if unit in known else _plain(unit) for unit in units)


def _times(starts: str | None, ends: str | None) -> str:
    if not starts or not ends:
        return ""
    first, last = (french.time_words(time.fromisoformat(one)) for one in (starts, ends))
    return f", de {first} à {last}"


def activity_name(town: TownFile, activity: str) -> str:
    """What a town calls an activity; one that it no longer offers goes by its id."""
    found = town.activity(activity)
    return found.name if found else _plain(activity)


def group(
    town: TownFile, child: str, activity: str, lines: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """A request's lines of one child and activity, by month."""
    found = town.activity(activity)
    units, zone = _units(town, activity), ZoneInfo(town.time_zone)
    return {
        "child": child,
        "activity": activity_name(town, activity),
        "site": found.site if found else None,
        "months": [
            {
                "name": french.month_name(datetime.fromisoformat(f"{month}-01").date()),
                "lines": [_requested(line, units, zone) for line in part],
            }
            for month, part in groupby(lines, key=lambda line: line["date"][:7])
        ],
    }


def enrolment(town: TownFile, data: Mapping[str, Any]) -> dict[str, Any]:
    """What an enrolment is about, and from when on booking is possible."""
    found = town.enrolment(data["group"])
    activities = found.activities if found else ()
    return {
        "group": found.title if found else _plain(data["group"]),
        "activities": listed([activity_name(town, activity) for activity in activities]),
        "may_book": _may_book(data, ZoneInfo(town.time_zone)),
        "files": sum(len(one["files"]) for one in data.get("documents", ())),
    }


def _may_book(data: Mapping[str, Any], zone: ZoneInfo) -> str | None:
    """``Vous pouvez réserver dès maintenant.``"""
    if not data.get("book_from"):
        return None
    begins = datetime.fromisoformat(data["book_from"])
    if begins <= datetime.fromisoformat(data.get("decided_at") or data["requested_at"]):
        return "Vous pouvez réserver dès maintenant."
    return f"Vous pouvez réserver à partir du {french.instant_words(begins, zone)}."


def listed(words: Sequence[str]) -> str:
    """``a``, ``a et b``, ``a, b et c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} et {words[-1]}"


def _requested(
    line: Mapping[str, Any], units: Mapping[str, Unit], zone: ZoneInfo
) -> dict[str, Any]:
    no_longer = line["state"] == "refused" or line["kind"] not in ("book", "change")
    return {
        "date": line["date"],
        "slot": _slot(line, units),
        "state": _state(line),
        "proof_until": line["proof_until"],
        "pay_until": line.get("pay_until"),
        "style": _STYLES[line["state"]],
        "reason": line["reason"]["text"] if line["reason"] else None,
        "cancel": None if no_longer else _cancelled(line, zone),
    }


def _cancelled(line: Mapping[str, Any], zone: ZoneInfo) -> str:
    """Until when, or from when, a booking may be cancelled."""
    if line["cancel_until"]:
        until = datetime.fromisoformat(line["cancel_until"])
        return f"Annulation possible jusqu'au {french.instant_words(until, zone)}."
    if line.get("cancel_from"):
        opens = datetime.fromisoformat(line["cancel_from"])
        return f"Annulation possible à partir du {french.instant_words(opens, zone)}."
    if line.get("cancel_always"):
        return "Annulation possible jusqu'au jour même."
    return "Cette réservation ne pourra pas être annulée."


def _state(line: Mapping[str, Any]) -> str:
    """``acceptée``; ``absence acceptée, non facturée``."""
    state = "à payer" if line.get("pay_until") else _STATES[line["state"]]
    words = state if line["kind"] == "book" else f"{_KINDS[line['kind']].lower()} {state}"
    shown = shown_effect(line["effect"], line.get("give_back"))
    effect = effect_words(line["kind"], shown) if line["state"] == "accepted" else ""
    return words + (f", {effect}" if effect else "")


def _slot(line: Mapping[str, Any], units: Mapping[str, Unit]) -> str | None:
    """What is booked of a session, with its times; None when the town no longer offers it."""
    booked = [units[unit] for unit in line["units"] if unit in units]
    if not booked:
        return None
    chosen = _times(line["starts"], line["ends"])
    number = f" × {line['quantity']}" if line["quantity"] > 1 else ""
    if chosen:
        return " + ".join(unit.name for unit in booked) + chosen + number
    return " + ".join(unit.slot() for unit in booked) + number


def _units(town: TownFile, activity: str) -> Mapping[str, Unit]:
    found = town.activity(activity)
    return {unit.id: unit for unit in found.units} if found else {}


def _plain(slug: str) -> str:
    return slug.replace("-", " ").capitalize()
