"""When activities open and close, as their page tells it."""

from __future__ import annotations

from datetime import date, timedelta

from services.portal.pages.desk.town import calendar_of

HOLIDAYS = "Vacances de la Toussaint."


def test_closures_are_told_as_stretches_and_weekends_not_at_all() -> None:
    days = []
    for number in range(28):
        day = date(2026, 10, 5) + timedelta(days=number)
        closed = "Pas de service ce jour de la semaine." if day.weekday() > 4 else None
        if date(2026, 10, 17) <= day < date(2026, 10, 31):
            closed = HOLIDAYS
        if day == date(2026, 10, 14):
            closed = "Fermé : pont."
        days.append({"date": day.isoformat(), "closed": closed})
    assert calendar_of(days) == (
        [0, 1, 2, 3, 4],
        [
            ("Fermé : pont.", "2026-10-14", "2026-10-14"),
            (HOLIDAYS, "2026-10-19", "2026-10-30"),
        ],
    )
    assert calendar_of([one for one in days if one["closed"] == HOLIDAYS]) == ([], [])
