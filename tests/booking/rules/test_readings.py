"""What a rulebook keeps of its readings and answers never changes an answer."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.booking.domain.allowances import Allowance
from services.booking.domain.enrolled import Standing
from services.booking.domain.places import Session, Shape
from services.booking.domain.planning import Offer
from services.booking.domain.request import Choice
from services.booking.domain.rules.answers import offered
from services.booking.domain.rules.facts import Facts
from services.booking.domain.rules.moments import Kept, Moment
from services.booking.planning_queries import entry_of
from shared.contracts.family import Participant
from shared.contracts.town_file import ACTIONS, Action
from tests.booking.rules.helpers import MONDAY_TEN, PARIS, rule, rulebook
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
            eligible={},
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


@settings(max_examples=200)
@given(
    shift=st.integers(-2, 25),
    instants=st.lists(st.integers(0, 8 * 24 * 60), min_size=2, max_size=6),
    birth=st.dates(date(2021, 6, 1), date(2023, 12, 31)),
    school=st.sampled_from(["tilleuls", "ormes"]),
    resident=st.sampled_from([True, False, 1]),
    used=st.integers(0, 3),
    desk_only=st.booleans(),
)
def test_a_planning_shows_the_same_whatever_was_shown_before(
    shift: int, instants: list[int], birth: date, school: str, resident: bool, used: int,
    desk_only: bool,
) -> None:  # fmt: skip
    day = (MONDAY_TEN + timedelta(days=shift)).date()
    child = Participant(
        id="zoe", first_name="Zoé", last_name="Martin", birth_date=birth, school=school,
        level="MS", facts={"resident": resident},
    )  # fmt: skip
    window = f"{day:%Y-%m}"
    allowance = Allowance({f"late:zoe:{window}": {f"line-{number}" for number in range(used)}})
    standing = Standing(online=desk_only)
    about = FILE.activities[0]
    shape = Shape(about, 1)
    session = Session(shape.on(day).key, 1, {"places": 5}, {})
    for minutes in instants:
        now = MONDAY_TEN - timedelta(days=4) + timedelta(minutes=minutes)
        shown = [
            entry_of(
                Offer(book, about, now, allowance, standing), child, "a", day, None, session, shape
            )
            for book in (KNOWING, rulebook(FILE))
        ]
        assert shown[0] == shown[1]
        free = Offer(rulebook(FILE), about, now, allowance, standing)
        why_not, _ = free.may_book(child, day, Choice(("a",)))
        assert shown[0].book.allowed == (why_not is None)
        assert why_not is None or shown[0].book.explanation == why_not.text


def test_an_instant_knows_how_long_its_comparisons_hold() -> None:
    noon, now = MONDAY_TEN.replace(hour=12), Moment(MONDAY_TEN)
    assert now < noon
    assert not now < MONDAY_TEN
    assert (now.since, now.until) == (MONDAY_TEN, noon)
    assert now.day(PARIS) == MONDAY_TEN.date()
    assert now.until == noon
    assert now.exactly() == MONDAY_TEN
    assert not now.since < now.until


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
