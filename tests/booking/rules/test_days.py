"""Days of service: school holidays, public holidays, closures, openings, years unknown."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.booking.domain.planning import days_of_period
from shared.holidays import FrenchHolidays
from tests.booking.rules.helpers import rule, town


def why_closed(day: str, school: str | None = None, **changes: Any) -> str | None:
    calendar = {"id": "school-days", "weekdays": ["monday", "tuesday", "thursday", "friday"],
                "school_zone": "A"} | changes  # fmt: skip
    book = town([rule({"anchor": "always"})], calendars=[calendar])
    reason = book.days.closed("school-days", date.fromisoformat(day), school)
    return reason.code if reason else None


@pytest.mark.parametrize(
    ("day", "code"),
    [
        ("2026-08-31", "school-holiday"),
        ("2026-09-01", None),
        ("2026-09-16", "no-service"),
        ("2026-10-16", None),
        ("2026-10-19", "school-holiday"),
        ("2026-10-30", "school-holiday"),
        ("2026-11-02", None),
        ("2026-12-18", None),
        ("2026-12-21", "school-holiday"),
        ("2027-01-04", None),
        ("2027-02-12", None),
        ("2027-02-15", "school-holiday"),
        ("2027-03-01", None),
        ("2027-04-09", None),
        ("2027-04-12", "school-holiday"),
        ("2027-04-26", None),
        ("2027-05-07", "school-holiday"),
    ],
)
def test_school_year_of_zone_a(day: str, code: str | None) -> None:
    """The ministry's calendar 2026-2027, at the edges of each holiday."""
    assert why_closed(day) == code


def test_public_holidays_and_those_of_alsace_moselle() -> None:
    plain: dict[str, Any] = {"school_zone": None}
    alsace = plain | {"public_holidays": "alsace-moselle"}
    assert why_closed("2027-05-06", **plain) == "public-holiday"  # Ascension
    assert why_closed("2027-05-17", **plain) == "public-holiday"  # Whit Monday
    assert why_closed("2027-03-26", **plain) is None
    assert why_closed("2027-03-26", **alsace) == "public-holiday"  # Good Friday
    assert why_closed("2025-12-26", **plain) is None
    assert why_closed("2025-12-26", **alsace) == "public-holiday"


def test_a_closure_closes_and_an_opening_goes_before_everything() -> None:
    bridge = {"first": "2026-09-14", "last": "2026-09-15", "reason": "Pont"}
    centre = {"first": "2026-10-19", "last": "2026-10-23", "reason": "Centre de loisirs"}
    both: dict[str, Any] = {"closed": [bridge, centre], "opened": [centre]}
    assert why_closed("2026-09-14", **both) == "closed"
    assert why_closed("2026-09-17", **both) is None
    assert why_closed("2026-10-21", **both) is None  # a Wednesday of the holidays


def test_days_whose_school_calendar_is_not_published_are_closed() -> None:
    assert why_closed("2035-09-06") == "calendar-unknown"
    assert why_closed("2035-09-06", school_zone=None) is None
    assert why_closed("1980-09-04") is None


def test_a_period_takes_its_weekdays_over_leap_days_and_new_year() -> None:
    assert days_of_period(date(2028, 2, 28), date(2028, 3, 1), [2]) == [date(2028, 2, 29)]
    over_new_year = days_of_period(date(2026, 12, 28), date(2027, 1, 8), [1, 5])
    assert over_new_year == [
        date(2026, 12, 28), date(2027, 1, 1), date(2027, 1, 4), date(2027, 1, 8),
    ]  # fmt: skip
    assert days_of_period(date(2026, 9, 14), date(2026, 9, 15), [7]) == []


PUBLISHED = Path(__file__).parent / "public_holidays.csv"
"""The State's published calendar of public holidays (Etalab, MIT licence), 2024 to 2031."""


def test_public_holidays_are_those_that_the_state_publishes() -> None:
    holidays = FrenchHolidays()
    with PUBLISHED.open() as file:
        rows = list(csv.DictReader(file))
    assert len({row["territory"] for row in rows}) == 13
    for row in rows:
        first = date(int(row["year"]), 1, 1)
        year = [first + timedelta(days=n) for n in range(366) if n < 365 or first.year % 4 == 0]
        found = [f"{day:%m-%d}" for day in year if holidays.public(row["territory"], day)]
        assert found == row["days"].split(), row
