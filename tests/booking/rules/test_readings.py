"""What a rulebook keeps of its readings never changes an answer."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.booking.domain.rules.answers import offered
from services.booking.domain.rules.facts import Facts
from shared.contracts.town_file import ACTIONS, Action
from tests.booking.rules.helpers import MONDAY_TEN, rule, rulebook
from tests.samples import activity, town_file

#: 1 and True are equal for a dictionary, and not for a rule.
TRAITS = st.fixed_dictionaries(
    {},
    optional={
        "resident": st.sampled_from([True, False, 1, 0, "yes"]),
        "school": st.sampled_from(["tilleuls", "ormes"]),
        "age": st.integers(3, 5),
    },
)
BEFORE = {"anchor": "day", "days_before": 2, "time": "12:00"}
LATER = {"anchor": "day", "days_before": 1, "time": "18:00"}
OPENS = {"anchor": "day", "days_before": 20, "time": "08:00"}
HOURS = {"anchor": "hours", "hours_before": 30, "of": "08:30"}
LATE = {"until": LATER, "outcome": "accept", "surcharge": {"kind": "percent", "percent": 50}}
RULES = [
    rule(BEFORE, 1, **{"for": {"audiences": ["residents"]}, "after": [LATE]}),
    rule(HOURS, 2, **{"for": {"schools": ["ormes"], "weekdays": ["thursday"]}}),
    rule(LATER, 3, **{"for": {"units": ["b"]}, "times": {"counter": "late", "to": 2}}),
    rule(BEFORE, 4, opens=OPENS, after=[{"outcome": "ask_agent", "procedures": ["call"]}]),
]
FILE = town_file(
    schools=[{"id": school, "name": school} for school in ("tilleuls", "ormes")],
    audiences=[
        {"id": "residents", "name": "Résidents", "all": [{"fact": "resident", "is": [True]}]}
    ],
    counters=[
        {"id": "late", "name": "Retards", "counts": "late_bookings", "per": "child",
         "window": "month"}
    ],
    activities=[
        activity(
            "centre",
            eligible={},
            units=[
                {"id": "a", "name": "A", "starts": "08:00", "ends": "12:00"},
                {"id": "b", "name": "B"},
            ],
            places=[{"id": "places", "units": ["a", "b"], "capacity": 5, "source": "test"}],
            deadlines={"book": RULES, "cancel": RULES[2:], "absence": RULES[:2]},
        )
    ],
)  # fmt: skip
KNOWING = rulebook(FILE)


@settings(max_examples=500)
@given(
    action=st.sampled_from(ACTIONS),
    shift=st.integers(-2, 25),
    now=st.integers(0, 8 * 24 * 4),
    units=st.sampled_from([(), ("a",), ("b",), ("a", "b"), ("b", "a")]),
    traits=TRAITS,
    late=st.integers(0, 3),
    called=st.booleans(),
    price=st.sampled_from([None, 400]),
)
def test_a_rulebook_that_was_asked_before_answers_as_a_new_one(
    action: Action, shift: int, now: int, units: tuple[str, ...],
    traits: dict[str, bool | int | str], late: int, called: bool, price: int | None,
) -> None:  # fmt: skip
    day = (MONDAY_TEN + timedelta(days=shift)).date()
    at: datetime = MONDAY_TEN - timedelta(days=4) + timedelta(minutes=15 * now)
    procedures = frozenset({"call"} if called else ())
    facts = Facts(units=units, traits=traits, counts={"late": late}, procedures=procedures,
                  price_cents=price)  # fmt: skip
    about = FILE.activities[0]
    asked_before = offered(KNOWING, about, action, day, at, facts)
    assert asked_before == offered(rulebook(FILE), about, action, day, at, facts)


def test_what_is_kept_stays_within_bounds() -> None:
    book = rulebook(FILE)
    about, facts = FILE.activities[0], Facts(units=("a",))
    for number in range(30_000):
        day = MONDAY_TEN.date() + timedelta(days=number)
        book.reading(about, "book", day, facts)
    assert len(book._readings) <= 10_000
