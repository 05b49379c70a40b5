"""On behalf of a family: its planning as it sees it, booking and cancelling for it; with a reason,
in spite of a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.pages.booking import CORRECTABLE, check_count, day_at_fault
from services.portal.pages.desk.common import OFFICE, activities_of, desk_page, has, show
from services.portal.pages.people import Participant
from services.portal.pages.planning import (
    BOOKABLE,
    ENDABLE,
    Slot,
    asked_day,
    basket_of,
    monday_of,
    slots_of,
)
from services.portal.web import Visit, quoted
from services.portal.wishes import Wish, body_of, read_wishes

_WEEK = 7
#: What the form calls the fields of the API.
_FIELDS = {"override/reason": "override", "override": "override", "on_behalf": "guardian"}


async def _planning(visit: Visit, on: date | None = None) -> web.Response:
    """Around the day of the address, or around this one, with what was ticked."""
    wanted = _wanted(visit)
    family = await visit.get(f"family/families/{wanted}")
    children = [
        Participant(one["id"], one["first_name"], wanted, index % 6)
        for index, one in enumerate(family["children"])
    ]
    chosen = visit.query.get("enfant", "")
    shown = [one for one in children if one.id == chosen] or children
    first = monday_of(on or asked_day(visit))
    days = [first + timedelta(days=one) for one in range(_WEEK)]
    activities = await activities_of(visit)
    slots = await slots_of(visit, activities, shown, days[0], days[-1]) if shown else []
    wishes = read_wishes(basket_of(visit))
    offered = {_wish(one) for one in slots}
    by_day = [(day, [(one, _wish(one)) for one in slots if one.day == day]) for day in days]
    return show(
        visit, "family-planning", family=family, children=children, chosen=chosen,
        days=[(day, found) for day, found in by_day if found or day == on], first=first,
        before=first - timedelta(days=_WEEK), after=first + timedelta(days=_WEEK),
        may_ask=has(visit, OFFICE), activities=activities, name=_names(family),
        ticked={one.text() for one in wishes},
        elsewhere=[one for one in wishes if one.text() not in offered],
    )  # fmt: skip


def _wish(slot: Slot) -> str:
    """What ticking it would ask for: an agent may ask what the rules leave to agents."""
    status = slot.entry["status"]
    if status in BOOKABLE and not slot.by_times:
        return slot.asking("book").text()
    return slot.asking("cancel").text() if status in ENDABLE else ""


async def _recap(visit: Visit) -> web.Response:
    """What it would do, as the family would be told; the form says who asked, and how. Refused, it
    is put right where it was ticked, or typed."""
    wanted = _wanted(visit)
    wishes = read_wishes(basket_of(visit))
    if not wishes:
        return visit.go(f"/agents/familles/{wanted}/planning")
    body = _body(visit, wanted, wishes)
    family = await visit.get(f"family/families/{wanted}")
    recap: dict[str, Any] = {"lines": [], "not_retained": []}
    try:
        check_count(wishes)
        recap = await visit.portal.gateway.send(visit.caller, "POST", "booking/recaps", body)
    except Problem as problem:
        if problem.status not in CORRECTABLE:
            raise
        day = day_at_fault(problem, body, _names(family))
        visit.problem = visit.problem or problem.named(_FIELDS)
        if not visit.form.values:
            return await _planning(visit, day)
    texts = [one.text() for one in wishes]
    return show(
        visit, "family-recap", family=family, activities=await activities_of(visit), recap=recap,
        name=_names(family), texts=texts, first=wishes[0].first,
    )  # fmt: skip


def _names(family: Mapping[str, Any]) -> Callable[[str], str]:
    """A child's first name, by its id."""
    names = {one["id"]: str(one["first_name"]) for one in family["children"]}
    return lambda child: names.get(child, "–")


def _body(visit: Visit, family: str, wishes: list[Wish]) -> dict[str, Any]:
    body = body_of(family, wishes, visit.form.get("comment"))
    behalf = {"channel": visit.form.get("channel") or "desk"}
    if guardian := visit.form.get("guardian"):
        behalf["guardian"] = guardian
    body["on_behalf"] = behalf
    rules, reason = visit.form.all("rules"), visit.form.get("override")
    if rules and reason:
        body["override"] = {"rules": rules, "reason": reason}
    return body


async def _ask(visit: Visit) -> web.Response:
    wanted = _wanted(visit)
    wishes = read_wishes(visit.form.all("l"))
    if visit.form.all("rules") and not visit.form.get("override"):
        detail = "Dites pourquoi la règle est passée outre : la raison est gardée."
        raise Problem(422, {"code": "reason-missing", "field": "/override", "detail": detail})
    if visit.form.get("_again"):
        return await _recap(visit)
    asked = await visit.send("POST", "booking/requests", _body(visit, wanted, wishes))
    return visit.go(f"/agents/demandes/{asked['id']}", bilan="sent.1")


def _wanted(visit: Visit) -> str:
    return quoted(visit.request.match_info["family"])


PAGES = (
    desk_page("/familles/{family}/planning", _planning),
    desk_page("/familles/{family}/recapitulatif", _recap, _ask, **_FIELDS),
)
