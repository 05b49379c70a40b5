"""Which dates can be booked for a child, and what an act of a family comes to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from services.booking.domain.calendar import Holidays, closed_because, days_between
from services.booking.domain.deadlines import may
from services.booking.domain.places import Session
from services.booking.domain.request import ASKED, FULL, TAKEN, Line, Mode
from shared.contracts.booking import NotRetained, Reason
from shared.contracts.family import Child
from shared.contracts.town_file import Activity, Calendar


@dataclass(frozen=True, slots=True)
class Offer:
    """One activity as it stands at ``now``: its rules and the calendar they read."""

    activity: Activity
    calendar: Calendar
    holidays: Holidays
    zone: ZoneInfo
    now: datetime

    @property
    def mode(self) -> Mode:
        """How the activity decides."""
        automatic = self.activity.decision == "automatic"
        return Mode(automatic=automatic, holds=self.activity.hold_while_waiting)

    def open_on(self, day: date) -> bool:
        """Whether there is service that day."""
        return closed_because(self.calendar, self.holidays, day) is None

    def why_not(self, child: Child, day: date) -> Reason | None:
        """Why the child cannot be booked that day, or None; places are another matter."""
        if child.school not in self.activity.schools:
            return Reason(
                code="not-eligible", text="Activité réservée aux enfants d'une autre école."
            )
        closed = closed_because(self.calendar, self.holidays, day)
        if closed is not None:
            return closed
        if day > self.now.astimezone(self.zone).date() + timedelta(self.activity.horizon_days):
            return Reason(code="too-early", text="Les réservations ne sont pas encore ouvertes.")
        answer = may("book", self.activity, day, self.now, self.zone)
        return None if answer.allowed else Reason(code=answer.code, text=answer.explanation)


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
            reason = ask.offer.why_not(ask.child, day)
            if reason is not None:
                not_retained[key] = NotRetained(
                    child=ask.child.id, activity=activity.id, unit=ask.unit, date=day,
                    reason=reason,
                )  # fmt: skip
                continue
            cancel = may("cancel", activity, day, ask.offer.now, ask.offer.zone)
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
