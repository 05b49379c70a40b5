"""On behalf of a family: its planning as it sees it, booking, changing and cancelling for it, over
a period too, and its absences; with a reason, in spite of a rule."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from aiohttp import web

from services.portal.gateway import Problem, once_heard
from services.portal.pages.booking import (
    ABSENCE_FIELDS,
    CORRECTABLE,
    PERIOD_FIELDS,
    absence_asked,
    absence_body,
    check_count,
    day_at_fault,
    period_choices,
    period_wish,
    quote_of,
    reasons_of,
)
from services.portal.pages.desk.common import (
    OFFICE,
    activities_of,
    asked_by,
    check_reason,
    desk_page,
    has,
    show,
)
from services.portal.pages.people import MARKS, Participant, People
from services.portal.pages.planning import (
    BOOKABLE,
    ENDABLE,
    Slot,
    asked_day,
    basket_of,
    in_slots,
    monday_of,
    slots_of,
)
from services.portal.pages.times import TIMES_FIELDS, times_asked, times_chosen
from services.portal.web import Visit, quoted
from services.portal.wishes import Wish, body_of, read_wishes

_WEEK = 7
#: What the form calls the fields of the API.
_FIELDS = {"override/reason": "override", "override": "override", "on_behalf": "guardian"}


async def _planning(visit: Visit, on: date | None = None) -> web.Response:
    """Around the day of the address, or around this one, with what was ticked."""
    people = await people_at_desk(visit)
    children, activities = people.participants, people.activities
    chosen = visit.query.get("enfant", "")
    shown = [one for one in children if one.id == chosen] or list(children)
    first = monday_of(on or asked_day(visit))
    days = [first + timedelta(days=one) for one in range(_WEEK)]
    found = await slots_of(visit, activities, shown, days[0], days[-1]) if shown else []
    wishes = read_wishes(basket_of(visit))
    slots = [(one, _wish(one, wishes)) for one in in_slots(found, activities)]
    offered = {wish for _, wish in slots}
    by_day = [(day, [one for one in slots if one[0].day == day]) for day in days]
    return show(
        visit, "family-planning", family=people.household, children=children, chosen=chosen,
        days=[(day, here) for day, here in by_day if here or day == on], first=first,
        wishes=wishes, bookable=BOOKABLE,
        before=first - timedelta(days=_WEEK), after=first + timedelta(days=_WEEK),
        may_ask=has(visit, OFFICE), activities=activities, name=people.name,
        ticked={one.text() for one in wishes},
        elsewhere=[one for one in wishes if one.text() not in offered],
    )  # fmt: skip


async def people_at_desk(visit: Visit) -> People:
    """A family's children, as its own pages know them."""
    wanted = _wanted(visit)
    family, activities = await asyncio.gather(
        visit.get(f"family/families/{wanted}"), activities_of(visit)
    )
    children = (
        Participant(one["id"], one["first_name"], wanted, index % MARKS)
        for index, one in enumerate(family["children"])
    )
    return People(family, tuple(children), activities)


def _wish(slot: Slot, wishes: Sequence[Wish]) -> str:
    """What ticking it would ask for: an agent may ask what the rules leave to agents. Where times
    were chosen for it, these."""
    if (timed := slot.in_basket(wishes)) is not None:
        return timed.text()
    status = slot.entry["status"]
    if status in BOOKABLE and not slot.by_times:
        return slot.asking("book").text()
    return slot.asking("cancel").text() if status in ENDABLE else ""


async def _recap(visit: Visit) -> web.Response:
    """What it would do, as the family would be told; the form says who asked, and how. Refused, it
    is put right where it was ticked, or typed."""
    wishes = read_wishes(basket_of(visit))
    if not wishes:
        return visit.go(f"/agents/familles/{_wanted(visit)}/planning")
    people = await people_at_desk(visit)
    body = _on_behalf(visit, body_of(people.family, wishes, visit.form.get("comment")))
    recap: dict[str, Any] = {"lines": [], "not_retained": []}
    try:
        check_count(wishes)
        recap = await visit.portal.gateway.send(visit.caller, "POST", "booking/recaps", body)
    except Problem as problem:
        if problem.status not in CORRECTABLE:
            raise
        day = day_at_fault(problem, body, people.name)
        visit.problem = visit.problem or problem.named(_FIELDS)
        if not visit.form.values:
            return await _planning(visit, day)
    texts = [one.text() for one in wishes]
    return await _show_recap(visit, people, recap, texts=texts, first=wishes[0].first)


