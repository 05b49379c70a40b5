"""School and public holidays, as the data the rules take.

School holidays come from a library that keeps the ministry's; public holidays from a table of the
law and the date of Easter. Source: code du travail, articles L3133-1 (everywhere), L3134-13
(Alsace-Moselle) and L3422-2 (overseas), as the State's published calendar applies them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

from dateutil.easter import easter
from vacances_scolaires_france import SchoolHolidayDates

#: (month, day) of each year.
_FIXED = {
    (1, 1): "1er janvier",
    (5, 1): "1er mai",
    (5, 8): "8 mai",
    (7, 14): "14 juillet",
    (8, 15): "Assomption",
    (11, 1): "Toussaint",
    (11, 11): "11 novembre",
    (12, 25): "Noël",
}
#: Days after Easter Sunday.
_MOVING = {1: "Lundi de Pâques", 39: "Ascension", 50: "Lundi de Pentecôte"}
_ABOLITION = "Abolition de l'esclavage"
#: What a territory has besides.
_LOCAL: dict[str, dict[tuple[int, int], str]] = {
    "alsace-moselle": {(12, 26): "2e jour de Noël"},
    "guadeloupe": {(5, 27): _ABOLITION},
    "guyane": {(6, 10): _ABOLITION},
    "la-reunion": {(12, 20): _ABOLITION},
    "martinique": {(5, 22): _ABOLITION},
    "mayotte": {(4, 27): _ABOLITION},
    "saint-barthelemy": {(10, 9): _ABOLITION},
    "saint-martin": {(5, 28): _ABOLITION},
}
_LOCAL_MOVING = {"alsace-moselle": {-2: "Vendredi saint"}}


class FrenchHolidays:
    """The holidays of France, as ``shared.days`` asks for them."""

    def public(self, territory: str, day: date) -> str | None:
        """The name of the public holiday that falls on the day."""
        return _public(territory, day.year).get(day)

    def school(self, zone: str, day: date) -> str | None:
        """The name of the school holidays that the day lies in."""
        return _school(zone, day.year).get(day)

    def school_known_until(self) -> date:
        """The last day for which the ministry has published school holidays."""
        return _known_until()


@lru_cache(maxsize=1)
def _source() -> SchoolHolidayDates:
    return SchoolHolidayDates()


@lru_cache(maxsize=1)
def _known_until() -> date:
    last: date = max(_source().data)
    return last


@lru_cache(maxsize=256)
def _school(zone: str, year: int) -> dict[date, str]:
    if not min(_source().data).year <= year <= _known_until().year:
        return {}
    found = _source().holidays_for_year_and_zone(year, zone)
    return {day: str(entry["nom_vacances"]) for day, entry in found.items()}


@lru_cache(maxsize=256)
def _public(territory: str, year: int) -> dict[date, str]:
    return dict(_public_of(territory, year))


def _public_of(territory: str, year: int) -> Iterator[tuple[date, str]]:
    for (month, day), name in {**_LOCAL.get(territory, {}), **_FIXED}.items():
        yield date(year, month, day), name
    for after, name in {**_MOVING, **_LOCAL_MOVING.get(territory, {})}.items():
        yield easter(year) + timedelta(days=after), name
