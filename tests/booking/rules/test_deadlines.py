"""Until when an action is possible: published examples, minutes, nights, leap days, overseas."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.booking.domain.planning import Offer
from services.booking.domain.request import Choice
from services.booking.domain.rules.answers import Rulebook
from shared.contracts.family import Participant
from shared.contracts.town_file import (
    Cutoff,
    DayCutoff,
    HoursCutoff,
    MonthCutoff,
    TableCutoff,
    WeekCutoff,
    Weekday,
)
from tests.booking.rules.helpers import MONDAY_TEN, PARIS, ask, rule, town

ZONES = [
    ZoneInfo(name)
    for name in (
        "Europe/Paris", "Indian/Reunion", "America/Martinique", "Pacific/Noumea",
        "America/Miquelon",
    )
]  # fmt: skip


def every_day(cutoff: Cutoff, zone: ZoneInfo) -> Rulebook:
    """One rule, a service every day of every year."""
    calendar = {"id": "school-days", "weekdays": list(Weekday), "public_holidays": "none"}
    return town(
        [rule(cutoff.model_dump(mode="json"))], calendars=[calendar], time_zone=zone.key,
        activity={"horizon_days": 400},
    )  # fmt: skip


WEEK_BEFORE_TUESDAY = [rule({"anchor": "week", "weeks_before": 1, "weekday": "tuesday",
                             "time": "23:59"})]  # fmt: skip
VEYRAS_CANTEEN = town(WEEK_BEFORE_TUESDAY, WEEK_BEFORE_TUESDAY)
EVE_AT_18 = [rule({"anchor": "day", "days_before": 1, "time": "18:00"})]
VEYRAS_CARE = town(EVE_AT_18, EVE_AT_18)
ANDANCETTE_CANTEEN = town(
    [rule({"anchor": "week", "weeks_before": 1, "weekday": "friday", "time": "12:00"})],
    [rule({"anchor": "day", "days_before": 1, "time": "12:00"})],
)


@pytest.mark.parametrize(
    ("offered", "action", "day", "cutoff"),
    [
        (VEYRAS_CANTEEN, "book", "2026-09-17", "2026-09-08T23:59"),
        (VEYRAS_CANTEEN, "cancel", "2026-09-17", "2026-09-08T23:59"),
        (VEYRAS_CANTEEN, "book", "2026-09-21", "2026-09-15T23:59"),
        (VEYRAS_CANTEEN, "cancel", "2026-09-21", "2026-09-15T23:59"),
        (VEYRAS_CARE, "book", "2026-09-17", "2026-09-16T18:00"),
        (VEYRAS_CARE, "cancel", "2026-09-17", "2026-09-16T18:00"),
        (ANDANCETTE_CANTEEN, "book", "2026-09-17", "2026-09-11T12:00"),
        (ANDANCETTE_CANTEEN, "cancel", "2026-09-17", "2026-09-16T12:00"),
        (ANDANCETTE_CANTEEN, "book", "2026-09-21", "2026-09-18T12:00"),
        (ANDANCETTE_CANTEEN, "cancel", "2026-09-21", "2026-09-20T12:00"),
        # Week 53 of 2026 ends on Sunday 3 January 2027; its week before is week 52.
        (VEYRAS_CANTEEN, "book", "2026-12-31", "2026-12-22T23:59"),
        (VEYRAS_CANTEEN, "book", "2027-01-01", "2026-12-22T23:59"),
        (VEYRAS_CANTEEN, "book", "2027-01-04", "2026-12-29T23:59"),
        # A leap day, as the day and as the eve.
        (VEYRAS_CARE, "book", "2028-02-29", "2028-02-28T18:00"),
        (VEYRAS_CARE, "book", "2028-03-01", "2028-02-29T18:00"),
    ],
)
def test_the_published_cut_off_closes_with_its_minute(
    offered: Rulebook, action: Any, day: str, cutoff: str
) -> None:
    """Examples E1 and E2, and the calendar's odd weeks."""
    on, last = date.fromisoformat(day), datetime.fromisoformat(cutoff).replace(tzinfo=PARIS)
    answer = ask(offered, action, on)
    assert answer.cutoff == last
    assert answer.allowed == (last >= MONDAY_TEN)
    assert ask(offered, action, on, last + timedelta(seconds=59)).allowed
    assert not ask(offered, action, on, last + timedelta(minutes=1)).allowed


