"""What only reads in booking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from services.booking.domain.calendar import days_between
from services.booking.domain.deadlines import Answer, may
from services.booking.domain.places import Session, Shape, shape_of
from services.booking.domain.planning import Offer, foreseen, plan, without_those_booked
from services.booking.domain.request import TAKEN, Line, Request
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
    shapes = {name: shape_of(offer.activity, town.heard) for name, offer in offers.items()}
    sessions = await booking.places.peek(
        scope.town, {(line.activity, line.date) for line in planned}, shapes,
        {line.child for line in planned},
    )  # fmt: skip
    waiting = await booking.waiting(scope, town, wish.family, planned)
    kept, taken = without_those_booked(planned, sessions, waiting)
    left = {slot: dict(session.left) for slot, session in sessions.items()}
    return Recap(
        lines=[
            _recap_line(line, offers[line.activity], shapes[line.activity],
                        left[line.activity, line.date])
            for line in kept
        ],
        not_retained=not_retained + taken,
    )  # fmt: skip


def _recap_line(line: Line, offer: Offer, shape: Shape, left: dict[str, int]) -> RecapLine:
    would, reason = foreseen(line, offer.mode, shape.bound(line.unit), left)
    return RecapLine(
        child=line.child, activity=line.activity, unit=line.unit, date=line.date,
        would=would, reason=reason,
        book_until=may("book", offer.activity, line.date, offer.now, offer.zone).cutoff,
    )  # fmt: skip


async def planning(booking: Booking, scope: Scope, wanted: PlanningQuery) -> Planning:
    """The child's days with service, with what is booked and what may still be done."""
    town = await booking.towns.get(scope.town)
    card = await booking.family_of(scope, wanted.family)
    child = child_for(scope, card, wanted.child, "see")
    offers = [
        booking.offer(town, activity, wanted.first, wanted.last)
        for activity in town.file.activities
        if child.school in activity.schools
    ]
    days = list(days_between(wanted.first, wanted.last))
    slots = [(offer, day) for day in days for offer in offers if offer.open_on(day)]
    shapes = {offer.activity.id: shape_of(offer.activity, town.heard) for offer in offers}
    sessions = await booking.places.peek(
        scope.town, [(offer.activity.id, day) for offer, day in slots], shapes, [child.id]
    )
    lines = await _lines_of(booking, scope, wanted.family, child.id, wanted.first, wanted.last)
    return Planning(
        child=child.id,
        version=town.version,
        entries=[
            _entry(offer, child, unit.id, day, lines, sessions[offer.activity.id, day])
            for offer, day in slots
            for unit in offer.activity.units
        ],
    )


async def _lines_of(
    booking: Booking, scope: Scope, family: str, child: str, first: date, last: date
) -> dict[tuple[str, str, date], tuple[Request, Line]]:
    """The child's line in force for each activity, unit and day, else the latest refused."""
    latest: dict[tuple[str, str, date], tuple[Request, Line]] = {}
    for request in await booking.store.requests_about(scope, family, child, first, last):
        for line in request.lines:
            if line.child != child or line.state == "asked":
                continue
            known = latest.get((line.activity, line.unit, line.date))
            if line.active or known is None or not known[1].active:
                latest[line.activity, line.unit, line.date] = (request, line)
    return latest


def _entry(
    offer: Offer,
    child: Child,
    unit: str,
    day: date,
    lines: dict[tuple[str, str, date], tuple[Request, Line]],
    session: Session,
) -> PlanningEntry:
    activity = offer.activity
    request, line = lines.get((activity.id, unit, day), (None, None))
    active = line is not None and line.active
    why_not = TAKEN if active else offer.why_not(child, day)
    book = may("book", activity, day, offer.now, offer.zone)
    cancel = may("cancel", activity, day, offer.now, offer.zone)
    bound = [counter.id for counter in activity.places if unit in counter.units]
    return PlanningEntry(
        activity=activity.id,
        unit=unit,
        date=day,
        state=line.state if line is not None and line.state != "asked" else None,
        request=request.id if request else None,
        line=line.id if line else None,
        places_left=max(0, min(session.left[counter] for counter in bound)),
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
    seen = await _seen(booking, scope, [found]) if found else []
    if not seen:
        raise not_found("cette demande")
    return seen[0]


@dataclass(frozen=True, slots=True)
class Page:
    """Requests, newest first; ``next`` is the id after which the following page begins."""

    items: list[Request]
    next: str | None


async def requests(booking: Booking, scope: Scope, wanted: RequestQuery) -> Page:
    """A page of requests with only the lines the bearer may see.

    Raises ``Refused``: ``cursor-unknown``.
    """
    found = await booking.store.requests_of(
        scope, state=wanted.state, after=wanted.after, limit=wanted.limit
    )
    following = found[-1].id if len(found) == wanted.limit else None
    return Page(await _seen(booking, scope, found), following)


async def _seen(booking: Booking, scope: Scope, found: Sequence[Request]) -> list[Request]:
    """Leave out what concerns children whose bookings the bearer may not see."""
    if not isinstance(scope, FamilyScope):
        return list(found)
    parts = [await _seen_part(booking, scope, one) for one in found]
    return [one for one in parts if one.lines or one.not_retained]


async def _seen_part(booking: Booking, scope: FamilyScope, one: Request) -> Request:
    try:
        card = await booking.store.family(scope.town, one.family)
    except MissingCopy:
        raise not_found("cette famille") from None
    seen = {child.id for child in children_seen(scope, card)}
    return one.only(seen)
