"""School and public holidays, from two well-kept libraries, as the data the rules take."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import holidays
from vacances_scolaires_france import SchoolHolidayDates

from services.booking.domain.calendar import Holidays
from shared.contracts.town_file import Calendar

_SUBDIVISION = {"metropole": None, "alsace-moselle": "57"}


@lru_cache(maxsize=1)
def _source() -> SchoolHolidayDates:
    return SchoolHolidayDates()


@lru_cache(maxsize=1)
def _known_until() -> date:
    last: date = max(_source().data)
    return last


@lru_cache(maxsize=64)
def _school(zone: str, year: int) -> dict[date, str]:
    if not min(_source().data).year <= year <= _known_until().year:
        return {}
    found = _source().holidays_for_year_and_zone(year, zone)
    return {day: str(entry["nom_vacances"]) for day, entry in found.items()}


@lru_cache(maxsize=64)
def _public(territory: str, year: int) -> dict[date, str]:
    subdivision = _SUBDIVISION[territory]
    found = holidays.country_holidays("FR", subdiv=subdivision, years=year, language="fr")
    return dict(found.items())


@lru_cache(maxsize=256)
def holidays_of(calendar: Calendar, first_year: int, last_year: int) -> Holidays:
    """The holidays a calendar observes, over whole years."""
    school: dict[date, str] = {}
    public: dict[date, str] = {}
    for year in range(first_year, last_year + 1):
        if calendar.school_zone:
            school |= _school(calendar.school_zone, year)
        public |= _public(calendar.public_holidays, year)
    return Holidays(school, public, _known_until())
