"""Days of service: weekdays, less school holidays, public holidays and closures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from shared.contracts.booking import Reason
from shared.contracts.town_file import Calendar, Span


@dataclass(frozen=True, slots=True)
class Holidays:
    """The days without school of one calendar, with their names: data from outside.

    Beyond ``school_known_until`` the ministry has published nothing yet.
    """

    school: Mapping[date, str]
    public: Mapping[date, str]
    school_known_until: date


def closed_because(calendar: Calendar, holidays: Holidays, day: date) -> Reason | None:
    """Why there is no service that day, or None when there is.

    A hand-made opening goes before every closure.
    """
    if _within(calendar.opened, day):
        return None
    if span := _within(calendar.closed, day):
        return Reason(code="closed", text=f"Fermé : {span.reason}.")
    if name := holidays.public.get(day):
        return Reason(code="public-holiday", text=f"Jour férié : {name}.")
    if name := holidays.school.get(day):
        return Reason(code="school-holiday", text=f"{name}.")
    if calendar.school_zone and day > holidays.school_known_until:
        return Reason(
            code="calendar-unknown",
            text="Le calendrier scolaire n'est pas encore publié pour cette date.",
        )
    if day.isoweekday() not in {weekday.number for weekday in calendar.weekdays}:
        return Reason(code="no-service", text="Pas de service ce jour de la semaine.")
    return None


def days_between(first: date, last: date) -> Iterable[date]:
    """Every day from ``first`` to ``last``, both included."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def _within(spans: Iterable[Span], day: date) -> Span | None:
    return next((span for span in spans if span.first <= day <= span.last), None)
