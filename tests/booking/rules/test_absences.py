"""What an absence comes to: days due all the same, what is given back."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from services.booking.domain.rules.absences import Day, settle
from services.booking.domain.rules.facts import Absent, Facts
from tests.booking.rules.helpers import PARIS, rule, town

WEEK = [date(2026, 9, day) for day in (14, 15, 17, 18)]
NEVER = [rule({"anchor": "never"})]
EVE = [rule({"anchor": "day", "days_before": 1, "time": "18:00"})]


def settled(told: str, absences: dict[str, Any], cancel: list[Any] = NEVER) -> list[Day]:
    """Every day of an absence from Monday 14 to Friday 18 September 2026, at 3 € a day."""
    book = town(EVE, cancel, activity={"absences": absences})
    at = datetime.fromisoformat(told).replace(tzinfo=PARIS)
    facts = Facts(price_cents=300, absent=Absent(first=WEEK[0], last=WEEK[-1], told=at))
    return [settle(book, book.file.activities[0], day, at, facts, WEEK) for day in WEEK]


def waiting(**changes: Any) -> dict[str, Any]:
    """Free after some days that are due all the same."""
    one = {"id": "waiting", "valid_from": "2000-01-01", "source": "test",
           "effect": {"kind": "free"}} | changes  # fmt: skip
    return {"rules": [one]}


@pytest.mark.parametrize(
    ("told", "changes", "due"),
    [
        ("2026-09-14T08:00", {"waiting_days": 1}, [300, 0, 0, 0]),
        ("2026-09-17T08:00", {"waiting_days": 1}, [300, 0, 0, 0]),
        ("2026-09-14T08:00", {"waiting_days": 3, "waiting_from": "notice"}, [300, 300, 0, 0]),
        # What lies before the notice is not free either.
        ("2026-09-15T08:00", {"waiting_days": 1, "waiting_from": "notice"}, [300, 300, 0, 0]),
        ("2026-09-15T08:00", {"waiting_days": 3, "waiting_from": "notice"}, [300, 300, 300, 0]),
        (
            "2026-09-14T08:00",
            {"waiting_days": 3, "waiting_from": "notice", "counting": "service-days"},
            [300, 300, 300, 0],
        ),
        # A Wednesday is no day of service: the two counted are Thursday and Friday.
        (
            "2026-09-16T08:00",
            {"waiting_days": 2, "waiting_from": "notice", "counting": "service-days"},
            [300, 300, 300, 300],
        ),
        # Told on the Saturday before: three days from then are over on the first day.
        ("2026-09-12T08:00", {"waiting_days": 3, "waiting_from": "notice"}, [300, 0, 0, 0]),
        ("2026-08-14T08:00", {"waiting_days": 3, "waiting_from": "notice"}, [0, 0, 0, 0]),
        ("2026-09-14T08:00", {}, [0, 0, 0, 0]),
    ],
)
def test_days_that_are_due_all_the_same(told: str, changes: Any, due: list[int]) -> None:
    assert [day.cents for day in settled(told, waiting(**changes))] == due


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("free", "non facturée"),
        ("credit", "un avoir"),
        ("refund", "remboursée"),
        ("carry_over", "reportée"),
    ],
)
def test_an_absence_for_which_nothing_is_due(kind: str, words: str) -> None:
    days = settled("2026-09-14T08:00", waiting(effect={"kind": kind}))
    assert [(day.settled, day.cents) for day in days] == [(kind, 0)] * 4
    assert words in days[0].explanation


def test_waiting_days_beyond_the_school_calendar_are_all_due() -> None:
    book = town(NEVER, NEVER, activity={
        "absences": waiting(waiting_days=30, counting="service-days")})  # fmt: skip
    day = date(2028, 6, 29)
    at = datetime(2028, 6, 29, 8, tzinfo=PARIS)
    facts = Facts(price_cents=300, absent=Absent(first=day, last=None, told=at))
    assert settle(book, book.file.activities[0], day, at, facts, [day]).cents == 300


@pytest.mark.parametrize(
    ("in_time", "words"),
    [
        ("free", "sans frais"),
        ("credit", "un avoir"),
        ("refund", "remboursé"),
        ("carry_over", "reportée"),
    ],
)
def test_what_a_day_cancelled_in_time_gives_back(in_time: str, words: str) -> None:
    days = settled("2026-09-14T08:00", {"in_time": in_time}, cancel=EVE)
    assert [(day.settled, day.given_back) for day in days] == [
        ("billed", None), ("cancelled", in_time), ("cancelled", in_time), ("cancelled", in_time),
    ]  # fmt: skip
    assert words in days[1].explanation


EVE_OF_WEEK = {"anchor": "week", "weeks_before": 1, "weekday": "friday", "time": "12:00"}
MONTHLY = {"id": "free", "name": "Annulations", "counts": "cancellations", "per": "child",
           "window": "month"}  # fmt: skip


def told_early(cancel: dict[str, Any], by_agent: bool = False, **facts: Any) -> Day:
    """Friday 18 September 2026, told on Monday 7: in time, by the town's rule on cancelling."""
    about = {"cancellations": "by_agent"} if by_agent else {}
    book = town(EVE, [rule(EVE_OF_WEEK) | cancel], activity=about, counters=[MONTHLY])
    at = datetime(2026, 9, 7, 10, 0, tzinfo=PARIS)
    absent = Absent(first=WEEK[-1], last=WEEK[-1], told=at)
    known = Facts(price_cents=300, absent=absent, **facts)
    return settle(book, book.file.activities[0], WEEK[-1], at, known, WEEK[-1:])


