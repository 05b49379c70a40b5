"""Which quotient counts on a day."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.billing.domain.prices.facts import KnownQuotient
from services.billing.domain.prices.quotients import quotient_on
from shared.contracts.town_file import QuotientRules

OLD, NEW = ("800", "2026-02-10"), ("500", "2026-09-15")


@pytest.mark.parametrize(
    ("rules", "day", "value"),
    [
        ({}, "2026-09-14", 800),
        ({}, "2026-09-15", 500),
        ({"new_from": "month"}, "2026-09-01", 500),
        ({"new_from": "month"}, "2026-08-31", 800),
        ({"new_from": "month_after"}, "2026-09-30", 800),
        ({"new_from": "month_after"}, "2026-10-01", 500),
        ({"new_from": "school_year"}, "2027-08-31", 800),
        ({"new_from": "school_year"}, "2027-09-01", 500),
        ({"new_from": "calendar_year"}, "2026-12-31", 800),
        ({"new_from": "calendar_year"}, "2027-01-01", 500),
        ({"new_from": "calendar_year"}, "2026-02-09", None),
        ({}, "2026-02-09", None),
        ({"valid_months": 6}, "2026-08-09", 800),
        ({"valid_months": 6}, "2026-08-10", None),
        ({"new_from": "month_after", "valid_months": 12}, "2027-09-30", 500),
        ({"new_from": "month_after", "valid_months": 12}, "2027-10-01", None),
    ],
)
def test_a_new_quotient_counts_from_when_the_town_says(
    rules: dict[str, Any], day: str, value: int | None
) -> None:
    known = [
        KnownQuotient.model_validate({"value": one, "since": since}) for one, since in (OLD, NEW)
    ]
    for order in (known, known[::-1]):
        found = quotient_on(QuotientRules.model_validate(rules), order, date.fromisoformat(day))
        assert found == value


def test_one_that_has_ended_counts_no_more() -> None:
    ended = KnownQuotient.model_validate(
        {"value": "800", "since": "2026-02-10", "until": "2026-06-30"}
    )
    assert quotient_on(QuotientRules(), [ended], date(2026, 6, 30)) == 800
    assert quotient_on(QuotientRules(), [ended], date(2026, 7, 1)) is None


@pytest.mark.parametrize(("whole", "value"), [("down", 440), ("half_up", 441), ("up", 441)])
def test_a_quotient_is_brought_to_a_whole_number(whole: str, value: int) -> None:
    known = [KnownQuotient.model_validate({"value": "440.50", "since": "2026-01-01"})]
    rules = QuotientRules.model_validate({"whole": whole})
    assert quotient_on(rules, known, date(2026, 9, 1)) == value
