"""What a family's planning shows: the days with service, what is booked, what may still be done.

A month of a family is hundreds of entries, most of which many families share: they are put together
from parts that were written once, as ``schemas.PlanningEntry`` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, time
from functools import partial
from typing import Any

from orjson import Fragment

from services.booking.domain.agenda import WORDS, Entry, Place, Row, Status, agendas
from services.booking.domain.enrolled import Enrolled, Standing
from services.booking.domain.open_weeks import Slot, Weeks
from services.booking.domain.places import Shape
from services.booking.domain.planning import Offer, enrolment_decides
from services.booking.domain.request import TAKEN, Choice
from services.booking.domain.rules.readings import Answer
from services.booking.schemas import FamilyPlanningQuery, PlanningQuery, Possible, ToEnrol
from services.booking.state import Booking, names_of, participant_for, participants_seen
from shared.auth import Scope
from shared.contracts.booking import Reason
from shared.contracts.family import FamilyChanged, Participant
from shared.contracts.town_file import Unit
from shared.traits import traits_of


async def planning(booking: Booking, scope: Scope, wanted: PlanningQuery) -> dict[str, Any]:
    """The child's days with service, with what is booked and what may still be done: the parts
    of a ``Planning``."""
    card = await booking.family_of(scope, wanted.family)
    child = participant_for(scope, card, wanted.child, "see")
    (found,) = await _plannings(booking, scope, card, [child], wanted)
    return found


async def of_family(
    booking: Booking, scope: Scope, wanted: FamilyPlanningQuery
) -> list[dict[str, Any]]:
    """The same of each child and adult whose bookings the bearer may see."""
    card = await booking.family_of(scope, wanted.family)
    people = participants_seen(scope, card)
    return await _plannings(booking, scope, card, people, wanted)


async def _plannings(
    booking: Booking,
    scope: Scope,
    card: FamilyChanged,
    children: Sequence[Participant],
    wanted: FamilyPlanningQuery,
) -> list[dict[str, Any]]:
    town = await booking.towns.get(scope.town)
    allowance = await booking.allowance(town, card)
    standing = await booking.standing(scope, town, card)
    names, shapes = names_of(children), booking.shapes(town)
    offers = booking.offers(town, allowance, standing)
    weeks = weeks_of(offers, shapes)
    rows = await booking.store.rows_about(scope, children, wanted.first, wanted.last)
    known = agendas(rows, names)
    shown = {
        child.id: _shown(
            child,
            _with_booked(
                weeks, child, weeks.open_to(child, wanted.first, wanted.last), known[child.id]
            ),
            {activity for activity, _unit, _day in known[child.id]},
            standing.enrolled,
        )
        for child in children
    }
    slots = {(slot.activity.id, slot.day) for found, _ in shown.values() for slot in found}
    sessions = await booking.places.peek(scope.town, slots, shapes, {})
    left = {slot: session.left for slot, session in sessions.items()}
    return [
        {
            "child": child.id,
            "version": town.version,
            "entries": entries_of(
                child, shown[child.id][0], known[child.id], left, standing, offers
            ),
            "to_enrol": [one.model_dump() for one in shown[child.id][1]],
        }
        for child in children
    ]


def weeks_of(offers: Sequence[Offer], shapes: Mapping[str, Shape]) -> Weeks[Outlook]:
    """What the planning shows alike to all people of one kind."""
    return Weeks(offers, "outlook", partial(_look, shapes))


def _with_booked(
    weeks: Weeks[Outlook],
    child: Participant,
    slots: list[Slot[Outlook]],
    known: Mapping[Place, Entry],
) -> list[Slot[Outlook]]:
    """The slots, and those that stand booked though there is no service any more, or the activity
    is for others now: they are the family's to give up."""
    there = {(slot.activity.id, slot.unit, slot.day) for slot in slots}
    besides = [
        slot
        for place, entry in known.items()
        if entry.line.active and place not in there
        if (slot := weeks.at(child, *place)) is not None
    ]
    return sorted(slots + besides, key=lambda slot: slot.day) if besides else slots


def _shown(
    child: Participant, slots: list[Slot[Outlook]], booked: Set[str], enrolled: Enrolled
) -> tuple[list[Slot[Outlook]], list[ToEnrol]]:
    """Without the activities for which the child is enrolled on none of these days and has
    nothing ``booked``; and the groups in which it is not."""
    if not enrolled.groups:
        return slots, []
    missing = {
        (slot.activity.id, slot.day): enrolled.missing(child.id, slot.activity.id, slot.day)
        for slot in slots
    }
    offered = {activity for (activity, _day), group in missing.items() if group is None} | booked
    groups = {group.id: group for group in missing.values() if group is not None}
    return [slot for slot in slots if slot.activity.id in offered], [
        ToEnrol(group=group.id, name=group.title, explanation=enrolled.words(group, child))
        for group in groups.values()
    ]


