"""Days: open, closed and why, counted, and the periods they belong to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

from shared.contracts.booking import Reason
from shared.contracts.town_file import (
    ALL_DAYS,
    SERVICE_DAYS,
    WORKING_DAYS,
    Calendar,
    Span,
    TownFile,
    Weekday,
)

_DAY = timedelta(days=1)
#: No calendar has a longer row of closed days: beyond it, it has no open day at all.
_FAR = 400
_WORKING_WEEK = tuple(Weekday)[:5]
#: Stands for the zone of a town that states its school holidays itself.
_OWN = "own"


class Holidays(Protocol):
    """Holidays from outside. Beyond ``school_known_until`` the ministry has published nothing."""

    def public(self, territory: str, day: date) -> str | None:
        """The name of the public holiday that falls on the day."""

    def school(self, zone: str, day: date) -> str | None:
        """The name of the school holidays that the day lies in."""

    def school_known_until(self) -> date:
        """The last day for which school holidays are known."""


class NoSuchDay(Exception):
    """A calendar has no open day within reach: it says nothing for what was asked."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A period and its edges, both included."""

    first: date
    last: date


class Days:
    """Every calendar of one version of a town's file. Answers are kept: a calendar of one
    version never changes."""

    def __init__(self, file: TownFile, holidays: Holidays) -> None:
        self._file = file
        self._holidays = holidays
        self._calendars = {calendar.id: calendar for calendar in file.calendars}
        for calendar in file.calendars:
            self._calendars[_working_id(calendar)] = _working_days(calendar)
        self._closed: dict[tuple[str, date, str | None], Reason | None] = {}
        self._shut = (*file.local_holidays, *file.bridge_days)

    def closed(self, calendar: str, day: date, school: str | None = None) -> Reason | None:
        """Why a calendar is closed that day (for the children of ``school``), None when open."""
        key = (calendar, day, school)
        try:
            return self._closed[key]
        except KeyError:
            reason = self._closed_because(self._calendars[calendar], day, school)
            self._closed[key] = reason
            return reason

    def counter(self, counting: str, service: str) -> Callable[[date], bool]:
        """Which days ``counting`` counts, for an activity that serves by ``service``."""
        if counting == ALL_DAYS:
            return lambda _day: True
        name = {
            SERVICE_DAYS: service, WORKING_DAYS: _working_id(self._calendars[service])
        }.get(counting, counting)  # fmt: skip
        return lambda day: self.closed(name, day) is None

    def back(self, day: date, number: int, counting: str, service: str) -> date:
        """The ``number``-th counted day before ``day``. Raises ``NoSuchDay``."""
        counted = self.counter(counting, service)
        found = day
        while number:
            found = self._step(found, -_DAY, counted)
            number -= 1
        return found

    def forth(self, day: date, number: int, counting: str, service: str) -> date:
        """The ``number``-th counted day after ``day``. Raises ``NoSuchDay``."""
        counted = self.counter(counting, service)
        found = day
        while number:
            found = self._step(found, _DAY, counted)
            number -= 1
        return found

    def near(self, day: date, calendar: str, *, later: bool) -> date:
        """The day itself when the calendar is open, else its next open day on that side."""
        if self.closed(calendar, day) is None:
            return day
        step = _DAY if later else -_DAY
        return self._step(day, step, lambda one: self.closed(calendar, one) is None)

    def period(self, day: date, service: str) -> Stretch | None:
        """The period that a day belongs to: the town's own when it has any; else the school
        holidays, or the school days between two of them, from its first day of service on."""
        if self._file.periods:
            found = next((one for one in self._file.periods if one.holds(day)), None)
            return Stretch(found.first, found.last) if found else None
        zone = self._school_zone(self._calendars[service])
        if zone is None or day > self._known_until(zone):
            return None
        here = self.in_school_holidays(day, service)

        def edge(step: timedelta) -> date:
            last = day
            for _ in range(_FAR):
                if self.in_school_holidays(last + step, service) != here:
                    return last
                last += step
            raise NoSuchDay

        first, last = edge(-_DAY), edge(_DAY)
        served = (one for one in days_between(first, last) if self.closed(service, one) is None)
        return Stretch(next(served, first), last)

    def in_school_holidays(self, day: date, service: str) -> bool:
        """Whether the day lies in the school holidays of the service's zone."""
        zone = self._school_zone(self._calendars[service])
        return zone is not None and self._school_holiday(zone, day) is not None

    def public_holiday(self, day: date, service: str) -> str | None:
        """The public or local holiday on that day."""
        territory = self._calendars[service].public_holidays
        if territory == "none":
            return None
        if name := self._holidays.public(territory, day):
            return name
        local = next((span for span in self._file.local_holidays if span.holds(day)), None)
        return local.reason if local else None

    def days_back(self, day: date, service: str) -> int | None:
        """1 for the first open day after school holidays, 2 for the second; None when the
        holidays are more than ten open days ago."""
        number, one = 1, day
        for _ in range(_FAR):
            one -= _DAY
            if self.in_school_holidays(one, service):
                return number
            if self.closed(service, one) is None:
                number += 1
                if number > 10:
                    return None
        return None

    # -- inside ----------------------------------------------------------------------------

    def _step(self, day: date, step: timedelta, counted: Callable[[date], bool]) -> date:
        for _ in range(_FAR):
            day += step
            if counted(day):
                return day
        raise NoSuchDay

    def _closed_because(self, calendar: Calendar, day: date, school: str | None) -> Reason | None:
        """A hand-made opening goes before every closure."""
        if _within(calendar.opened, day):
            return None
        for closure in calendar.closed:
            if closure.holds(day) and (not closure.schools or school in closure.schools):
                return Reason(code="closed", text=f"Fermé : {closure.reason}.")
        if calendar.public_holidays != "none":
            if name := self._holidays.public(calendar.public_holidays, day):
                return Reason(code="public-holiday", text=f"Jour férié : {name}.")
            if span := _within(self._shut, day):
                return Reason(code="closed", text=f"Fermé : {span.reason}.")
        if reason := self._out_of_school_days(calendar, day):
            return reason
        if day.isoweekday() not in {weekday.number for weekday in calendar.weekdays}:
            return Reason(code="no-service", text="Pas de service ce jour de la semaine.")
        return None

    def _school_zone(self, calendar: Calendar) -> str | None:
        """Whose school holidays a calendar knows: a zone's, the town's own, or nobody's."""
        return calendar.school_zone or (_OWN if self._file.school_holidays else None)

    def _school_holiday(self, zone: str, day: date) -> str | None:
        """The name of the school holidays that the day lies in, by the ministry or the town."""
        if zone != _OWN:
            return self._holidays.school(zone, day)
        span = _within(self._file.school_holidays, day)
        return span.reason if span else None

    def _known_until(self, zone: str) -> date:
        """The last day for which school holidays are known: of the town's own, the last stated."""
        if zone != _OWN:
            return self._holidays.school_known_until()
        return max(span.last for span in self._file.school_holidays)

    def _out_of_school_days(self, calendar: Calendar, day: date) -> Reason | None:
        zone = self._school_zone(calendar)
        if zone is None or calendar.school_days == "both":
            return None
        if day > self._known_until(zone):
            return Reason(
                code="calendar-unknown",
                text="Le calendrier scolaire n'est pas encore publié pour cette date.",
            )
        name = self._school_holiday(zone, day)
        if calendar.school_days == "term" and name:
            return Reason(code="school-holiday", text=f"{name}.")
        if calendar.school_days == "holidays" and name is None:
            return Reason(
                code="school-time", text="Ouvert pendant les vacances scolaires seulement."
            )
        return None


def _working_days(service: Calendar) -> Calendar:
    """Monday to Friday, less the public holidays that the service observes."""
    return Calendar(
        id=WORKING_DAYS,
        weekdays=_WORKING_WEEK,
        public_holidays=service.public_holidays,
        school_days="both",
    )


def _working_id(service: Calendar) -> str:
    return f"{WORKING_DAYS} of {service.public_holidays}"


def _within(spans: Iterable[Span], day: date) -> Span | None:
    return next((span for span in spans if span.holds(day)), None)


def days_between(first: date, last: date) -> Iterator[date]:
    """Every day from ``first`` to ``last``, both included."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
