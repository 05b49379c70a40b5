"""On behalf of a family: its planning as it sees it, booking and cancelling for it; with a reason,
in spite of a rule."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.pages.desk.common import OFFICE, activities_of, desk_page, has, show
from services.portal.pages.people import Participant
from services.portal.pages.planning import (
    BOOKABLE,
    ENDABLE,
    Slot,
    asked_day,
    monday_of,
    slots_of,
)
from services.portal.web import Visit, quoted
from services.portal.wishes import MOST, Wish, body_of, read_wishes

_WEEK = 7


async def _planning(visit: Visit) -> web.Response:
    wanted = _wanted(visit)
    family = await visit.get(f"family/families/{wanted}")
    children = [
        Participant(one["id"], one["first_name"], wanted, index % 6)
        for index, one in enumerate(family["children"])
    ]
    chosen = visit.query.get("enfant", "")
    shown = [one for one in children if one.id == chosen] or children
    first = monday_of(asked_day(visit))
    days = [first + timedelta(days=one) for one in range(_WEEK)]
    slots = (
        await slots_of(visit, await activities_of(visit), shown, days[0], days[-1]) if shown else []
    )
    by_day = [(day, [(one, _wish(one)) for one in slots if one.day == day]) for day in days]
    return show(
        visit, "family-planning", family=family, children=children, chosen=chosen,
        days=[(day, found) for day, found in by_day if found], first=first,
        before=first - timedelta(days=_WEEK), after=first + timedelta(days=_WEEK),
        may_ask=has(visit, OFFICE),
    )  # fmt: skip


def _wish(slot: Slot) -> str:
    """What ticking it would ask for: an agent may ask what the rules leave to agents."""
    status = slot.entry["status"]
    kind = "book" if status in BOOKABLE else "cancel" if status in ENDABLE else None
    if kind is None or (kind == "book" and slot.by_times):
        return ""
    units = (slot.entry["unit"],)
    wish = Wish(kind, slot.participant.id, slot.entry["activity"], units, slot.day)  # type: ignore[arg-type]
    return wish.text()


async def _recap(visit: Visit) -> web.Response:
    """What it would do, as the family would be told; the form says who asked, and how."""
    wanted = _wanted(visit)
    texts = visit.form.all("l") or visit.request.query.getall("l", [])
    wishes = read_wishes(texts)[:MOST]
    if not wishes:
        return visit.go(f"/agents/familles/{wanted}/planning")
    body = _body(visit, wanted, wishes)
    gateway = visit.portal.gateway
    family, activities, recap = await asyncio.gather(
        visit.get(f"family/families/{wanted}"),
        activities_of(visit),
        gateway.send(visit.caller, "POST", "booking/recaps", body),
    )
    people = {one["id"]: one["first_name"] for one in family["children"]}
    return show(
        visit, "family-recap", family=family, activities=activities, recap=recap, people=people,
        texts=[one.text() for one in wishes],
    )  # fmt: skip


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
    desk_page("/familles/{family}/recapitulatif", _recap, _ask),
)