def test_the_explanation_says_until_when_or_since_when() -> None:
    closed = ask(VEYRAS_CANTEEN, "book", "2026-09-17")
    assert closed.explanation == (
        "Réservation close depuis le mardi 8 septembre 2026 à 23 h 59 (délai dépassé)."
    )
    still = ask(VEYRAS_CARE, "cancel", "2026-09-17")
    assert still.explanation == ("Vous pouvez annuler jusqu'au mercredi 16 septembre 2026 à 18 h.")


def test_without_a_rule_that_day_the_action_is_not_possible() -> None:
    answer = ask(town(EVE_AT_18), "cancel", "2026-09-17")
    assert (answer.allowed, answer.cutoff, answer.code) == (False, None, "no-rule")


@pytest.mark.parametrize(
    ("day", "clock", "last_instant"),
    [
        # The clocks go from 2:00 to 3:00 on 28 March 2027: 2:30 does not exist.
        ("2027-03-28", "01:59", datetime(2027, 3, 28, 0, 59, tzinfo=UTC)),
        ("2027-03-28", "02:30", datetime(2027, 3, 28, 1, 30, tzinfo=UTC)),
        # They go from 3:00 to 2:00 on 25 October 2026: 2:30 and 2:59 happen twice.
        ("2026-10-25", "02:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2026-10-25", "02:59", datetime(2026, 10, 25, 0, 59, tzinfo=UTC)),
        ("2026-10-25", "03:00", datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
    ],
)
def test_summer_time_nights(day: str, clock: str, last_instant: datetime) -> None:
    offered = town([rule({"anchor": "day", "days_before": 0, "time": clock})])
    assert ask(offered, "book", day, last_instant + timedelta(seconds=59)).allowed
    assert not ask(offered, "book", day, last_instant + timedelta(seconds=60)).allowed
    local = (last_instant + timedelta(seconds=60)).astimezone(PARIS)
    assert not ask(offered, "book", day, local).allowed


days = st.dates(date(2020, 1, 1), date(2035, 12, 31))
clocks = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))
timed = {"time": clocks | st.just("24:00"), "boundary": st.sampled_from(["through", "before"])}
counting = st.sampled_from(["all-days", "working-days", "service-days"])
weekdays = st.sampled_from(list(Weekday))
cutoffs: st.SearchStrategy[Any] = st.one_of(
    st.builds(
        DayCutoff, anchor=st.just("day"), days_before=st.integers(0, 30), counting=counting,
        clear=st.booleans(), **timed,
    ),
    st.builds(
        WeekCutoff, anchor=st.just("week"), weeks_before=st.integers(0, 5), weekday=weekdays,
        **timed,
    ),
    st.builds(
        MonthCutoff, anchor=st.just("month"), months_before=st.integers(0, 3),
        day=st.integers(1, 31) | st.just("last"), **timed,
    ),
    st.builds(
        MonthCutoff, anchor=st.just("month"), months_before=st.integers(0, 3),
        weekday_of_last_complete_week=weekdays, **timed,
    ),
    st.builds(
        HoursCutoff, anchor=st.just("hours"), hours_before=st.integers(1, 400), of=clocks,
        counting=counting, boundary=timed["boundary"],
    ),
    st.builds(
        lambda weekday, clock: TableCutoff.model_validate(
            {"anchor": "table",
             "rows": [{"for": list(Weekday), "weekday": weekday, "time": clock}]}
        ),
        weekdays, clocks,
    ),
)  # fmt: skip


