"""Along the time axis: no answer changes its mind twice, and the planning's signs are the rules'
own, minute by minute, on ordinary days and on the calendar's odd ones."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from services.booking.domain.agenda import Row
from services.booking.domain.planning import Offer
from services.booking.domain.rules.absences import settle
from services.booking.domain.rules.answers import Rulebook
from services.booking.domain.rules.cutoffs import Place, limit
from services.booking.domain.rules.facts import Absent, Facts
from shared.contracts.town_file import Action, DatesCutoff, NoCutoff, PeriodCutoff, Weekday
from tests.booking.rules.helpers import ask, entries, rule, town
from tests.booking.rules.test_deadlines import (
    CHILD,
    ZONES,
    clocks,
    counting,
    cutoffs,
    days,
    timed,
    weekdays,
)

#: The nights on which clocks change and the days beside them, leap days, the weeks 53.
ODD = [
    date(year, month, day) + timedelta(days=beside)
    for year, month, day in (
        (2026, 3, 29), (2026, 10, 25), (2027, 3, 28), (2027, 10, 31), (2026, 3, 8), (2026, 11, 1),
        (2024, 2, 29), (2028, 2, 29), (2026, 12, 31), (2027, 1, 3), (2032, 12, 31), (2033, 1, 2),
    )
    for beside in (-1, 0, 1, 8)
]  # fmt: skip
any_day = days | st.sampled_from(ODD)
zones = st.sampled_from(ZONES)
QUARTERS = [
    {"id": f"q{year}-{first}", "name": f"{first}/{year}", "first": f"{year}-{first:02}-01",
     "last": f"{year}-{last}"}
    for year in range(2019, 2037)
    for first, last in ((1, "03-31"), (4, "06-30"), (7, "09-30"), (10, "12-31"))
]  # fmt: skip
EVERY_DAY = {"id": "school-days", "weekdays": list(Weekday), "public_holidays": "none"}

of_periods: st.SearchStrategy[Any] = st.builds(
    PeriodCutoff, anchor=st.just("period"), days_before=st.integers(0, 60),
    weeks_before=st.integers(0, 5), counting=counting, clear=st.booleans(),
    weekday=st.none() | weekdays, **timed,
)  # fmt: skip
published: st.SearchStrategy[Any] = st.builds(
    lambda on, clock, boundary: DatesCutoff.model_validate({
        "anchor": "dates",
        "dates": [{"first": "2019-01-01", "last": "2030-06-30", "on": on, "time": clock,
                   "boundary": boundary}],
    }),
    days, clocks, timed["boundary"],
)  # fmt: skip
unlimited: st.SearchStrategy[Any] = st.builds(NoCutoff, anchor=st.sampled_from(["always", "never"]))
every_cutoff = cutoffs | of_periods | published | unlimited

steps = st.builds(
    lambda until, outcome: {"outcome": outcome, **({"until": until} if until else {})}
    | ({"proof": {"kinds": ["paper"], "days": 3}, "surcharge": {"kind": "unstated"}}
       if outcome == "free_with_proof" else {}),
    st.none() | every_cutoff.map(lambda one: one.model_dump(mode="json", by_alias=True)),
    st.sampled_from(["accept", "ask_agent", "waiting_list", "free_with_proof"]),
)  # fmt: skip
deadlines = st.builds(
    lambda opens, cutoff, after: rule(
        cutoff.model_dump(mode="json", by_alias=True), after=after,
        **({"opens": opens.model_dump(mode="json", by_alias=True)} if opens else {}),
    ),
    st.none() | every_cutoff, every_cutoff, st.lists(steps, max_size=3),
)  # fmt: skip
seconds = st.lists(st.integers(-(10**7), 10**7), max_size=12)


def daily(zone: ZoneInfo, **of_actions: Any) -> Rulebook:
    """Service every day of every year; a deadline for each action named."""
    if "absence" in of_actions:
        for step in of_actions["absence"][0]["after"]:
            if step["outcome"] == "free_with_proof":
                step["outcome"] = "accept"
                step.pop("proof")
    about = {"deadlines": {"book": [rule({"anchor": "always"})]} | of_actions}
    return town([], calendars=[EVERY_DAY], periods=QUARTERS, time_zone=zone.key, activity=about)


def instants(book: Rulebook, day: date, shifts: list[int], *actions: Action) -> list[datetime]:
    """Instants in order, close to everything that these rules name for a day, and elsewhere."""
    place = Place(book.days, book.zone, "school-days")
    named = [
        one
        for action in actions
        for each in book.file.activities[0].deadlines.of(action)
        for one in (each.opens, each.cutoff, *(step.until for step in each.after))
        if one is not None
    ]
    limits = [found.at for one in named if (found := limit(one, day, place)) and found.at]
    around = [at.astimezone(UTC) for at in limits] or [
        datetime.combine(day, datetime.min.time(), UTC)
    ]
    close = (-61, -60, -1, 0, 1, 59, 60, 61)
    return sorted(at + timedelta(seconds=shift) for at in around for shift in (*close, *shifts))


def senses(answers: list[Any]) -> list[Any]:
    """The answers without repetitions."""
    return [answer for answer, _ in groupby(answers)]


@given(st.sampled_from(["book", "change", "cancel", "absence"]), deadlines, any_day, zones, seconds)
def test_an_answer_opens_once_and_closes_once(
    action: Action, deadline: Any, day: date, zone: ZoneInfo, shifts: list[int]
) -> None:
    book = daily(zone, **{action: [deadline]})
    moments = instants(book, day, shifts, action)
    found = senses([ask(book, action, day, now).allowed for now in moments])
    assert found in ([True], [False], [True, False], [False, True], [False, True, False])
    there = [ask(book, action, day, now.astimezone(zone)).allowed for now in moments]
    assert senses(there) == found


@given(deadlines, deadlines, any_day, zones, seconds)
def test_a_change_without_rules_of_its_own_is_possible_while_both_are(
    booking: Any, cancelling: Any, day: date, zone: ZoneInfo, shifts: list[int]
) -> None:
    book = daily(zone, book=[booking], cancel=[cancelling])
    for now in (moments := instants(book, day, shifts, "book", "cancel")):
        both = all(ask(book, action, day, now).allowed for action in ("book", "cancel"))
        assert ask(book, "change", day, now).allowed == both
    found = senses([ask(book, "change", day, now).allowed for now in moments])
    assert found in ([True], [False], [True, False], [False, True], [False, True, False])


WORSE = {"cancelled": 0, "free": 1, "to_prove": 2, "billed": 3}


@given(every_cutoff, every_cutoff, st.booleans(), any_day, zones, seconds)
def test_an_absence_told_later_never_costs_less(
    cancel: Any, notice: Any, proof: bool, day: date, zone: ZoneInfo, shifts: list[int]
) -> None:
    """In time it is a cancellation; until the notice it is free, at once or once proved."""
    settling = {
        "id": "ill", "valid_from": "2000-01-01", "source": "test", "effect": {"kind": "free"},
        "notice": notice.model_dump(mode="json", by_alias=True),
        **({"proof": {"kinds": ["paper"]}} if proof else {}),
    }  # fmt: skip
    deadline = rule(cancel.model_dump(mode="json", by_alias=True))
    book = town(
        [rule({"anchor": "always"})], [deadline], calendars=[EVERY_DAY], periods=QUARTERS,
        time_zone=zone.key, activity={"absences": {"rules": [settling]}},
    )  # fmt: skip
    activity = book.file.activities[0]

    def told(at: datetime) -> str:
        facts = Facts(absent=Absent(first=day, last=day, told=at))
        return settle(book, activity, day, at, facts, [day]).settled

    place = Place(book.days, book.zone, "school-days")
    until = limit(notice, day, place)
    around = instants(book, day, shifts, "cancel")
    if until and until.at:
        around += [until.at + timedelta(seconds=shift) for shift in (-60, -1, 0, 59, 60)]
    ranks = [WORSE[told(at)] for at in sorted(around)]
    assert ranks == sorted(ranks)


@given(
    deadlines, deadlines, any_day, zones, st.lists(st.integers(-3000, 3000), min_size=1, max_size=8)
)
def test_the_padlock_and_the_no_entry_sign_are_the_rules_at_every_minute(
    booking: Any, cancelling: Any, day: date, zone: ZoneInfo, minutes: list[int]
) -> None:
    """By the planning's own code: no entry while booking is refused, a padlock on what is booked
    while cancelling is; each says until when it was possible."""
    book = daily(zone, book=[booking], cancel=[cancelling])
    activity = book.file.activities[0]
    row = Row("r", "1", CHILD.id, "cantine", day, ("unit",), "accepted")
    for now in instants(book, day, [60 * minute for minute in minutes], "book", "cancel"):
        offer = Offer(book, activity, now)
        over = day < now.astimezone(zone).date()
        early = (day - now.astimezone(zone).date()).days > activity.horizon_days
        may_book = ask(book, "book", day, now)
        may_cancel = ask(book, "cancel", day, now)
        (free,) = entries(offer, CHILD, day, day)
        assert free.booking_locked == (not may_book.allowed or over or early)
        assert not free.cancel_locked
        assert free.book.allowed != free.booking_locked
        (held,) = entries(offer, CHILD, day, day, row)
        assert held.cancel_locked == (not may_cancel.allowed or over)
        assert not held.booking_locked
        if not over:
            assert held.cancel.until == may_cancel.cutoff
            assert early or free.book.until == may_book.cutoff
