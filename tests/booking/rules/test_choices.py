"""Which units go together: the five slots of one guide, the nine sets of another, and no other."""

from __future__ import annotations

from datetime import date, time
from itertools import combinations
from typing import Any

import pytest

from services.booking.domain.rules.choices import (
    permitted_sets,
    unit_of_times,
    wrong_times,
    wrong_units,
    wrong_week,
)
from shared.contracts.booking import Reason
from shared.contracts.town_file import Activity, Unit
from tests.booking.rules.helpers import rule, town
from tests.samples import activity

THURSDAY = date(2026, 9, 17)
SLOTS = {
    "matin sans repas": ("07:15", "11:30", {"latest_arrival": "09:00"}),
    "matin avec repas": ("07:15", "13:30", {"latest_arrival": "09:00"}),
    "après-midi sans repas": ("13:30", "18:30", {"earliest_departure": "16:30"}),
    "après-midi avec repas": ("11:30", "18:30", {"earliest_departure": "16:30"}),
    "journée avec repas": ("07:15", "18:30", {"earliest_departure": "16:30"}),
}


def with_units(units: list[dict[str, Any]], **changes: Any) -> Activity:
    counter = {"id": "places", "units": [unit["id"] for unit in units], "capacity": 9,
               "source": "test"}  # fmt: skip
    return Activity.model_validate(activity("centre", units=units, places=[counter], **changes))


LE_HAILLAN = with_units(
    [
        {"id": f"s{number}", "name": name, "starts": starts, "ends": ends, **more}
        for number, (name, (starts, ends, more)) in enumerate(SLOTS.items())
    ],
    relations={"excludes": [[f"s{number}" for number in range(5)]]},
)
PAREMPUYRE = with_units(
    [{"id": one, "name": one.upper()} for one in ("m", "a", "av", "sv")],
    relations={
        "excludes": [["av", "sv"]],
        "implies": [{"unit": "av", "any_of": ["m", "a"]}, {"unit": "sv", "any_of": ["m", "a"]}],
    },
)


def test_the_five_slots_and_no_other() -> None:
    """Le Haillan's guide: every pair of the sliders' stops, in quarters of an hour."""
    stops = [time(hour, minute) for hour in range(7, 19) for minute in (0, 15, 30, 45)]
    found = {
        unit.name
        for pair in combinations(stops, 2)
        if isinstance(unit := unit_of_times(LE_HAILLAN, *pair), Unit)
    }
    assert found == set(SLOTS)
    refused = unit_of_times(LE_HAILLAN, time(7, 15), time(12, 0))
    assert isinstance(refused, Reason)
    assert all(name in refused.text for name in SLOTS)


@pytest.mark.parametrize(
    ("slot", "starts", "ends", "code"),
    [
        ("s0", "09:00", "11:30", None),
        ("s0", "09:01", "11:30", "arrival-too-late"),
        ("s4", "07:15", "16:30", None),
        ("s4", "07:15", "16:29", "departure-too-early"),
        ("s4", "07:14", "17:00", "times-outside"),
    ],
)
def test_latest_arrival_and_earliest_departure(
    slot: str, starts: str, ends: str, code: str | None
) -> None:
    unit = LE_HAILLAN.unit(slot)
    assert unit is not None
    found = wrong_times(unit, time.fromisoformat(starts), time.fromisoformat(ends))
    assert (found.code if found else None) == code


def test_the_nine_sets_and_no_other() -> None:
    """Parempuyre's guide: a meal alone, both meals, or nothing is refused."""
    nine = {"m", "a", "m a", "m av", "m sv", "a av", "a sv", "m a av", "m a sv"}
    assert {" ".join(one) for one in permitted_sets(PAREMPUYRE, THURSDAY)} == nine
    for size in range(5):
        for chosen in combinations(("m", "a", "av", "sv"), size):
            allowed = wrong_units(PAREMPUYRE, THURSDAY, set(chosen)) is None
            assert allowed == (" ".join(chosen) in nine)
    refused = wrong_units(PAREMPUYRE, THURSDAY, {"av"})
    assert refused is not None
    assert "M + A + SV" in refused.text


def test_sets_by_weekday_and_units_that_go_together() -> None:
    friday_full = with_units(
        [{"id": one, "name": one} for one in ("morning", "meal", "afternoon")],
        relations={
            "together": [["morning", "meal"]],
            "compositions": [{"weekdays": ["friday"], "sets": [["morning", "meal", "afternoon"]]}],
        },
    )
    assert wrong_units(friday_full, THURSDAY, {"morning", "meal"}) is None
    assert wrong_units(friday_full, THURSDAY, {"morning"}) is not None
    friday = date(2026, 9, 18)
    assert wrong_units(friday_full, friday, {"morning", "meal"}) is not None
    assert wrong_units(friday_full, friday, {"morning", "meal", "afternoon"}) is None


@pytest.mark.parametrize(
    ("week", "days", "code"),
    [
        ({"least_days": 3}, [14, 15], "too-few-days"),
        ({"least_days": 3}, [14, 15, 17], None),
        ({"most_days": 2}, [14, 15, 17], "too-many-days"),
        ({"whole": True}, [14, 15, 17], "whole-week"),
        ({"whole": True}, [14, 15, 17, 18], None),
        ({"whole": True}, [], None),
    ],
)
def test_what_a_week_has_to_come_to(week: Any, days: list[int], code: str | None) -> None:
    book = town([rule({"anchor": "always"})], activity={"week": week})
    booked = [date(2026, 9, day) for day in days]
    found = wrong_week(book.file.activities[0], THURSDAY, booked, book.days, "tilleuls")
    assert (found.code if found else None) == code


def test_a_week_cut_by_a_holiday_asks_for_no_more_days_than_it_has() -> None:
    book = town([rule({"anchor": "always"})], activity={"week": {"least_days": 4}})
    ascension = date(2027, 5, 3)
    booked = [date(2027, 5, 3), date(2027, 5, 4)]
    served = [
        day for day in (date(2027, 5, 3), date(2027, 5, 4), date(2027, 5, 6), date(2027, 5, 7))
        if book.days.closed("school-days", day) is None
    ]  # fmt: skip
    assert served == booked
    assert wrong_week(book.file.activities[0], ascension, booked, book.days, None) is None
