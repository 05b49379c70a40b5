"""From a cut-off as the file states it to an instant.

Every anchor is one function in a table: the day on which the cut-off falls; then the same steps
for all: a closed office, the time, the minute that is included or not.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.booking.domain.rules.moments import Moment
from shared.contracts.town_file import (
    Cutoff,
    DatesCutoff,
    DayCutoff,
    HoursCutoff,
    MonthCutoff,
    NoCutoff,
    PeriodCutoff,
    TableCutoff,
    Timed,
    WeekCutoff,
)
from shared.days import Days, NoSuchDay

_MINUTE = timedelta(minutes=1)
_LAST_MINUTE = time(23, 59)


@dataclass(frozen=True, slots=True)
class Limit:
    """Until when. ``at`` is the instant as the town states it, in its zone; ``end`` the first
    instant that is too late (UTC), a minute later when the stated minute is included. Both are
    None for *always*; ``never`` for *at no time*."""

    at: datetime | None
    end: datetime | None
    never: bool = False

    def holds(self, now: datetime | Moment) -> bool:
        """Whether it is not over at ``now`` (UTC)."""
        return not self.never and (self.end is None or now < self.end)

    def sooner(self, other: Limit) -> bool:
        """Whether it is over before another."""
        if self.never or other.never:
            return self.never and not other.never
        return self.end is not None and (other.end is None or self.end < other.end)

    @property
    def before(self) -> bool:
        """Whether the stated minute is not included."""
        return self.at is not None and self.end == self.at.astimezone(UTC)


ALWAYS = Limit(None, None)
NEVER = Limit(None, None, never=True)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a cut-off is read: the town's days and zone, the calendar of the service, and when
    what is booked begins (for cut-offs in hours)."""

    days: Days
    zone: ZoneInfo
    service: str
    starts: time | None = None


def limit(cutoff: Cutoff, day: date, place: Place) -> Limit | None:
    """The limit that a cut-off sets for ``day``; None when the file says nothing for that day."""
    if isinstance(cutoff, NoCutoff):
        return NEVER if cutoff.anchor == "never" else ALWAYS
    try:
        return _ANCHORS[cutoff.anchor](cutoff, day, place)
    except NoSuchDay:
        return None


def wall_instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The instant of a wall-clock time: the first of two on an autumn night; on a spring night,
    a time that does not exist is as long after midnight as it would have been."""
    return datetime.combine(day, clock, zone).astimezone(UTC).astimezone(zone)


def _stated(day: date, clock: time | str, boundary: str, zone: ZoneInfo) -> Limit:
    if isinstance(clock, str):
        clock, boundary = _LAST_MINUTE, "through"
    at = wall_instant(day, clock, zone)
    end = at.astimezone(UTC)
    return Limit(at, end + _MINUTE if boundary == "through" else end)


def _timed(day: date, timed: Timed, place: Place) -> Limit:
    if timed.office is not None:
        day = place.days.near(day, timed.office, later=timed.if_closed == "postpone")
    return _stated(day, timed.time, timed.boundary, place.zone)


def _monday(day: date) -> date:
    return day - timedelta(days=day.isoweekday() - 1)


def _of_day(cutoff: DayCutoff, day: date, place: Place) -> Limit:
    number = cutoff.days_before + cutoff.clear
    return _timed(place.days.back(day, number, cutoff.counting, place.service), cutoff, place)


def _of_hours(cutoff: HoursCutoff, day: date, place: Place) -> Limit | None:
    start = cutoff.of or place.starts
    if start is None:
        return None
    days, hours = divmod(cutoff.hours_before, 24)
    begun = datetime.combine(day, start)
    earlier = begun - timedelta(hours=hours)
    days += (begun.date() - earlier.date()).days
    counted = place.days.back(day, days, cutoff.counting, place.service)
    return _stated(counted, earlier.time(), cutoff.boundary, place.zone)


def _of_week(cutoff: WeekCutoff, day: date, place: Place) -> Limit:
    monday = _monday(day) - timedelta(weeks=cutoff.weeks_before)
    return _timed(monday + timedelta(days=cutoff.weekday.number - 1), cutoff, place)


def _of_table(cutoff: TableCutoff, day: date, place: Place) -> Limit | None:
    for row in cutoff.rows:
        if day.isoweekday() in [weekday.number for weekday in row.for_]:
            if row.weeks_before is None:
                back = (day.isoweekday() - row.weekday.number - 1) % 7 + 1
                return _timed(day - timedelta(days=back), row, place)
            monday = _monday(day) - timedelta(weeks=row.weeks_before)
            return _timed(monday + timedelta(days=row.weekday.number - 1), row, place)
    return None


def _of_month(cutoff: MonthCutoff, day: date, place: Place) -> Limit:
    months = day.year * 12 + day.month - 1 - cutoff.months_before
    year, month = divmod(months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    last_day = date(year, month + 1, last)
    if cutoff.weekday_of_last_complete_week is not None:
        sunday = last_day - timedelta(days=last_day.isoweekday() % 7)
        found = sunday - timedelta(days=7 - cutoff.weekday_of_last_complete_week.number)
    elif cutoff.day == "last" or cutoff.day is None:
        found = last_day
    else:
        found = date(year, month + 1, min(cutoff.day, last))
    return _timed(found, cutoff, place)


def _of_period(cutoff: PeriodCutoff, day: date, place: Place) -> Limit | None:
    period = place.days.period(day, place.service)
    if period is None:
        return None
    number = cutoff.days_before + cutoff.clear
    found = place.days.back(period.first, number, cutoff.counting, place.service)
    found -= timedelta(weeks=cutoff.weeks_before)
    if cutoff.weekday is not None:
        found = _monday(found) + timedelta(days=cutoff.weekday.number - 1)
    return _timed(found, cutoff, place)


def _of_dates(cutoff: DatesCutoff, day: date, place: Place) -> Limit | None:
    for one in cutoff.dates:
        if one.first <= day <= one.last:
            return _stated(one.on, one.time, one.boundary, place.zone)
    return None


_ANCHORS: dict[str, Callable[[Any, date, Place], Limit | None]] = {
    "day": _of_day,
    "hours": _of_hours,
    "week": _of_week,
    "table": _of_table,
    "month": _of_month,
    "period": _of_period,
    "dates": _of_dates,
}
