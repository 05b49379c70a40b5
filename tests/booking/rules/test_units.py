"""One answer about several units: the strictest decides, and nothing of the others is lost."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

import pytest

from services.booking.domain.agenda import Row
from services.booking.domain.planning import Ask, Offer, plan
from services.booking.domain.request import Choice
from services.booking.domain.rules.answers import Rulebook
from services.booking.domain.rules.readings import Answer
from services.booking.schemas import PlanningEntry
from tests.booking.rules.helpers import MONDAY_TEN, PARIS, Rule, ask, entries, rule, town
from tests.booking.rules.test_deadlines import CHILD

UNITS = [{"id": "m", "name": "Repas"}, {"id": "r", "name": "Matin"}]
ROOM_OF_ONE = [{"id": "room", "units": ["r"], "capacity": 9, "source": "test"}]
ROOM = [{"id": "room", "units": ["m", "r"], "capacity": 9, "source": "test"}]
COUNTERS = [
    {"id": name, "name": name, "counts": "late_bookings", "per": "child", "window": "month"}
    for name in ("late", "later")
]
OVER = {"anchor": "day", "days_before": 20, "time": "18:00"}
LONG_OVER = {"anchor": "day", "days_before": 21, "time": "18:00"}


def late(**step: Any) -> Rule:
    """A step that accepts at another price, once a month."""
    return {"outcome": "accept", "surcharge": {"kind": "amount", "cents": 250},
            "times": {"counter": "late", "to": 1}} | step  # fmt: skip


PROOF = {"kinds": ["work-contract"], "hours": 24, "from": "notice"}
PROVING = late(outcome="free_with_proof", proof=PROOF, times={"counter": "later", "to": 2})
ON_REQUEST = {"outcome": "ask_agent"}


def of(meal: Rule, morning: Rule) -> Rulebook:
    """A meal and a morning, each with its own step after its cut-off."""
    rules = [
        rule(OVER, 1, after=[meal]) | {"for": {"units": ["m"]}},
        rule(LONG_OVER, 2, after=[morning]) | {"for": {"units": ["r"]}},
    ]
    about = {"units": UNITS, "places": ROOM}
    return town(rules, [rule(OVER)], activity=about, counters=COUNTERS)


def both(book: Rulebook) -> Answer:
    return ask(book, "book", "2026-09-17", units=("m", "r"))


def test_what_is_dearer_with_one_unit_is_so_with_one_that_an_agent_decides() -> None:
    answer = both(of(late(), ON_REQUEST))
    assert (answer.outcome, answer.rule) == ("ask_agent", "rule-2")
    assert answer.surcharge is not None
    assert (answer.surcharge.cents, answer.surcharge.rule) == (250, "rule-1")
    assert [one.counter for one in answer.times] == ["late"]
    assert "agent" in answer.explanation
    assert "2,50" in answer.explanation


@pytest.mark.parametrize(("meal", "morning", "rule"), [(300, 200, "rule-1"), (200, 300, "rule-2")])
def test_of_two_surcharges_the_dearer_is_due(meal: int, morning: int, rule: str) -> None:
    one, other = ({"kind": "amount", "cents": cents} for cents in (meal, morning))
    answer = both(of(late(surcharge=one), late(surcharge=other, times=None)))
    assert answer.surcharge is not None
    assert (answer.surcharge.cents, answer.surcharge.rule) == (300, rule)
    assert [one.counter for one in answer.times] == ["late"]
    assert "3,00" in answer.explanation


def test_what_one_unit_has_to_prove_is_asked_for_though_the_other_costs_more() -> None:
    book = of(late(), PROVING | {"surcharge": {"kind": "amount", "cents": 400}})
    answer = both(book)
    assert answer.to_prove is not None
    assert answer.to_prove.kinds == ("work-contract",)
    assert {one.counter for one in answer.times} == {"late", "later"}
    offer = Offer(book, book.file.activities[0], MONDAY_TEN)
    (line,), _ = plan([Ask(CHILD, offer, Choice(("m", "r")), [date(2026, 9, 17)])])
    assert line.proof is not None
    with_proof = line.proof.kinds["work-contract"].surcharge
    without = line.proof.unproved.surcharge
    assert with_proof is not None
    assert without is not None
    assert (with_proof.cents, without.cents) == (250, 400)


def test_without_its_proof_no_less_is_due_than_with_it() -> None:
    answer = both(of(late(surcharge={"kind": "amount", "cents": 900}), PROVING))
    assert answer.to_prove is not None
    assert answer.to_prove.surcharge is not None
    assert answer.to_prove.surcharge.cents == 900


# -- the planning's padlock ----------------------------------------------------------------

THURSDAY = date(2026, 9, 24)
WEDNESDAY_NINE = datetime(2026, 9, 23, 9, 0, tzinfo=PARIS)


def shown(book: Rulebook, now: datetime, *booked: Row) -> dict[str, PlanningEntry]:
    """The planning of Thursday 24 September, by unit."""
    offer = Offer(book, book.file.activities[0], now)
    return {one.unit: one for one in entries(offer, CHILD, THURSDAY, THURSDAY, *booked)}


def test_hours_that_the_family_chooses_close_so_long_before_they_begin() -> None:
    care = {"id": "r", "name": "Accueil", "kind": "time_range", "starts": "08:00", "ends": "18:00"}
    day_before = [rule({"anchor": "hours", "hours_before": 24})]
    book = town(day_before, day_before, activity={"units": [care], "places": ROOM_OF_ONE})
    free = shown(book, WEDNESDAY_NINE)["r"]
    assert (free.booking_locked, free.book.allowed) == (False, True)
    late = shown(book, WEDNESDAY_NINE.replace(hour=18))["r"]
    assert (late.booking_locked, late.book.allowed) == (True, False)
    line = Row(
        "q", "1", CHILD.id, "cantine", THURSDAY, ("r",), "accepted", starts=time(12), kind="book"
    )
    booked = shown(book, WEDNESDAY_NINE, line)["r"]
    assert (booked.cancel_locked, booked.cancel.until) == (
        False, datetime(2026, 9, 23, 12, 0, tzinfo=PARIS),
    )  # fmt: skip
    assert shown(book, WEDNESDAY_NINE.replace(hour=13), line)["r"].cancel_locked


def test_what_was_booked_together_is_locked_together() -> None:
    week_before = {"anchor": "day", "days_before": 7, "time": "18:00"}
    eve = {"anchor": "day", "days_before": 1, "time": "18:00"}
    cancel = [
        rule(week_before, 1) | {"for": {"units": ["m"]}},
        rule(eve, 2) | {"for": {"units": ["r"]}},
    ]
    book = town([rule(eve)], cancel, activity={"units": UNITS, "places": ROOM})
    line = Row("q", "1", CHILD.id, "cantine", THURSDAY, ("m", "r"), "accepted")
    both = shown(book, datetime(2026, 9, 21, 9, 0, tzinfo=PARIS), line)
    assert {unit: one.cancel_locked for unit, one in both.items()} == {"m": True, "r": True}
    assert {one.cancel.rule for one in both.values()} == {"rule-1"}
    alone = shown(book, datetime(2026, 9, 21, 9, 0, tzinfo=PARIS), line._replace(units=("r",)))
    assert not alone["r"].cancel_locked
