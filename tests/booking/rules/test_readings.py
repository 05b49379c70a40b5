"""What a rulebook keeps of its readings and answers never changes an answer."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.booking.domain.agenda import Row
from services.booking.domain.allowances import Allowance
from services.booking.domain.enrolled import Standing
from services.booking.domain.planning import Offer
from services.booking.domain.request import Choice, SettledState
from services.booking.domain.rules.answers import offered
from services.booking.domain.rules.facts import Facts
from services.booking.domain.rules.moments import Kept, Moment
from shared.contracts.family import Participant
from shared.contracts.town_file import ACTIONS, Action
from shared.days import days_between
from tests.booking.rules.helpers import MONDAY_TEN, PARIS, entries, rule, rulebook
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
PROOF = {"kinds": ["summons"], "hours": 48, "from": "notice"}
FREE_ONCE_PROVED = {"until": LATER, "outcome": "free_with_proof", "proof": PROOF}
PROVED = RULES[1] | {"after": [FREE_ONCE_PROVED]}
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
            eligible={"to_age": 4},
            units=[
                {"id": "a", "name": "A", "starts": "08:00", "ends": "12:00"},
                {"id": "b", "name": "B"},
            ],
            places=[{"id": "places", "units": ["a", "b"], "capacity": 5, "source": "test"}],
            deadlines={"book": [RULES[0], PROVED, *RULES[2:]], "cancel": RULES[2:],
                       "absence": RULES[:2]},
        )
    ],
)  # fmt: skip
KNOWING = rulebook(FILE)


@settings(max_examples=500)
@given(
    action=st.sampled_from(ACTIONS),
    shift=st.integers(-2, 25),
    now=st.integers(0, 8 * 24 * 4),
    seconds=st.sampled_from([0, 1, 59, 60, 61]),
    units=st.sampled_from([(), ("a",), ("b",), ("a", "b"), ("b", "a")]),
    traits=TRAITS,
    late=st.integers(0, 3),
    called=st.booleans(),
    price=st.sampled_from([None, 400]),
)
def test_a_rulebook_that_was_asked_before_answers_as_a_new_one(
    action: Action, shift: int, now: int, seconds: int, units: tuple[str, ...],
    traits: dict[str, bool | int | str], late: int, called: bool, price: int | None,
) -> None:  # fmt: skip
    day = (MONDAY_TEN + timedelta(days=shift)).date()
    at: datetime = MONDAY_TEN - timedelta(days=4) + timedelta(minutes=15 * now, seconds=seconds)
    procedures = frozenset({"call"} if called else ())
    facts = Facts(units=units, traits=traits, counts={"late": late}, procedures=procedures,
                  price_cents=price)  # fmt: skip
    about = FILE.activities[0]
    asked_before = offered(KNOWING, about, action, day, at, facts)
    assert asked_before == offered(rulebook(FILE), about, action, day, at, facts)


@settings(max_examples=60)
@given(
    shift=st.integers(-2, 25),
    span=st.sampled_from([0, 1, 20]),
    instants=st.lists(st.integers(0, 8 * 24 * 60), min_size=2, max_size=4),
    birth=st.dates(date(2021, 6, 1), date(2023, 12, 31)),
    school=st.sampled_from(["tilleuls", "ormes"]),
    resident=st.sampled_from([True, False, 1]),
    used=st.integers(0, 3),
    online=st.booleans(),
    booked=st.sampled_from([None, "requested", "accepted", "refused"]),
)
def test_a_planning_shows_the_same_whatever_was_shown_before(
    shift: int, span: int, instants: list[int], birth: date, school: str, resident: bool,
    used: int, online: bool, booked: SettledState | None,
) -> None:  # fmt: skip
    """Of one child and another: a month, over the turn of one, on a birthday."""
    day = (MONDAY_TEN + timedelta(days=shift)).date()
    last = day + timedelta(days=span)
    child = Participant(
        id="zoe", first_name="Zoé", last_name="Martin", birth_date=birth, school=school,
        level="MS", facts={"resident": resident, "not_asked_of": birth.isoformat()},
    )  # fmt: skip
    window = f"{day:%Y-%m}"
    counted = {f"line-{number}" for number in range(used)}
    allowance = Allowance({f"late:zoe:{window}": counted} if used else {})
    standing = Standing(online=online)
    about = FILE.activities[0]
    rows = [Row("r", "1", "zoe", "centre", day, ("a",), booked)] if booked else []
    for minutes in instants:
        now = MONDAY_TEN - timedelta(days=4) + timedelta(minutes=minutes)
        again, fresh = (
            entries(Offer(book, about, now, allowance, standing), child, day, last, *rows)
            for book in (KNOWING, rulebook(FILE))
        )
        assert again == fresh
        free = Offer(rulebook(FILE), about, now, allowance, standing)
        served = [one for one in days_between(day, last) if free.open_on(one, school)]
        assert [(one.date, one.unit) for one in again] == [
            (one, unit) for one in served if free.eligible(child, one) for unit in ("a", "b")
        ]
        for one in again:
            why_not, _ = free.may_book(child, one.date, Choice((one.unit,)))
            if one.state not in ("requested", "accepted"):
                assert one.book.allowed == (why_not is None)
                assert why_not is None or one.book.explanation == why_not.text


def test_an_instant_knows_how_long_its_comparisons_hold() -> None:
    noon, now = MONDAY_TEN.replace(hour=12), Moment(MONDAY_TEN)
    assert now < noon
    assert not now < MONDAY_TEN
    assert (now.since, now.until) == (MONDAY_TEN, noon)
    assert now.day(PARIS) == MONDAY_TEN.date()
    assert now.until == noon
    assert now.exactly() == MONDAY_TEN
    assert not now.since < now.until


def test_an_answer_holds_no_longer_than_what_it_was_made_of() -> None:
    kept = Kept(10)
    noon, three = MONDAY_TEN.replace(hour=12), MONDAY_TEN.replace(hour=15)

    def whole(at: datetime) -> list[bool]:
        return kept.answer(
            "whole", at,
            lambda moment: [
                kept.answer(one.hour, moment, lambda part, one=one: part < one)
                for one in (noon, three)
            ],
        )  # fmt: skip

    assert whole(MONDAY_TEN) == [True, True]
    assert whole(MONDAY_TEN) is whole(noon - timedelta(minutes=1))
    assert whole(noon) == [False, True]
    assert whole(three) == [False, False]
    exact = kept.answer(
        "exact", noon, lambda moment: kept.answer("part", moment, lambda part: part.exactly())
    )
    later = kept.answer(
        "exact", three, lambda moment: kept.answer("part", moment, lambda part: part.exactly())
    )
    assert (exact, later) == (noon, three)


def test_what_is_kept_stays_within_bounds() -> None:
    book = rulebook(FILE)
    about, facts = FILE.activities[0], Facts(units=("a",))
    for number in range(30_000):
        day = MONDAY_TEN.date() + timedelta(days=number)
        book.reading(about, "book", day, facts)
    assert len(book._readings) <= 10_000
    kept = Kept(10)
    for number in range(25):
        assert kept.answer(number, MONDAY_TEN, lambda _: "found") == "found"
        assert len(kept) <= 10