@given(cutoffs, days, st.sampled_from(ZONES), st.lists(st.integers(-(10**6), 10**6), max_size=20))
def test_an_answer_changes_once_at_most_from_yes_to_no(
    cutoff: Cutoff, day: date, zone: ZoneInfo, seconds: list[int]
) -> None:
    offered = every_day(cutoff, zone)
    last = ask(offered, "book", day).cutoff
    assert last is not None
    included = getattr(cutoff, "boundary", "through") == "through" or cutoff_time(cutoff) == "24:00"
    end = last.astimezone(UTC) + timedelta(seconds=60 if included else 0)
    moments = sorted(end + timedelta(seconds=shift) for shift in [*seconds, -61, -60, -1, 0, 1])
    answers = [ask(offered, "book", day, now).allowed for now in moments]
    assert answers == sorted(answers, reverse=True)
    assert answers == [now < end for now in moments]
    assert [ask(offered, "book", day, now.astimezone(zone)).allowed for now in moments] == answers


def cutoff_time(cutoff: Cutoff) -> Any:
    """The time as stated, where the anchor has one."""
    return getattr(cutoff, "time", None)


@given(days, clocks, st.sampled_from(ZONES))
def test_a_cut_off_is_said_on_the_town_s_own_clock(day: date, clock: time, zone: ZoneInfo) -> None:
    said = ask(every_day(DayCutoff(anchor="day", days_before=1, time=clock), zone), "book", day)
    eve = datetime.combine(day - timedelta(days=1), clock)
    assert said.cutoff is not None
    assert said.cutoff.tzinfo is zone
    exists = eve.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == eve
    assert not exists or said.cutoff.replace(tzinfo=None) == eve


def test_a_family_reads_that_what_was_allowed_beyond_the_deadline_is_used_up() -> None:
    late = {
        "until": {"anchor": "day", "days_before": 0, "time": "09:30"},
        "times": {"counter": "late", "to": 2}, "outcome": "accept",
        "text": "Deux repas tardifs par mois au plus.",
    }  # fmt: skip
    counter = {
        "id": "late", "name": "Retards", "counts": "late_bookings", "per": "child",
        "window": "month",
    }  # fmt: skip
    week_before = WEEK_BEFORE_TUESDAY[0]["cutoff"]
    offered = town([rule(week_before, after=[late])], counters=[counter])
    second = ask(offered, "book", "2026-09-17", counts={"late": 1})
    assert second.allowed
    third = ask(offered, "book", "2026-09-17", counts={"late": 2})
    assert (third.allowed, third.code) == (False, "too-late")
    assert third.explanation == (
        "Réservation close depuis le mardi 8 septembre 2026 à 23 h 59 (délai dépassé) : le nombre"
        " admis au-delà est atteint. Deux repas tardifs par mois au plus."
    )
    # Once that is over too, only the deadline is to blame.
    over = ask(offered, "book", "2026-09-14", counts={"late": 2})
    assert over.explanation.endswith("(délai dépassé).")


CHILD = Participant(
    id="c", first_name="Léa", last_name="M", birth_date=date(2018, 1, 1), school="tilleuls",
    level=None,
)  # fmt: skip


@given(cutoffs, days, st.sampled_from(ZONES), st.integers(-180, 180))
def test_what_may_be_booked_agrees_with_the_deadline_at_every_minute(
    cutoff: Cutoff, day: date, zone: ZoneInfo, minutes: int
) -> None:
    offered = every_day(cutoff, zone)
    last = ask(offered, "book", day).cutoff
    assert last is not None
    now = last.astimezone(UTC) + timedelta(minutes=minutes)
    offer = Offer(offered, offered.file.activities[0], now)
    reason, _ = offer.may_book(CHILD, day, Choice(("unit",)))
    over = day < now.astimezone(zone).date()
    assert (reason is None) == (ask(offered, "book", day, now).allowed and not over)


NOON_BEFORE = [rule({"anchor": "day", "days_before": 2, "time": "12:00"}, 1)]