async def _show_recap(
    visit: Visit, people: People, recap: dict[str, Any], *, texts: Sequence[str], first: date,
    kept: Sequence[tuple[str, str]] = (),
) -> web.Response:  # fmt: skip
    return show(
        visit, "family-recap", family=people.household, activities=people.activities, recap=recap,
        quote=await quote_of(visit, people.family, recap["lines"]), name=people.name, texts=texts,
        first=first, kept=kept,
    )  # fmt: skip


def _on_behalf(visit: Visit, body: dict[str, Any]) -> dict[str, Any]:
    """The same, with who asked and how, and what is set aside."""
    body["on_behalf"] = asked_by(visit)
    rules, reason = visit.form.all("rules"), visit.form.get("override")
    if rules and reason:
        body["override"] = {"rules": rules, "reason": reason}
    return body


async def _ask(visit: Visit) -> web.Response:
    wishes = read_wishes(visit.form.all("l"))
    check_reason(visit)
    if visit.form.get("_again"):
        return await _recap(visit)
    body = body_of(_wanted(visit), wishes, visit.form.get("comment"))
    return await _send(visit, body)


async def _send(visit: Visit, body: dict[str, Any]) -> web.Response:
    asked = await visit.send("POST", "booking/requests", _on_behalf(visit, body))
    return visit.go(f"/agents/demandes/{asked['id']}", bilan="sent.1")


async def _times(visit: Visit) -> web.Response:
    people = await people_at_desk(visit)
    asked = await times_asked(visit, people, f"/agents/familles/{_wanted(visit)}/planning")
    return show(visit, "family-times", family=people.household, **asked)


async def _timed(visit: Visit) -> web.Response:
    """Into the basket; what comes too late is told in the recap, where it may be set aside."""
    people = await people_at_desk(visit)
    planning = f"/agents/familles/{_wanted(visit)}/planning"
    _, back = await times_chosen(visit, people, planning, on_behalf={"channel": "desk"})
    return visit.go_to(back)


async def _period(visit: Visit) -> web.Response:
    people = await people_at_desk(visit)
    return show(
        visit, "family-period", family=people.household, people=people,
        participant=people.find(visit.query.get("enfant")), day=asked_day(visit),
        choices=period_choices(people.activities.values()), texts=basket_of(visit),
    )  # fmt: skip


async def _over_period(visit: Visit) -> web.Response:
    """Into the basket, on to the recap; what the API refuses is put right here."""
    wish = period_wish(visit)
    body = _on_behalf(visit, body_of(_wanted(visit), [wish]))
    await visit.portal.gateway.send(visit.caller, "POST", "booking/recaps", body)
    recap = f"/agents/familles/{_wanted(visit)}/recapitulatif"
    return visit.go(recap, l=[*basket_of(visit), wish.text()])


async def _absence(visit: Visit) -> web.Response:
    people = await people_at_desk(visit)
    participant = people.find(visit.form.get("child") or visit.query.get("enfant"))
    return show(
        visit, "family-absence", family=people.household, people=people, participant=participant,
        day=asked_day(visit), reasons=reasons_of(people),
    )  # fmt: skip


async def _absence_recap(visit: Visit) -> web.Response:
    if visit.form.get("_back"):
        return await _absence(visit)
    people = await people_at_desk(visit)
    _, body, kept = await absence_asked(visit, people)
    body = _on_behalf(visit, body)
    gateway = visit.portal.gateway
    recap = await once_heard(
        lambda: gateway.send(visit.caller, "POST", "booking/recaps", body),
        fresh=bool(visit.form.files),
    )
    first = date.fromisoformat(visit.form.get("first"))
    return await _show_recap(visit, people, recap, texts=(), first=first, kept=kept)


async def _absence_again(visit: Visit) -> web.Response:
    """The recap as it was filled; the form before it where that is refused too."""
    try:
        return await _absence_recap(visit)
    except Problem as problem:
        visit.problem = visit.problem or problem.named(ABSENCE_FIELDS)
        return await _absence(visit)


async def _report(visit: Visit) -> web.Response:
    check_reason(visit)
    if visit.form.get("_again"):
        return await _absence_recap(visit)
    _, body = absence_body(visit, await people_at_desk(visit))
    return await _send(visit, body)


def _wanted(visit: Visit) -> str:
    return quoted(visit.request.match_info["family"])


PAGES = (
    desk_page("/familles/{family}/planning", _planning),
    desk_page("/familles/{family}/recapitulatif", _recap, _ask, **_FIELDS),
    desk_page("/familles/{family}/horaires", _times, _timed, **TIMES_FIELDS),
    desk_page("/familles/{family}/periode", _period, _over_period, **PERIOD_FIELDS),
    desk_page("/familles/{family}/absence", _absence, _absence_recap, **ABSENCE_FIELDS),
    desk_page(
        "/familles/{family}/absence/valider", _absence_again, _report, **_FIELDS | ABSENCE_FIELDS
    ),
)