def entries_of(
    child: Participant,
    slots: Sequence[Slot[Outlook]],
    known: Mapping[Place, Entry],
    left: Mapping[tuple[str, date], Mapping[str, int]],
    standing: Standing,
    offers: Sequence[Offer],
) -> list[dict[str, Any]]:
    """What the planning shows of each slot: the parts of a ``PlanningEntry``; ``left`` are the
    places left in each session, by counter; ``offers`` answer about what is booked with other
    units, or from a time that was chosen."""
    entries = []
    offer_of = {offer.activity.id: offer for offer in offers}
    for slot in slots:
        activity, unit, day, seen = slot.activity.id, slot.unit, slot.day, slot.seen
        booked, numbers = known.get((activity, unit, day)), left[activity, day]
        line = booked.line if booked else None
        state = line.state if line else None
        active = line is not None and line.active
        book, refused = (seen.taken, True) if active else (seen.book, seen.refused)
        if seen.enrolment_decides and not active:
            why_not = standing.why_not(slot.activity, child, day)
            if why_not is not None:
                book, refused = _possible(seen.answer, why_not), True
        status: Status
        if booked is not None:
            status = booked.status
        elif standing.enrolled.missing(child.id, activity, day) is None:
            status = "free"
        else:
            status = "not_enrolled"
        cancel, change, locked = seen.cancel, seen.change, not seen.cancellable
        if line is not None and active and (line.starts or len(line.units) > 1):
            cancel, change, locked = _of_booked(offer_of[activity], child, line)
        answer = booked.answer if booked else None
        entries.append(
            {
                "activity": activity,
                "unit": unit,
                "date": seen.date,
                "status": status,
                "words": answer.label if answer else WORDS[status],
                "answer": answer and Fragment(answer.model_dump_json()),
                "units": line.units if line else (),
                "state": state,
                "request": line.request if line else None,
                "line": line.id if line else None,
                "places_left": max(0, min([numbers[one] for one in seen.counters], default=0)),
                "book": book,
                "cancel": cancel,
                "change": change if active and state == "accepted" else None,
                "booking_locked": refused and not active,
                "cancel_locked": active and locked,
            }
        )
    return entries


def _of_booked(offer: Offer, child: Participant, line: Row) -> tuple[Fragment, Fragment, bool]:
    """What is shown of cancelling and of changing all that one line booked, and whether it can
    be cancelled no more."""
    choice = Choice(line.units, line.starts)
    cancel = offer.giving_up(child, line.date, choice)
    change = offer.answer("change", child, line.date, choice)
    return _possible(cancel, None), _possible(change, None), not cancel.allowed


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an entry shows alike to all people of one kind: the rules' ``answer`` to booking, and
    whether it is ``refused``; what is shown of it (``taken``: to whom has booked already), of
    cancelling and of changing, as they are written; the counters whose places are meant."""

    date: str
    answer: Answer
    refused: bool
    enrolment_decides: bool
    book: Fragment
    taken: Fragment
    cancel: Fragment
    change: Fragment
    cancellable: bool
    counters: tuple[str, ...]


def _look(
    shapes: Mapping[str, Shape], offer: Offer, child: Participant, unit: str, day: date
) -> Outlook:
    """What is kept of one unit on a day."""
    choice = Choice((unit,))
    why_not, answer = offer.may_book(child, day, choice)
    if why_not is not None and (latest := _latest(offer.activity.unit(unit))):
        at_last = offer.may_book(child, day, replace(choice, starts=latest))
        why_not, answer = at_last if at_last[0] is None else (why_not, answer)
    cancel = offer.giving_up(child, day, choice)
    shape = shapes[offer.activity.id]
    counters = shape.on(day)
    members = set(shape.members(traits_of(child, day))) if counters.grouped else frozenset()
    return Outlook(
        date=day.isoformat(),
        answer=answer,
        refused=why_not is not None,
        enrolment_decides=(
            not child.withheld and offer.eligible(child, day) and enrolment_decides(answer)
        ),
        book=_possible(answer, why_not),
        taken=_possible(answer, TAKEN),
        cancel=_possible(cancel, None),
        change=_possible(offer.answer("change", child, day, choice), None),
        cancellable=cancel.allowed,
        counters=tuple(counter.id for counter in counters.bound([unit], members)),
    )


def _latest(unit: Unit | None) -> time | None:
    """When a family that chooses its times may arrive at the latest: what closes so many hours
    before is open until then."""
    if unit is None or unit.span is None or unit.kind not in ("time_range", "ranges"):
        return None
    first, last = (one.hour * 60 + one.minute for one in unit.span)
    steps = (last - first - max(unit.least_minutes, 1)) // unit.step_minutes
    at = first + max(steps, 0) * unit.step_minutes
    latest = time(at // 60, at % 60)
    return min(latest, unit.latest_arrival) if unit.latest_arrival else latest


def _possible(answer: Answer, why_not: Reason | None) -> Fragment:
    """A ``Possible`` as it is written."""
    found = Possible(
        allowed=answer.allowed and why_not is None,
        until=answer.cutoff,
        rule=answer.rule,
        explanation=why_not.text if why_not else answer.explanation,
    )
    return Fragment(found.model_dump_json())