def paid_at_once(pay: list[dict[str, Any]], **deadlines: Any) -> Offer:
    """The canteen, booked until the eve at 18:00, paid when it is booked."""
    book = town(
        [],
        activity={
            "decision": "automatic", "billing": "pay_at_booking",
            "deadlines": {"book": EVE_AT_18, "pay": pay} | deadlines,
        },
    )  # fmt: skip
    return Offer(book, book.file.activities[0], MONDAY_TEN)


@given(st.integers(-3 * 24 * 60, 3 * 24 * 60))
def test_what_can_no_longer_be_paid_can_no_longer_be_booked(minutes: int) -> None:
    last = datetime(2026, 9, 15, 12, 0, tzinfo=PARIS)
    offer = replace(paid_at_once(NOON_BEFORE), now=last + timedelta(minutes=minutes))
    why_not, answer = offer.may_book(CHILD, date(2026, 9, 17), Choice(("unit",)))
    assert (why_not is None) == answer.allowed == (minutes <= 0)


def test_a_family_reads_that_it_can_no_longer_pay() -> None:
    offer = replace(paid_at_once(NOON_BEFORE), now=datetime(2026, 9, 15, 14, tzinfo=PARIS))
    why_not, answer = offer.may_book(CHILD, date(2026, 9, 17), Choice(("unit",)))
    assert why_not is not None
    assert answer.rule == "rule-1"
    assert why_not.text == (
        "Paiement clos depuis le mardi 15 septembre 2026 à 12 h (délai dépassé)."
    )


@pytest.mark.parametrize(
    ("pay", "cutoff"),
    [([], "2026-09-16T18:00"), (EVE_AT_18, "2026-09-16T18:00"), (NOON_BEFORE, "2026-09-15T12:00")],
)
def test_the_padlock_closes_at_the_earlier_of_both(pay: list[dict[str, Any]], cutoff: str) -> None:
    answer = paid_at_once(pay).answer("book", CHILD, date(2026, 9, 17), Choice(("unit",)))
    assert (answer.allowed, answer.rule) == (True, "rule-0")
    assert answer.cutoff == datetime.fromisoformat(cutoff).replace(tzinfo=PARIS)


def test_once_it_can_no_longer_be_paid_it_waits_as_what_comes_late() -> None:
    queue = [{"until": {"anchor": "day", "days_before": 0, "time": "08:00"},
              "outcome": "waiting_list"}]  # fmt: skip
    offer = paid_at_once(NOON_BEFORE, book=[rule(EVE_AT_18[0]["cutoff"], after=queue)])
    outcomes = {
        (day, hour): replace(offer, now=datetime(2026, 9, day, hour, tzinfo=PARIS)).answer(
            "book", CHILD, date(2026, 9, 17), Choice(("unit",))
        )
        for day, hour in ((15, 11), (15, 13), (16, 17), (16, 19))
    }
    assert [one.outcome for one in outcomes.values()] == ["accept", *["waiting_list"] * 3]
    assert outcomes[15, 11].explanation == (
        "Vous pouvez réserver jusqu'au mardi 15 septembre 2026 à 12 h."
    )
    assert {one.cutoff for one in outcomes.values()} == {datetime(2026, 9, 15, 12, tzinfo=PARIS)}


def test_what_an_agent_decides_is_paid_afterwards() -> None:
    late = [{"until": {"anchor": "always"}, "outcome": "ask_agent"}]
    asked = [rule({"anchor": "never"}, after=late)]
    offer = paid_at_once([rule({"anchor": "never"}, 1)], book=asked)
    answer = offer.answer("book", CHILD, date(2026, 9, 17), Choice(("unit",)))
    assert (answer.allowed, answer.outcome) == (True, "ask_agent")


@pytest.mark.parametrize(
    "how", [{"decision": "agent"}, {"decision": "automatic", "billing": "pay_in_arrears"}]
)
def test_a_deadline_for_paying_is_for_what_is_paid_at_booking(how: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"`deadlines\.pay`, le délai pour payer"):
        town([], activity={**how, "deadlines": {"book": EVE_AT_18, "pay": EVE_AT_18}})
