"""Changing and ending what is booked: other units, cancellations, absences in time or not."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from services.booking.domain.allowances import Claim, each_once
from services.booking.domain.given import Given
from services.booking.domain.planning import (
    Offer,
    asks_agent,
    cancellable,
    dropped,
    refusal,
    surcharged,
    to_be_proved,
)
from services.booking.domain.proving import Came, Proving
from services.booking.domain.request import NOT_OFFERED, Choice, Line
from services.booking.domain.rules.absences import Day, settle
from services.booking.domain.rules.choices import wrong_units
from services.booking.domain.rules.facts import Absent, Facts
from services.booking.domain.rules.readings import Answer
from shared.contracts.booking import GiveBack, LineKind, NotRetained, Override, Reason
from shared.contracts.family import Participant
from shared.contracts.town_file import Activity, InTime
from shared.traits import traits_of

NOTHING_BOOKED = Reason(code="nothing-booked", text="Rien n'est réservé à cette date.")
UNCHANGED = Reason(code="unchanged", text="C'est ce qui est déjà réservé.")
NUMBER_STAYS = Reason(
    code="number-stays", text="Pour un autre nombre, annulez et réservez de nouveau."
)


@dataclass(frozen=True, slots=True)
class Ending:
    """What a family wants ended: the bookings of a child or adult between two days, on some ISO
    weekdays or all, of one activity or of all. ``reason`` is one of the activity's reasons for
    absence; ``given`` the proof that comes with it; ``aside`` what an agent overrides."""

    kind: LineKind
    child: Participant
    first: date
    last: date
    weekdays: frozenset[int] = frozenset(range(1, 8))
    reason: str | None = None
    given: Given | None = None
    aside: tuple[Override, ...] = ()

    def covers(self, day: date) -> bool:
        """Whether it is about that day."""
        return self.first <= day <= self.last and day.isoweekday() in self.weekdays


@dataclass(frozen=True, slots=True)
class Booked:
    """A booking that stands: its line, and the id by which other lines name it."""

    ref: str
    line: Line
    offer: Offer | None


def plan_ends(
    ending: Ending, booked: Sequence[Booked], now: datetime
) -> tuple[list[Line], list[NotRetained]]:
    """The lines that an end comes to, and the bookings that cannot be ended, with the reason."""
    lines: list[Line] = []
    not_retained: list[NotRetained] = []
    days: dict[str, set[date]] = {}
    for one in booked:
        days.setdefault(one.line.activity, set()).add(one.line.date)
    for one in booked:
        ended = (
            _cancelled(one, ending)
            if ending.kind == "cancel"
            else _absent(one, ending, sorted(days[one.line.activity]), now)
        )
        if isinstance(ended, Line):
            lines.append(replace(ended, given=ending.given if ended.proof else None))
        else:
            not_retained.append(dropped(one.line, ended))
    return lines, not_retained


def whole(ends: Sequence[Line], booked: Sequence[Booked]) -> tuple[list[Line], list[NotRetained]]:
    """Drop the cancellations that would leave of a day what cannot be booked without the rest
    (shape S6: a meal alone). ``booked``: all that the child has booked on the days concerned."""
    ended = {one.of for one in ends if one.kind == "cancel"}
    activities = {one.line.activity: one.offer.activity for one in booked if one.offer}
    units: dict[_Slot, set[str]] = {}
    left: dict[_Slot, set[str]] = {}
    for one in booked:
        slot = (one.line.child, one.line.activity, one.line.date)
        units.setdefault(slot, set()).update(one.line.units)
        left.setdefault(slot, set()).update(() if one.ref in ended else one.line.units)
    why_not = {
        (child, name, day): _leaves(activities[name], rest)
        for (child, name, day), rest in left.items()
        if rest
        and name in activities
        and not wrong_units(activities[name], day, units[child, name, day])
        and wrong_units(activities[name], day, rest)
    }
    lines: list[Line] = []
    not_retained: list[NotRetained] = []
    for line in ends:
        reason = why_not.get((line.child, line.activity, line.date))
        if reason and line.kind == "cancel":
            not_retained.append(dropped(line, reason))
        else:
            lines.append(line)
    return lines, not_retained


_Slot = tuple[str, str, date]


def _leaves(activity: Activity, units: Collection[str]) -> Reason:
    names = " + ".join(one.name for one in activity.units if one.id in units)
    return Reason(
        code="leaves-units-alone",
        text=f"Il resterait « {names} », qui ne se réserve pas sans le reste. Annulez toute la"
        " journée, ou modifiez la réservation.",
    )  # fmt: skip


def _end_of(one: Booked, kind: LineKind) -> Line:
    line = one.line
    return Line(
        id="", child=line.child, activity=line.activity, date=line.date, units=line.units,
        starts=line.starts, ends=line.ends, quantity=line.quantity, kind=kind, of=one.ref,
        was=line.units,
    )  # fmt: skip


def _cancelled(one: Booked, ending: Ending) -> Line | Reason:
    if one.offer is None:
        return NOT_OFFERED
    answer = one.offer.giving_up(ending.child, one.line.date, one.line.choice)
    if why_not := refusal(answer, ending.aside):
        return why_not
    cancelled = replace(
        _end_of(one, "cancel"), by_agent=asks_agent(answer, ending.aside), effect="cancelled",
        claims=_counted(one.offer, ending.child, one, answer), surcharge=surcharged(answer),
        overridden=ending.aside,
    )  # fmt: skip
    return to_be_proved(_in_time(cancelled, one.offer.activity), answer)


def _counted(offer: Offer, child: Participant, one: Booked, answer: Answer) -> tuple[Claim, ...]:
    """What an act on a booking has to claim of what the town counts; it counts from now on."""
    claims = offer.claims(answer, child.id, one.line.date, one.ref)
    for claim in claims:
        offer.allowance.take(claim)
    return claims


#: What the town's rule gives back by itself; of the others nothing is said.
_GIVEN_BACK: dict[InTime, GiveBack] = {
    "credit": "credit", "refund": "refund", "carry_over": "carry_over",
}  # fmt: skip


def _in_time(line: Line, activity: Activity) -> Line:
    """A day cancelled in time frees its place; what is paid already goes back as the town's rule
    says, or as the agent decides to whom it leaves that."""
    by_agent = activity.cancellations == "by_agent"
    return replace(
        line, frees=True, effect="cancelled", by_agent=line.by_agent or by_agent,
        give_back=None if by_agent else _GIVEN_BACK.get(activity.absences.in_time),
        give_back_asked=by_agent,
    )  # fmt: skip


def _absent(one: Booked, ending: Ending, days: Sequence[date], now: datetime) -> Line | Reason:
    """An absence may always be reported; what it comes to is the rules' affair."""
    if one.offer is None:
        return NOT_OFFERED
    day, rules, activity = one.line.date, one.offer.rules, one.offer.activity
    facts = Facts(
        units=one.line.units,
        traits=traits_of(ending.child, day),
        starts=one.line.starts,
        counts=one.offer.counts(ending.child, day),
        absent=Absent(first=ending.first, last=ending.last, reason=ending.reason, told=now),
    )
    if not one.offer.open_on(day, ending.child.school):
        return _in_time(_end_of(one, "absence"), activity)
    report = one.offer.answer("absence", ending.child, day, one.line.choice)
    if why_not := refusal(report, ending.aside):
        return why_not
    settled = settle(rules, activity, day, now, facts, days)
    line = replace(
        _end_of(one, "absence"), by_agent=asks_agent(report, ending.aside),
        effect=settled.settled, surcharge=surcharged(report), overridden=ending.aside,
    )  # fmt: skip
    if settled.settled == "cancelled":
        cancel = one.offer.answer("cancel", ending.child, day, one.line.choice)
        asked = line.by_agent or (settled.asked and not ending.aside)
        claims = _counted(one.offer, ending.child, one, cancel)
        return _in_time(replace(line, claims=claims, by_agent=asked), activity)
    until = settled.proof_until
    return replace(
        line, settled_by=settled.rule, proof_until=until.astimezone(UTC) if until else None,
        proof=_proving(one.offer, line, settled, facts, days, now),
    )  # fmt: skip


