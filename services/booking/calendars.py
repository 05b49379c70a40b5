"""School and public holidays, from two well-kept libraries, as the data the rules take."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from jours_feries_france import JoursFeries
from vacances_scolaires_france import SchoolHolidayDates

#: The library's name for what the town file calls a territory.
_ZONES: dict[str, str] = {
    "metropole": "Métropole",
    "alsace-moselle": "Alsace-Moselle",
    "guadeloupe": "Guadeloupe",
    "guyane": "Guyane",
    "la-reunion": "La Réunion",
    "martinique": "Martinique",
    "mayotte": "Mayotte",
    "nouvelle-caledonie": "Nouvelle-Calédonie",
    "polynesie-francaise": "Polynésie Française",
    "saint-barthelemy": "Saint-Barthélémy",
    "saint-martin": "Saint-Martin",
    "saint-pierre-et-miquelon": "Saint-Pierre-et-Miquelon",
    "wallis-et-futuna": "Wallis-et-Futuna",
}


class FrenchHolidays:
    """The holidays of France, as ``services.booking.domain.rules.days`` asks for them."""

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
    return {day: name for name, day in JoursFeries.for_year(year, zone=_ZONES[territory]).items()}
