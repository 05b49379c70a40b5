"""What a town writes and cannot have meant is refused, with the place and the reason."""

from __future__ import annotations

from typing import Any

import pytest

from tests.booking.rules.helpers import Rule, rule, town

EVE = {"anchor": "day", "days_before": 1, "time": "18:00"}
WITHOUT_ZONE = [{"id": "school-days", "weekdays": ["monday", "tuesday", "thursday", "friday"]}]


def refused(words: str, book: Rule | None = None, cancel: Rule | None = None, **more: Any) -> None:
    """The file of these rules is refused with these words."""
    with pytest.raises(ValueError, match=words):
        town([book or rule(EVE)], [cancel or rule(EVE)], **more)


def test_a_counter_by_period_needs_periods() -> None:
    counter = {"id": "late", "name": "Retards", "counts": "late_bookings", "per": "child",
               "window": "period"}  # fmt: skip
    counted = rule(EVE, times={"counter": "late", "to": 2})
    refused("school_zone", book=counted, counters=[counter], calendars=WITHOUT_ZONE)
    period = {"id": "p1", "name": "1", "first": "2026-09-01", "last": "2026-10-16"}
    town([counted], counters=[counter], calendars=WITHOUT_ZONE, periods=[period])
    town([counted], counters=[counter])