def _proving(
    offer: Offer, line: Line, settled: Day, facts: Facts, days: Sequence[date], now: datetime
) -> Proving | None:
    """What an absence comes to with each kind of proof that would help, and without any."""
    if settled.settled != "to_prove":
        return None

    def came(kind: str | None) -> Came:
        absent = replace(facts.absent, proof=kind) if facts.absent else None
        known = replace(facts, absent=absent)
        found = settle(offer.rules, offer.activity, line.date, now, known, days, final=True)
        return Came(effect=found.settled, settled_by=found.rule, surcharge=line.surcharge)

    return Proving(kinds={kind: came(kind) for kind in settled.proofs}, unproved=came(None))


def plan_change(
    child: Participant, one: Booked, choice: Choice, aside: tuple[Override, ...] = ()
) -> Line | Reason:
    """The line that puts another choice in the place of a booking, or why it cannot be; ``aside``
    is what an agent overrides."""
    line = one.line
    if one.offer is None:
        return NOT_OFFERED
    if choice == line.choice:
        return UNCHANGED
    if choice.quantity != line.quantity:
        return NUMBER_STAYS
    wanted = replace(
        choice, units=tuple({**dict.fromkeys(line.units), **dict.fromkeys(choice.units)})
    )
    answer = one.offer.answer("change", child, line.date, wanted)
    if why_not := refusal(answer, aside):
        return why_not
    cancel = one.offer.answer("cancel", child, line.date, choice)
    kept = (claim for claim in line.claims if claim.kept)
    changed = Line(
        id="", child=line.child, activity=line.activity, date=line.date, units=choice.units,
        starts=choice.starts, ends=choice.ends, quantity=choice.quantity, kind="change",
        of=one.ref, was=line.units, **cancellable(cancel),
        claims=each_once((*kept, *_counted(one.offer, child, one, answer))),
        by_agent=asks_agent(answer, aside), surcharge=surcharged(answer), overridden=aside,
    )  # fmt: skip
    return to_be_proved(changed, answer)
