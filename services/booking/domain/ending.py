"""Changing and ending what is booked: other units, cancellations, absences in time or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from services.booking.domain.planning import Offer, asks_agent, dropped, refusal, surcharged
from services.booking.domain.request import NOT_OFFERED, Choice, Line
from services.booking.domain.rules.absences import settle
from services.booking.domain.rules.facts import Absent, Facts
from shared.contracts.booking import LineKind, NotRetained, Override, Reason
from shared.contracts.family import Child
from shared.traits import traits_of

NOTHING_BOOKED = Reason(code="nothing-booked", text="Rien n'est réservé à cette date.")
UNCHANGED = Reason(code="unchanged", text="C'est ce qui est déjà réservé.")
NUMBER_STAYS = Reason(
    code="number-stays", text="Pour un autre nombre, annulez et réservez de nouveau."
)


@dataclass(frozen=True, slots=True)
class Ending:
    """What a family wants ended: the bookings of a child between two days, on some ISO weekdays
    or all, of one activity or of all. ``reason`` is one of the activity's reasons for absence;
    ``aside`` what an agent overrides."""

    kind: LineKind
    child: Child
    first: date
    last: date
    weekdays: frozenset[int] = frozenset(range(1, 8))
    reason: str | None = None
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
    days = [one.line.date for one in booked]
    for one in booked:
        ended = (
            _cancelled(one, ending) if ending.kind == "cancel" else _absent(one, ending, days, now)
        )
        if isinstance(ended, Line):
            lines.append(ended)
        else:
            not_retained.append(dropped(one.line, ended))
    return lines, not_retained


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
    answer = one.offer.answer("cancel", ending.child, one.line.date, one.line.choice)
    if why_not := refusal(answer, ending.aside):
        return why_not
    claim = one.offer.claim(answer, ending.child.id, one.line.date, one.ref)
    if claim is not None:
        one.offer.allowance.take(claim)
    return replace(
        _end_of(one, "cancel"), frees=True, by_agent=asks_agent(answer, ending.aside),
        effect="cancelled", claim=claim, surcharge=surcharged(answer), overridden=ending.aside,
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
        absent=Absent(first=ending.first, last=ending.last, reason=ending.reason, told=now),
    )
    report = one.offer.answer("absence", ending.child, day, one.line.choice)
    if why_not := refusal(report, ending.aside):
        return why_not
    settled = settle(rules, activity, day, now, facts, days)
    proof_until = settled.proof_until
    return replace(
        _end_of(one, "absence"), frees=settled.settled == "cancelled",
        by_agent=asks_agent(report, ending.aside), effect=settled.settled,
        surcharge=surcharged(report), overridden=ending.aside,
        settled_by=settled.rule if settled.settled != "cancelled" else None,
        proof_until=proof_until.astimezone(UTC) if proof_until else None,
    )  # fmt: skip


def plan_change(
    child: Child, one: Booked, choice: Choice, aside: tuple[Override, ...] = ()
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
    until = cancel.cutoff if cancel.allowed else None
    return Line(
        id="", child=line.child, activity=line.activity, date=line.date, units=choice.units,
        starts=choice.starts, ends=choice.ends, quantity=choice.quantity, kind="change",
        of=one.ref, was=line.units, cancel_until=until.astimezone(UTC) if until else None,
        claim=line.claim if line.claim and line.claim.kept else None,
        by_agent=asks_agent(answer, aside), surcharge=surcharged(answer), overridden=aside,
    )  # fmt: skip
