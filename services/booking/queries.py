"""What only reads in booking."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from services.booking.domain.calendar import days_between
from services.booking.domain.deadlines import Answer, may
from services.booking.domain.planning import Offer, dropped, plan, without_place
from services.booking.domain.request import TAKEN, Line, Request, Session
from services.booking.schemas import (
    Activities,
    ActivityOut,
    Planning,
    PlanningEntry,
    PlanningQuery,
    Possible,
    Recap,
    RecapLine,
    RequestIn,
    RequestQuery,
    UnitOut,
)
from services.booking.state import Booking, asks_of, child_for, children_seen
from services.booking.store import counters_of, session_id
from shared.auth import FamilyScope, Scope
from shared.contracts.family import Child
from shared.errors import MissingCopy, not_found


async def activities(booking: Booking, town: str) -> Activities:
    """The town's catalogue, as families see it."""
    file = (await booking.towns.get(town)).file
    return Activities(
        items=[
            ActivityOut(
                id=activity.id,
                name=activity.name,
                site=activity.site,
                units=[UnitOut(id=unit.id, name=unit.name) for unit in activity.units],
                schools=list(activity.schools),
                decision=activity.decision,
                billing=activity.billing,
            )
            for activity in file.activities
        ]
    )


async def recap(booking: Booking, scope: Scope, wish: RequestIn) -> Recap:
    """What validating these wishes would do now. Nothing is stored."""
    town = await booking.towns.get(scope.town)
    card = await booking.family_of(scope, wish.family)
    asks = asks_of(booking, scope, town, card, wish.asked)
    planned, not_retained = plan(asks)
    offers = {ask.offer.activity.id: ask.offer for ask in asks}
    counters = counters_of(offer.activity for offer in offers.values())
    lines: list[RecapLine] = []
    for line in planned:
        offer = offers[line.activity]
        found = await booking.store.peek_sessions(
            scope.town, [line.activity], [line.date], line.child
        )
        session = found.get(session_id(scope.town, line.activity, line.date))
        bound = counters[f"{line.activity}/{line.unit}"]
        reason = without_place(line, bound, _left(session, offer), _held(session, line.child))
        if reason == TAKEN:
            not_retained.append(dropped(line, TAKEN))
            continue
        would = "accepted" if offer.mode.automatic else "requested"
        if reason is not None and offer.mode.needs_place_at_once:
            would = "refused"
        lines.append(
            RecapLine(
                child=line.child, activity=line.activity, unit=line.unit, date=line.date,
                would=would, reason=reason if would == "refused" else None,
                book_until=may("book", offer.activity, line.date, offer.now, offer.zone).cutoff,
            )
        )  # fmt: skip
    return Recap(lines=lines, not_retained=not_retained)


def _left(session: Session | None, offer: Offer) -> dict[str, int]:
    if session is not None:
        return dict(session.left)
    return {counter.id: counter.capacity for counter in offer.activity.places}


def _held(session: Session | None, child: str) -> list[str]:
    return list(session.holders.get(child, {})) if session is not None else []


async def planning(booking: Booking, scope: Scope, wanted: PlanningQuery) -> Planning:
    """The child's days with service, with what is booked and what may still be done."""
    town = await booking.towns.get(scope.town)
    card = await booking.family_of(scope, wanted.family)
    child = child_for(scope, card, wanted.child, "see")
    offers = [
        booking.offer(town, activity)
        for activity in town.file.activities
        if child.school in activity.schools
    ]
    days = list(days_between(wanted.first, wanted.last))
    sessions = await booking.store.peek_sessions(
        scope.town, [offer.activity.id for offer in offers], days, child.id
    )
    lines = await _lines_of(booking, scope, wanted.family, child.id, wanted.first, wanted.last)
    return Planning(
        child=child.id,
        version=town.version,
        entries=[
            _entry(offer, child, unit.id, day, lines, sessions.get(
                session_id(scope.town, offer.activity.id, day)))
            for day in days
            for offer in offers
            if offer.open_on(day)
            for unit in offer.activity.units
        ],
    )  # fmt: skip


async def _lines_of(
    booking: Booking, scope: Scope, family: str, child: str, first: date, last: date
) -> dict[tuple[str, str, date], tuple[Request, Line]]:
    """The child's latest line for each activity, unit and day."""
    latest: dict[tuple[str, str, date], tuple[Request, Line]] = {}
    for request in await booking.store.requests_about(scope, family, child, first, last):
        for line in request.lines:
            if line.child == child and line.state != "asked":
                latest[line.activity, line.unit, line.date] = (request, line)
    return latest


def _entry(
    offer: Offer,
    child: Child,
    unit: str,
    day: date,
    lines: dict[tuple[str, str, date], tuple[Request, Line]],
    session: Session | None,
) -> PlanningEntry:
    activity = offer.activity
    request, line = lines.get((activity.id, unit, day), (None, None))
    active = line is not None and line.state in ("requested", "accepted")
    why_not = offer.why_not(child, day)
    book = may("book", activity, day, offer.now, offer.zone)
    cancel = may("cancel", activity, day, offer.now, offer.zone)
    left = _left(session, offer)
    bound = [counter.id for counter in activity.places if unit in counter.units]
    return PlanningEntry(
        activity=activity.id,
        unit=unit,
        date=day,
        state=line.state if line is not None and line.state != "asked" else None,
        request=request.id if request else None,
        line=line.id if line else None,
        places_left=max(0, min(left[counter] for counter in bound)),
        book=_possible(book, why_not.text if why_not else None),
        cancel=_possible(cancel, None),
        booking_locked=not active and why_not is not None,
        cancel_locked=active and not cancel.allowed,
    )


def _possible(answer: Answer, why_not: str | None) -> Possible:
    return Possible(
        allowed=answer.allowed and why_not is None,
        until=answer.cutoff,
        rule=answer.rule,
        explanation=why_not or answer.explanation,
    )


async def request(booking: Booking, scope: Scope, request_id: str) -> Request:
    """One request, with only the lines the bearer may see."""
    found = await booking.store.request_of(scope, request_id)
    if found is None:
        raise not_found("cette demande")
    return (await _seen(booking, scope, [found]))[0]


async def requests(booking: Booking, scope: Scope, wanted: RequestQuery) -> list[Request]:
    """A page of requests, newest first, with only the lines the bearer may see."""
    found = await booking.store.requests_of(
        scope, state=wanted.state, before=wanted.before, limit=wanted.limit
    )
    return await _seen(booking, scope, found)


async def _seen(booking: Booking, scope: Scope, found: Sequence[Request]) -> list[Request]:
    """Leave out what concerns children whose bookings the bearer may not see."""
    if not isinstance(scope, FamilyScope):
        return list(found)
    return [await _seen_part(booking, scope, one) for one in found]


async def _seen_part(booking: Booking, scope: FamilyScope, one: Request) -> Request:
    try:
        card = await booking.store.family(scope.town, one.family)
    except MissingCopy:
        raise not_found("cette famille") from None
    seen = {child.id for child in children_seen(scope, card)}
    return one.only(seen)