def test_an_absence_told_in_time_asks_the_agent_whom_a_cancellation_asks() -> None:
    day = told_early({"outcome": "ask_agent"})
    assert (day.settled, day.asked) == ("cancelled", True)
    assert day.explanation == (
        "Absence signalée dans les délais : un agent décide de l'annulation, sans frais. Vous"
        " pouvez annuler jusqu'au vendredi 11 septembre 2026 à 12 h ; un agent y répondra."
    )
    every = told_early({}, by_agent=True)
    assert "un agent décide de l'annulation et de ce qui est rendu." in every.explanation


def test_an_absence_told_in_time_and_due_is_not_said_to_be_late() -> None:
    used_up = told_early({"times": {"counter": "free", "to": 2}}, counts={"free": 2})
    assert used_up.settled == "billed"
    assert used_up.explanation == (
        "Absence signalée ; la réservation reste due. Au-delà de 2 annulations par mois :"
        " annulation impossible."
    )
    opens = {"anchor": "day", "days_before": 4, "time": "08:00"}
    too_early = told_early({"opens": opens, "cutoff": EVE[0]["cutoff"]})
    assert too_early.explanation == (
        "Absence signalée ; la réservation reste due. Annulation possible à partir du lundi 14"
        " septembre 2026 à 8 h."
    )


TEST = {"valid_from": "2000-01-01", "source": "test"}
PROVED = TEST | {
    "id": "proved", "proof": {"kinds": ["certificate"], "days": 2}, "effect": {"kind": "free"},
}  # fmt: skip
PENALTY = TEST | {
    "id": "penalty",
    "effect": {"kind": "surcharge", "surcharge": {"kind": "amount", "cents": 500}},
}


@pytest.mark.parametrize(
    ("now", "proof", "rules", "outcome", "cents"),
    [
        ("2026-09-16T23:59", None, [PROVED, PENALTY], "to_prove", 300),
        ("2026-09-17T00:00", None, [PROVED, PENALTY], "surcharge", 800),
        ("2026-09-17T00:00", None, [PROVED], "billed", 300),
        ("2026-09-17T00:00", "2026-09-16T12:00", [PROVED, PENALTY], "free", 0),
        ("2026-09-17T12:00", "2026-09-17T12:00", [PROVED, PENALTY], "surcharge", 800),
    ],
)
def test_without_the_proof_in_time_the_next_rule_decides(
    now: str, proof: str | None, rules: list[Any], outcome: str, cents: int
) -> None:
    book = town(EVE, NEVER, activity={"absences": {"rules": rules}})
    at, sent = (datetime.fromisoformat(one).replace(tzinfo=PARIS) if one else None
                for one in (now, proof))  # fmt: skip
    assert at is not None
    told = datetime(2026, 9, 14, 8, 0, tzinfo=PARIS)
    absent = Absent(
        first=WEEK[0], last=WEEK[0], told=told, proof="certificate" if sent else None, proof_at=sent
    )
    facts = Facts(price_cents=300, absent=absent)
    found = settle(book, book.file.activities[0], WEEK[0], at, facts, WEEK[:1])
    assert (found.settled, found.cents) == (outcome, cents)
