"""What a family's planning shows: the days with service, what is booked, what may still be done."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date

from services.booking.domain.agenda import WORDS, Entry, Status, agendas
from services.booking.domain.enrolled import Enrolled
from services.booking.domain.places import Session, Shape
from services.booking.domain.planning import (
    Offer,
    enrolment_decides,
    open_slots,
)
from services.booking.domain.request import TAKEN, Choice
from services.booking.domain.rules.answers import Answer
from services.booking.schemas import (
    FamilyPlanning,
    FamilyPlanningQuery,
    Planning,
    PlanningEntry,
    PlanningQuery,
    Possible,
    ToEnrol,
)
from services.booking.state import Booking, names_of, participant_for, participants_seen
from shared.auth import Scope
from shared.contracts.booking import Reason
from shared.contracts.family import FamilyChanged, Participant
from shared.traits import traits_of


async def planning(booking: Booking, scope: Scope, wanted: PlanningQuery) -> Planning:
    """The child's days with service, with what is booked and what may still be done."""
    card = await booking.family_of(scope, wanted.family)
    child = participant_for(scope, card, wanted.child, "see")
    (found,) = await _plannings(booking, scope, card, [child], wanted)
    return found


async def of_family(booking: Booking, scope: Scope, wanted: FamilyPlanningQuery) -> FamilyPlanning:
    """The same of each child and adult whose bookings the bearer may see."""
    card = await booking.family_of(scope, wanted.family)
    people = participants_seen(scope, card)
    return FamilyPlanning(participants=await _plannings(booking, scope, card, people, wanted))


async def _plannings(
    booking: Booking,
    scope: Scope,
    card: FamilyChanged,
    children: Sequence[Participant],
    wanted: FamilyPlanningQuery,
) -> list[Planning]:
    town = await booking.towns.get(scope.town)
    allowance = await booking.allowance(town, card)
    standing = await booking.standing(scope, town, card)
    offers = [
        booking.offer(town, activity, allowance, standing) for activity in town.file.activities
    ]
    names = names_of(children)
    known = agendas(
        await booking.store.lines_about(scope, children, wanted.first, wanted.last), names
    )
    shown = {
        child.id: _shown(
            child,
            open_slots(child, offers, wanted.first, wanted.last),
            {activity for activity, _unit, _day in known[child.id]},
            standing.enrolled,
        )
        for child in children
    }
    shapes = booking.shapes(town)
    slots = {(offer.activity.id, day) for found, _ in shown.values() for offer, day in found}
    sessions = await booking.places.peek(scope.town, slots, shapes, names)
    return [
        Planning(
            child=child.id,
            version=town.version,
            entries=[
                entry_of(
                    offer,
                    child,
                    unit.id,
                    day,
                    known[child.id].get((offer.activity.id, unit.id, day)),
                    sessions[offer.activity.id, day],
                    shapes[offer.activity.id],
                )
                for offer, day in shown[child.id][0]
                for unit in offer.activity.units
            ],
            to_enrol=shown[child.id][1],
        )
        for child in children
    ]


def _shown(
    child: Participant, slots: Sequence[tuple[Offer, date]], booked: Set[str], enrolled: Enrolled
) -> tuple[list[tuple[Offer, date]], list[ToEnrol]]:
    """Without the activities for which the child is enrolled on none of these days and has
    nothing ``booked``; and the groups in which it is not."""
    missing = {
        (offer.activity.id, day): enrolled.missing(child.id, offer.activity.id, day)
        for offer, day in slots
    }
    offered = {activity for (activity, _day), group in missing.items() if group is None} | booked
    groups = {group.id: group for group in missing.values() if group is not None}
    return [slot for slot in slots if slot[0].activity.id in offered], [
        ToEnrol(group=group.id, name=group.title, explanation=enrolled.words(group, child))
        for group in groups.values()
    ]


def entry_of(
    offer: Offer,
    child: Participant,
    unit: str,
    day: date,
    known: Entry | None,
    session: Session,
    shape: Shape,
) -> PlanningEntry:
    """What the planning shows of one unit on one day."""
    activity = offer.activity
    line = known.line if known else None
    active = line is not None and line.active
    enrolled = offer.standing.enrolled.missing(child.id, activity.id, day) is None
    answer = known.answer if known else None
    status: Status = known.status if known else "free" if enrolled else "not_enrolled"
    seen = offer.kept(
        child, unit, day, lambda alike: _outlook(alike, child, unit, day, shape), "outlook"
    )
    why_not, book = seen.why_not, seen.book
    if active:
        why_not, book = TAKEN, seen.taken
    elif seen.enrolment_decides:
        standing = offer.standing.why_not(activity, child, day)
        if standing is not None:
            why_not, book = standing, _possible(seen.answer, standing)
    return PlanningEntry(
        activity=activity.id,
        unit=unit,
        date=day,
        status=status,
        words=answer.label if answer else WORDS[status],
        answer=answer,
        state=line.state if line is not None and line.state != "asked" else None,
        request=known.request if known else None,
        line=line.id if line else None,
        units=line.units if line else (),
        places_left=max(0, min((session.left[one] for one in seen.counters), default=0)),
        book=book,
        cancel=seen.cancel,
        booking_locked=not active and why_not is not None,
        cancel_locked=active and not seen.cancel.allowed,
    )


@dataclass(frozen=True, slots=True)
class _Outlook:
    """What an entry shows alike to all people of one kind: the rules' ``answer`` to booking, why
    it is refused, what is shown of it (``taken``: to whom has booked already), and of cancelling;
    the counters whose places are meant."""

    answer: Answer
    why_not: Reason | None
    enrolment_decides: bool
    book: Possible
    taken: Possible
    cancel: Possible
    counters: tuple[str, ...]


def _outlook(offer: Offer, child: Participant, unit: str, day: date, shape: Shape) -> _Outlook:
    choice = Choice((unit,))
    why_not, book = offer.may_book(child, day, choice)
    counters = shape.on(day)
    members = set(shape.members(traits_of(child, day))) if counters.grouped else frozenset()
    return _Outlook(
        book,
        why_not,
        not child.withheld and offer.eligible(child, day) and enrolment_decides(book),
        _possible(book, why_not),
        _possible(book, TAKEN),
        _possible(offer.answer("cancel", child, day, choice), None),
        tuple(counter.id for counter in counters.bound([unit], members)),
    )


def _possible(answer: Answer, why_not: Reason | None) -> Possible:
    return Possible(
        allowed=answer.allowed and why_not is None,
        until=answer.cutoff,
        rule=answer.rule,
        explanation=why_not.text if why_not else answer.explanation,
    )
