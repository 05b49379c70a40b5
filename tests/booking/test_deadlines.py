"""Until when an action is possible: published examples, minutes, nights, leap days, overseas."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.booking.domain.calendar import Holidays
from services.booking.domain.deadlines import cutoff_instant, may
from services.booking.domain.planning import Offer
from shared.contracts.family import Child
from shared.contracts.town_file import Activity, Calendar, DayCutoff, WeekCutoff, Weekday
from tests.samples import activity

PARIS = ZoneInfo("Europe/Paris")
ZONES = [
    ZoneInfo(name)
    for name in (
        "Europe/Paris", "Indian/Reunion", "America/Martinique", "Pacific/Noumea",
        "America/Miquelon",
    )
]  # fmt: skip
SECOND = timedelta(seconds=1)
MONDAY_TEN = datetime(2026, 9, 14, 10, 0, tzinfo=PARIS)


def rule(anchor: str, clock: str, **where: Any) -> list[dict[str, Any]]:
    return [
        {"id": "rule", "valid_from": "2000-01-01", "source": "test",
         "cutoff": {"anchor": anchor, "time": clock, **where}}
    ]  # fmt: skip


def with_rules(book: list[dict[str, Any]], cancel: list[dict[str, Any]]) -> Activity:
    return Activity.model_validate(activity("cantine", deadlines={"book": book, "cancel": cancel}))


WEEK_BEFORE_TUESDAY = rule("week", "23:59", weeks_before=1, weekday="tuesday")
VEYRAS_CANTEEN = with_rules(WEEK_BEFORE_TUESDAY, WEEK_BEFORE_TUESDAY)
EVE_AT_18 = rule("day", "18:00", days_before=1)
VEYRAS_CARE = with_rules(EVE_AT_18, EVE_AT_18)
ANDANCETTE_CANTEEN = with_rules(
    rule("week", "12:00", weeks_before=1, weekday="friday"), rule("day", "12:00", days_before=1)
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
    offered: Activity, action: Any, day: str, cutoff: str
) -> None:
    """Examples E1 and E2, and the calendar's odd weeks."""
    on, last = date.fromisoformat(day), datetime.fromisoformat(cutoff).replace(tzinfo=PARIS)
    answer = may(action, offered, on, MONDAY_TEN, PARIS)
    assert answer.cutoff == last
    assert answer.allowed == (last >= MONDAY_TEN)
    assert may(action, offered, on, last + timedelta(seconds=59), PARIS).allowed
    assert not may(action, offered, on, last + timedelta(minutes=1), PARIS).allowed


def test_the_explanation_says_until_when_or_since_when() -> None:
    closed = may("book", VEYRAS_CANTEEN, date(2026, 9, 17), MONDAY_TEN, PARIS)
    assert closed.explanation == (
        "Réservation close depuis le mardi 8 septembre 2026 à 23 h 59 (délai dépassé)."
    )
    still = may("cancel", VEYRAS_CARE, date(2026, 9, 17), MONDAY_TEN, PARIS)
    assert still.explanation == ("Vous pouvez annuler jusqu'au mercredi 16 septembre 2026 à 18 h.")


def test_without_a_rule_that_day_the_action_is_not_possible() -> None:
    never = with_rules(EVE_AT_18, [])
    answer = may("cancel", never, date(2026, 9, 17), MONDAY_TEN, PARIS)
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
    offered = with_rules(rule("day", clock, days_before=0), [])
    on = date.fromisoformat(day)
    assert may("book", offered, on, last_instant + timedelta(seconds=59), PARIS).allowed
    assert not may("book", offered, on, last_instant + timedelta(seconds=60), PARIS).allowed
    local = (last_instant + timedelta(seconds=60)).astimezone(PARIS)
    assert not may("book", offered, on, local, PARIS).allowed


days = st.dates(date(2020, 1, 1), date(2035, 12, 31))
clocks = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))
cutoffs = st.one_of(
    st.builds(
        lambda before, clock: DayCutoff(anchor="day", days_before=before, time=clock),
        st.integers(0, 30), clocks,
    ),
    st.builds(
        lambda before, weekday, clock: WeekCutoff(
            anchor="week", weeks_before=before, weekday=weekday, time=clock
        ),
        st.integers(0, 5), st.sampled_from(list(Weekday)), clocks,
    ),
)  # fmt: skip


@given(cutoffs, days, st.sampled_from(ZONES), st.lists(st.integers(-(10**6), 10**6), max_size=20))
def test_an_answer_changes_once_at_most_from_yes_to_no(
    cutoff: Any, day: date, zone: ZoneInfo, seconds: list[int]
) -> None:
    offered = with_rules(
        [{"id": "r", "valid_from": "2000-01-01", "source": "t",
          "cutoff": cutoff.model_dump(mode="json")}], [],
    )  # fmt: skip
    last = cutoff_instant(cutoff, day, zone).astimezone(UTC)
    moments = sorted(last + timedelta(seconds=shift) for shift in [*seconds, -1, 0, 59, 60, 61])
    answers = [may("book", offered, day, now, zone).allowed for now in moments]
    assert answers == sorted(answers, reverse=True)
    assert answers == [now < last + timedelta(seconds=60) for now in moments]
    local = [may("book", offered, day, now.astimezone(zone), zone).allowed for now in moments]
    assert local == answers


@given(days, clocks, st.sampled_from(ZONES))
def test_a_cut_off_is_said_on_the_town_s_own_clock(day: date, clock: time, zone: ZoneInfo) -> None:
    cutoff = DayCutoff(anchor="day", days_before=1, time=clock)
    said = cutoff_instant(cutoff, day, zone)
    eve = datetime.combine(day - timedelta(days=1), clock)
    assert said.tzinfo is zone
    exists = eve.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == eve
    assert not exists or said.replace(tzinfo=None) == eve


CHILD = Child(
    id="c", first_name="Léa", last_name="M", birth_date=date(2018, 1, 1), school="tilleuls",
    level=None,
)  # fmt: skip
EVERY_DAY = Calendar(id="every-day", weekdays=tuple(Weekday))


@given(cutoffs, days, st.sampled_from(ZONES), st.integers(-180, 180))
def test_what_may_be_booked_agrees_with_the_deadline_at_every_minute(
    cutoff: Any, day: date, zone: ZoneInfo, minutes: int
) -> None:
    offered = with_rules(
        [{"id": "r", "valid_from": "2000-01-01", "source": "t",
          "cutoff": cutoff.model_dump(mode="json")}], [],
    )  # fmt: skip
    now = cutoff_instant(cutoff, day, zone).astimezone(UTC) + timedelta(minutes=minutes)
    nothing_known = Holidays({}, {}, date.max)
    offer = Offer(offered, EVERY_DAY, nothing_known, zone, now)
    reason = offer.why_not(CHILD, day)
    assert (reason is None) == may("book", offered, day, now, zone).allowed == (minutes < 1)
