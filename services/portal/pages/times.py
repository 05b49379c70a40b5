"""A start and an end, with two sliders: the times of a day, or the slot that they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.pages.people import People, people_of
from services.portal.web import Page, Visit, quoted
from services.portal.wishes import Wish, body_of, read_wish

_EARLIEST, _LATEST, _STEP = "07:00", "19:00", 15


@dataclass(frozen=True)
class Stops:
    """Where the two sliders may stop, ``HH:MM``."""

    starts: Sequence[str]
    ends: Sequence[str]


def is_slotted(activity: Mapping[str, Any]) -> bool:
    """Whether a start and an end say which of the activity's units is meant: each has its times,
    and one excludes the others."""
    sets = [one for row in activity["permitted"] for one in row["sets"]]
    return (
        len(activity["units"]) > 1
        and bool(sets)
        and all(len(one) == 1 for one in sets)
        and all(one["kind"] == "single" and one["ends"] for one in activity["units"])
    )


def stops_of(units: Sequence[Mapping[str, Any]]) -> Stops:
    """Of a unit whose times the family chooses, each of its steps; of slots, their own times."""
    if len(units) > 1:
        starts, ends = ({_clock(one[name]) for one in units} for name in ("starts", "ends"))
        return Stops(sorted(starts), sorted(ends))
    (unit,) = units
    first, last = unit["starts"] or _EARLIEST, unit["ends"] or _LATEST
    steps = range(_minutes(first), _minutes(last) + 1, unit["step_minutes"] or _STEP)
    clocks = [f"{one // 60:02d}:{one % 60:02d}" for one in steps]
    return Stops(clocks[:-1], clocks[1:])


def _clock(time: str) -> str:
    return time[:5]


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:5])


async def _times(visit: Visit) -> web.Response:
    people = await people_of(visit)
    return visit.show("times.html", **await times_asked(visit, people, "/reservations"))


async def times_asked(visit: Visit, people: People, planning: str) -> dict[str, Any]:
    """What the form of a day's times shows; it goes back to the planning at that address."""
    wish = _asked(visit, people)
    activity = people.activities[wish.activity]
    if wish.kind == "change" and not wish.starts:
        wish = await _as_booked(visit, people, wish)
    units = [one for one in activity["units"] if not wish.units or one["id"] in wish.units]
    return {
        "person": people.name(wish.participant), "activity": activity, "units": units,
        "wish": wish, "stops": stops_of(units),
        "back": _planning(visit, planning, wish, _basket(visit)),
    }  # fmt: skip


def _asked(visit: Visit, people: People) -> Wish:
    """Whose day, of which activity: as the planning names it, as text of a wish."""
    wish = read_wish(visit.query.get("choisir", ""))
    activity = people.activities.get(wish.activity) if wish else None
    known = {one["id"] for one in activity["units"]} if activity else set()
    if wish is None or activity is None or not known.issuperset(wish.units):
        raise Problem(404, {"code": "not-found", "detail": "Cette activité n'existe pas."})
    if not (wish.units or is_slotted(activity)):
        raise Problem(404, {"code": "not-found", "detail": "Cette activité n'a pas de créneaux."})
    return wish


async def _as_booked(visit: Visit, people: People, wish: Wish) -> Wish:
    """With the times that are booked, where they are known: of a slot its own."""
    unit = next(
        (one for one in people.activities[wish.activity]["units"] if one["id"] in wish.booked), None
    )
    if unit is not None and not wish.units:
        return wish.at(_clock(unit["starts"]), _clock(unit["ends"]))
    day = wish.first.isoformat()
    planning = await visit.get(
        "booking/planning", family=people.family, child=wish.participant, first=day, last=day
    )
    for entry in planning["entries"]:
        if (entry["activity"], entry["unit"]) == (wish.activity, *wish.units) and entry["request"]:
            request = await visit.get(f"booking/requests/{quoted(entry['request'])}")
            line = next((one for one in request["lines"] if one["line"] == entry["line"]), None)
            if line is not None and line["starts"]:
                return wish.at(_clock(line["starts"]), _clock(line["ends"]))
    return wish


def _planning(visit: Visit, planning: str, wish: Wish, texts: list[str]) -> str:
    """The planning as it was left, with this in the basket."""
    given = visit.request.query
    asked = {name: given.getall(name) for name in ("enfant", "activite", "vue") if name in given}
    return visit.path(planning, jour=wish.first.isoformat(), **asked, l=texts) + "#planning"


def _basket(visit: Visit) -> list[str]:
    return list(visit.request.query.getall("l", []))


def _others(visit: Visit, wish: Wish) -> list[str]:
    """What is in the basket besides: neither other times of it, nor its end."""
    wishes = [(text, read_wish(text)) for text in _basket(visit)]
    return [text for text, one in wishes if one is not None and not wish.excludes(one)]


async def _chosen(visit: Visit) -> web.Response:
    recap, back = await times_chosen(visit, await people_of(visit), "/reservations")
    for one in recap["not_retained"]:
        raise Problem(422, {"code": one["reason"]["code"], "detail": one["reason"]["text"]})
    return visit.go_to(back)


async def times_chosen(
    visit: Visit, people: People, planning: str, **more: Any
) -> tuple[dict[str, Any], str]:
    """What the API says of the times in the form (``more`` goes with them), and the planning with
    them in the basket. It refuses here what is no slot."""
    wish = _asked(visit, people)
    timed = wish.at(visit.form.get("asked/0/starts"), visit.form.get("asked/0/ends"))
    body = body_of(people.family, [timed]) | more
    recap = await visit.portal.gateway.send(visit.caller, "POST", "booking/recaps", body)
    texts = [*_others(visit, wish), timed.text()]
    return recap, _planning(visit, planning, wish, texts)


#: What the form calls the fields of the API, for a change as for a booking.
TIMES_FIELDS = {f"changes/0/{name}": f"asked/0/{name}" for name in ("starts", "ends")}
PAGES = (Page("/reservations/horaires", _times, _chosen, fields=TIMES_FIELDS),)
