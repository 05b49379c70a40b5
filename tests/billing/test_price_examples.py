"""The worked examples of real towns (``design/rules.md``), from the answer of the rules to the
amount: what booking says of a late booking or an absence is priced to the cent."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from services.billing.domain.charges import Charge, accepted_charges, ended_charges
from services.billing.domain.known import facts_of
from services.billing.domain.prices.basket import price
from services.billing.domain.prices.book import PriceBook
from services.billing.domain.prices.facts import Facts, Line
from services.booking.domain.planning import surcharged
from services.booking.domain.rules.absences import settle
from services.booking.domain.rules.answers import offered
from services.booking.domain.rules.facts import Absent
from services.booking.domain.rules.facts import Facts as RuleFacts
from shared.contracts.booking import DecidedLine
from shared.contracts.town_file import Action, TownFile
from tests.billing.data import DECIDED, card
from tests.booking.rules.cases import book_of

MONDAY, LATE, TUESDAY = "2026-09-14T10:00", "2026-09-14T16:31", "2026-09-15T09:00"
THURSDAY = "2026-09-17"


def cost(
    town: str,
    activity: str,
    day: str,
    now: str,
    action: Action = "book",
    counts: dict[str, int] | None = None,
) -> int:
    """What a meal costs when it is booked, or eaten without a booking, at that moment."""
    rules = book_of(town)
    found = rules.file.activity(activity)
    assert found is not None
    facts = RuleFacts(units=("meal",), counts=counts or {})
    at = datetime.fromisoformat(now).replace(tzinfo=rules.zone)
    answer = offered(rules, found, action, date.fromisoformat(day), at, facts)
    assert answer.allowed, answer.explanation
    line = Line(child="zoe", activity=activity, units=("meal",), day=date.fromisoformat(day),
                surcharge=surcharged(answer))  # fmt: skip
    basket = price(PriceBook.of(rules.file, rules.days), Facts(lines=(line,)))
    assert not basket.unpriced
    return basket.total_cents


@pytest.mark.parametrize(
    ("asked", "cents"),
    [
        (("vailhauques", "canteen", THURSDAY, MONDAY), 299),  # E3a
        (("vailhauques", "canteen", "2026-09-15", MONDAY), 449),  # E3b: 4.485, half up
        (("vailhauques", "canteen", THURSDAY, MONDAY, "attend"), 1000),  # E3
        (("paulx", "regular", THURSDAY, MONDAY), 429),  # E7
        (("paulx", "occasional", THURSDAY, MONDAY), 450),  # E7a
        (("paulx", "occasional", THURSDAY, LATE), 481),  # E7b
        (("paulx", "occasional", "2026-09-15", MONDAY), 481),  # E7
        (("la-tessoualle", "canteen", THURSDAY, MONDAY), 440),  # E9a
        (("la-tessoualle", "canteen", THURSDAY, TUESDAY), 540),  # E9b
    ],
)
def test_a_meal_costs_what_the_town_says(asked: Any, cents: int) -> None:
    assert cost(*asked) == cents


def settled(town: str, activity: str, days: list[str], absent: Absent, **facts: Any) -> list[int]:
    """What each day of an absence costs, from its report to the bill."""
    rules = book_of(town)
    found = rules.file.activity(activity)
    assert found is not None
    assert absent.told is not None
    on = [date.fromisoformat(day) for day in days]
    prices = PriceBook.of(rules.file, rules.days)
    costs = []
    for day in on:
        known = RuleFacts(units=("meal",), absent=absent, **facts)
        outcome = settle(rules, found, day, absent.told, known, on)
        booked = DecidedLine(
            line="1", child="zoe", activity=activity, date=day, units=("meal",), receipted=True
        )
        (charge,) = accepted_charges(
            booked, family="f1", child=card().children[0], file=rules.file, request="r",
            decided_at=DECIDED,
        )  # fmt: skip
        ended = booked.model_copy(
            update={"kind": "absence", "of": "r-1", "was": ("meal",), "effect": outcome.settled,
                    "settled_by": outcome.rule}
        )  # fmt: skip
        (end,) = ended_charges(ended, file=rules.file, family="f1", decided_at=DECIDED)
        costs.append(_cost(prices, charge, end))
    return costs


def _cost(prices: PriceBook, charge: Charge, end: Charge) -> int:
    """As the store joins both: ended for good, or with what the absence comes to."""
    if end.ending is None:
        return 0
    joined = Charge(**{**_fields(charge), "ending": end.ending})
    return price(prices, facts_of(card(), prices, [joined])).total_cents


def _fields(charge: Charge) -> dict[str, Any]:
    return {name: getattr(charge, name) for name in Charge.__slots__}


def told(town: str, at: str, first: str, last: str, **more: Any) -> Absent:
    zone = book_of(town).zone
    return Absent(
        first=date.fromisoformat(first), last=date.fromisoformat(last),
        told=datetime.fromisoformat(at).replace(tzinfo=zone), **more,
    )  # fmt: skip


def test_e3_a_call_without_the_letter_costs_the_meal_and_with_it_nothing() -> None:
    absent = told("vailhauques", "2026-09-17T08:30", THURSDAY, THURSDAY)
    both = frozenset({"phone-call", "paper-letter"})
    assert settled("vailhauques", "canteen", [THURSDAY], absent) == [299]
    assert settled("vailhauques", "canteen", [THURSDAY], absent, procedures=both) == [0]


def test_e9_under_the_new_rules_a_certificate_changes_nothing() -> None:
    absent = told("la-tessoualle", "2026-09-17T08:50", THURSDAY, THURSDAY,
                  proof="medical-certificate")  # fmt: skip
    assert settled("la-tessoualle", "canteen", [THURSDAY], absent) == [440]


def test_e10_two_unbooked_meals_cost_two_meals_and_thirty_euros() -> None:
    """The price of the meal is not published: 2.50 € here."""
    rules = book_of("nimes")
    canteen = rules.file.activities[0]
    meal = {"id": "meal", "activity": "canteen", "unit": "meal", "price_cents": 250,
            "valid_from": "2020-01-01", "source": "invented"}  # fmt: skip
    whole = rules.file.model_dump(mode="json", exclude_unset=True) | {"tariffs": [meal]}
    lines = []
    for day in (date(2026, 9, 17), date(2026, 9, 18)):
        at = datetime(day.year, day.month, day.day, 12, tzinfo=rules.zone)
        answer = offered(rules, canteen, "attend", day, at, RuleFacts(units=("meal",)))
        lines.append(Line(child="zoe", activity="canteen", units=("meal",), day=day,
                          surcharge=surcharged(answer)))  # fmt: skip
    prices = PriceBook.of(TownFile.model_validate(whole), rules.days)
    assert price(prices, Facts(lines=tuple(lines))).total_cents == 2 * 250 + 3000


def test_e11_the_day_the_next_and_the_one_after_are_due() -> None:
    """Told on Monday, with meals on Wednesday: three days, 7.80 €."""
    days = [f"2018-09-{day}" for day in (10, 11, 12, 13, 14)]
    absent = told("lamagistere", "2018-09-10T10:00", days[0], days[-1], proof="justification")
    found = settled("lamagistere", "canteen", days, absent)
    assert found == [260, 260, 260, 0, 0]
    without_wednesday = [day for day in days if not day.endswith("12")]
    found = settled("lamagistere", "canteen", without_wednesday, absent)
    assert (found, sum(found)) == ([260, 260, 0, 0], 520)
