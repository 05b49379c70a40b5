"""Which dates can be booked for a child, and what an act of a family comes to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from services.booking.domain.places import Session
from services.booking.domain.request import ASKED, FULL, TAKEN, Line, Mode
from services.booking.domain.rules.answers import Answer, Rulebook, offered
from services.booking.domain.rules.days import days_between
from services.booking.domain.rules.facts import Facts, Known, age_on, eligible
from shared.contracts.booking import NotRetained, Reason
from shared.contracts.family import Child
from shared.contracts.town_file import Action, Activity

NOT_ELIGIBLE = Reason(
    code="not-eligible", text="Cette activité n'est pas ouverte à cet enfant ce jour-là."
)


@dataclass(frozen=True, slots=True)
class Offer:
    """One activity as it stands at ``now`` (aware), by one version of the town's rules."""

    rules: Rulebook
    activity: Activity
    now: datetime

    @property
    def mode(self) -> Mode:
        """How the activity decides."""
        automatic = self.activity.decision == "automatic"
        return Mode(automatic=automatic, holds=self.activity.hold_while_waiting)

    def open_on(self, day: date, school: str | None = None) -> bool:
        """Whether there is service that day, for the children of ``school``."""
        return self.rules.days.closed(self.activity.calendar, day, school) is None

    def eligible(self, child: Child, day: date) -> bool:
        """Whether the activity is for such a child."""
        return eligible(self.activity.eligible, traits_of(child, day), self.rules.audiences)

    def answer(self, action: Action, child: Child, day: date, unit: str) -> Answer:
        """What the town's rules say of an action on one unit."""
        facts = Facts(units=(unit,), traits=traits_of(child, day))
        return offered(self.rules, self.activity, action, day, self.now, facts)

    def why_not(self, child: Child, day: date, unit: str) -> Reason | None:
        """Why the child cannot be booked that day, or None; places are another matter."""
        if not self.eligible(child, day):
            return NOT_ELIGIBLE
        answer = self.answer("book", child, day, unit)
        return None if answer.allowed else Reason(code=answer.code, text=answer.explanation)


def traits_of(child: Child, day: date) -> dict[str, Known]:
    """What rules may ask of a child."""
    traits: dict[str, Known] = {"age": age_on(child.birth_date, day)}
    if child.school:
        traits["school"] = child.school
    if child.level:
        traits["level"] = child.level
    return traits


@dataclass(frozen=True, slots=True)
class Ask:
    """A child, an activity's unit, and the days wanted."""

    child: Child
    offer: Offer
    unit: str
    days: Sequence[date]


def days_of_period(first: date, last: date, weekdays: Iterable[int]) -> list[date]:
    """The days whose ISO weekday was chosen."""
    chosen = set(weekdays)
    return [day for day in days_between(first, last) if day.isoweekday() in chosen]


def plan(asks: Sequence[Ask]) -> tuple[list[Line], list[NotRetained]]:
    """The lines an act comes to before places are tried, and the dates that cannot be lines.

    The same child, session and unit asked twice is one line, or one refusal.
    """
    lines: dict[tuple[str, str, str, date], Line] = {}
    not_retained: dict[tuple[str, str, str, date], NotRetained] = {}
    for ask in asks:
        activity = ask.offer.activity
        for day in ask.days:
            key = (ask.child.id, activity.id, ask.unit, day)
            reason = ask.offer.why_not(ask.child, day, ask.unit)
            if reason is not None:
                not_retained[key] = NotRetained(
                    child=ask.child.id, activity=activity.id, unit=ask.unit, date=day,
                    reason=reason,
                )  # fmt: skip
                continue
            cancel = ask.offer.answer("cancel", ask.child, day, ask.unit)
            lines[key] = Line(
                id="",
                child=ask.child.id,
                activity=activity.id,
                date=day,
                unit=ask.unit,
                cancel_until=cancel.cutoff.astimezone(UTC)
                if cancel.allowed and cancel.cutoff
                else None,
            )
    return list(lines.values()), list(not_retained.values())


def foreseen(
    line: Line, mode: Mode, counters: Sequence[str], left: dict[str, int]
) -> tuple[Literal["accepted", "requested", "refused"], Reason | None]:
    """What validating would make of a line; a place it would take is taken out of ``left``."""
    if mode.needs_place_at_once:
        if any(left[counter] <= 0 for counter in counters):
            return "refused", FULL
        for counter in counters:
            left[counter] -= 1
    return ("accepted" if mode.automatic else "requested"), None


def without_those_booked(
    planned: Sequence[Line],
    sessions: Mapping[tuple[str, date], Session],
    waiting: Collection[tuple[str, str, str, date]],
) -> tuple[list[Line], list[NotRetained]]:
    """Drop what the child holds a place for, or waits for without one (child, activity, unit,
    date)."""
    lines: list[Line] = []
    not_retained: list[NotRetained] = []
    for line in planned:
        holders = sessions[line.activity, line.date].holders
        if line.unit in holders.get(line.child, {}):
            not_retained.append(dropped(line, TAKEN))
        elif (line.child, line.activity, line.unit, line.date) in waiting:
            not_retained.append(dropped(line, ASKED))
        else:
            lines.append(line)
    return lines, not_retained


def dropped(line: Line, reason: Reason) -> NotRetained:
    """The line as a date that is not retained."""
    return NotRetained(
        child=line.child, activity=line.activity, unit=line.unit, date=line.date, reason=reason
    )
