"""Twelve worked examples of real towns' rules, asked of their files in ``towns/``.

The clock is Monday 14 September 2026, 10:00, the target Thursday 17 September, unless said
otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from services.booking.domain.rules.answers import Rulebook
from services.booking.domain.rules.choices import wrong_week
from services.booking.trial_schemas import FactsIn
from services.booking.trying import explained
from shared.contracts.town_file import Action, Weekday
from tests.booking.rules.cases import book_of
from tests.booking.rules.helpers import PARIS, rulebook

NOW = "2026-09-14T10:00"
THURSDAY = "2026-09-17"


def ask(
    town: str | Rulebook, activity: str, action: Action, day: str = THURSDAY, now: str = NOW,
    **facts: Any,
) -> dict[str, Any]:  # fmt: skip
    """What ``preau rules explain`` prints for a town of ``towns/``."""
    book = book_of(town) if isinstance(town, str) else town
    found = book.file.activity(activity)
    assert found is not None
    at = datetime.fromisoformat(now).replace(tzinfo=PARIS)
    return explained(book, found, action, date.fromisoformat(day), at, FactsIn(**facts))


def price(town: str, activity: str) -> int:
    """The price of the town's own text, for families of no class of their own."""
    tariffs = book_of(town).file.tariffs
    everybody = (one for one in tariffs if one.activity == activity and not one.for_.audiences)
    return next(one.price_cents for one in everybody if one.price_cents is not None)


def last_minute(answer: dict[str, Any]) -> str | None:
    """The cut-off on the town's clock."""
    cutoff = answer["cutoff"]
    return cutoff.replace(tzinfo=None).isoformat(timespec="minutes") if cutoff else None


def paid(answer: dict[str, Any], own_price: int) -> int:
    """What a booking costs, with what is due for coming late."""
    surcharge = answer["surcharge"]
    return surcharge["total_cents"] if surcharge else own_price


def due(answer: dict[str, Any]) -> dict[str, int]:
    """What is due for each day of an absence."""
    return {day["date"].isoformat(): day["due_cents"] for day in answer["days"]}


def absence(first: str, last: str | None = None, **more: Any) -> dict[str, Any]:
    """An absence, as a fact."""
    return {"first": first, "last": last or first} | more


@dataclass(frozen=True)
class Row:
    """One row of the table of examples."""

    id: str
    town: str
    activity: str
    action: Action
    day: str
    yes: bool
    cutoff: str | None
    now: str = NOW
    units: tuple[str, ...] = ()


WITH_MEAL, NO_MEAL = ("morning", "meal", "afternoon"), ("morning", "afternoon")
ROWS = [
    Row("E1a", "veyras", "canteen", "book", THURSDAY, False, "2026-09-08T23:59"),
    Row("E1b", "veyras", "canteen", "book", "2026-09-21", True, "2026-09-15T23:59"),
    Row("E1c", "veyras", "garderie", "cancel", THURSDAY, True, "2026-09-16T18:00"),
    Row("E2a", "andancette", "canteen", "book", THURSDAY, False, "2026-09-11T12:00"),
    Row("E2b", "andancette", "canteen", "cancel", THURSDAY, True, "2026-09-16T12:00"),
    Row("E3a", "vailhauques", "canteen", "book", THURSDAY, True, "2026-09-15T09:00"),
    Row("E3b", "vailhauques", "canteen", "book", "2026-09-15", True, "2026-09-11T09:00"),
    Row("E4a", "rovon", "canteen", "book", THURSDAY, False, "2026-09-13T23:59"),
    Row("E4b", "rovon", "canteen", "cancel", THURSDAY, True, "2026-09-15T12:00"),
    Row("E5a", "cruas", "garderie", "book", THURSDAY, True, "2026-09-15T12:00"),
    Row("E5b", "cruas", "wednesday-centre", "book", "2026-09-16", False, "2026-09-10T12:00"),
    Row("E6a", "villes-soeurs", "wednesday-centre", "book", "2026-09-16", False,
        "2026-09-11T18:00", units=WITH_MEAL),
    Row("E6b", "villes-soeurs", "wednesday-centre", "book", "2026-09-16", True,
        "2026-09-15T23:59", units=NO_MEAL),
    Row("E6c", "villes-soeurs", "wednesday-centre", "cancel", "2026-09-16", False, None),
    Row("E7a", "paulx", "occasional", "book", THURSDAY, True, "2026-09-14T16:30"),
    Row("E7b", "paulx", "occasional", "book", THURSDAY, True, "2026-09-14T16:30",
        now="2026-09-14T16:31"),
    Row("E8a", "illkirch-graffenstaden", "centre", "book", "2026-10-05", True,
        "2026-09-14T23:59"),
    Row("E8b", "illkirch-graffenstaden", "centre", "cancel", "2026-10-05", False,
        "2026-09-11T23:59"),
    Row("E9a", "la-tessoualle", "canteen", "book", THURSDAY, True, "2026-09-14T23:59"),
    Row("E9b", "la-tessoualle", "canteen", "book", THURSDAY, True, "2026-09-14T23:59",
        now="2026-09-15T09:00"),
    Row("E10a", "nimes", "canteen", "book", THURSDAY, False, "2026-09-13T23:59"),
    Row("E10b", "nimes", "canteen", "cancel", THURSDAY, True, "2026-09-15T12:00"),
    Row("E12a", "centre-social-vhb", "meals", "change", "2025-07-17", True, "2025-07-14T15:00",
        now="2025-07-14T10:00"),
    Row("E12b", "centre-social-vhb", "meals", "change", "2025-07-16", False, "2025-07-10T15:00",
        now="2025-07-14T10:00"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_the_table(row: Row) -> None:
    """E11, the only row about an absence, is ``test_e11_…``."""
    answer = ask(row.town, row.activity, row.action, row.day, row.now, units=list(row.units))
    assert (answer["allowed"], last_minute(answer)) == (row.yes, row.cutoff)
    assert answer["explanation"]


@pytest.mark.parametrize(
    ("town", "activity", "action", "day", "cutoff"),
    [
        ("veyras", "canteen", "cancel", THURSDAY, "2026-09-08T23:59"),
        ("veyras", "canteen", "cancel", "2026-09-21", "2026-09-15T23:59"),
        ("veyras", "garderie", "book", THURSDAY, "2026-09-16T18:00"),
        ("andancette", "canteen", "book", "2026-09-21", "2026-09-18T12:00"),
        ("andancette", "canteen", "cancel", "2026-09-21", "2026-09-20T12:00"),
        ("vailhauques", "canteen", "book", "2026-09-18", "2026-09-15T09:00"),
        ("vailhauques", "canteen", "cancel", THURSDAY, "2026-09-15T09:00"),
        ("rovon", "canteen", "book", "2026-09-18", "2026-09-14T23:59"),
        ("rovon", "canteen", "cancel", "2026-09-21", "2026-09-18T12:00"),
        ("cruas", "garderie", "cancel", THURSDAY, "2026-09-15T12:00"),
        ("cruas", "garderie", "book", "2026-09-21", "2026-09-17T12:00"),
        ("cruas", "garderie", "cancel", "2026-09-21", "2026-09-17T12:00"),
        ("cruas", "garderie", "book", "2026-09-22", "2026-09-18T12:00"),
        ("cruas", "wednesday-centre", "book", "2026-09-23", "2026-09-17T12:00"),
        ("paulx", "regular", "book", THURSDAY, "2026-09-14T16:30"),
        ("paulx", "occasional", "cancel", THURSDAY, "2026-09-14T16:30"),
        ("paulx", "occasional", "book", "2026-09-15", "2026-09-10T16:30"),
        ("paulx", "occasional", "book", "2026-09-18", "2026-09-15T16:30"),
        ("paulx", "occasional", "book", "2026-09-21", "2026-09-16T16:30"),
        ("paulx", "occasional", "book", "2026-09-22", "2026-09-17T16:30"),
        ("illkirch-graffenstaden", "centre", "book", THURSDAY, "2026-08-27T23:59"),
        ("illkirch-graffenstaden", "centre", "cancel", THURSDAY, "2026-08-26T23:59"),
        ("la-tessoualle", "canteen", "cancel", THURSDAY, "2026-09-14T23:59"),
        ("la-tessoualle", "canteen", "book", "2026-09-22", "2026-09-19T23:59"),
        ("nimes", "canteen", "book", "2026-09-18", "2026-09-14T23:59"),
    ],
)
def test_the_other_cut_offs_of_the_examples(
    town: str, activity: str, action: Action, day: str, cutoff: str
) -> None:
    answer = ask(town, activity, action, day)
    assert last_minute(answer) == cutoff
    assert (answer["outcome"] == "accept") == (cutoff >= NOW)


def test_e1_after_the_cut_off_nothing_and_the_minute_counts() -> None:
    for action in ("book", "cancel"):
        assert ask("veyras", "garderie", action, now="2026-09-16T18:00")["allowed"]
        assert not ask("veyras", "garderie", action, now="2026-09-16T18:01")["allowed"]
    assert due(ask("veyras", "canteen", "absence", price_cents=410)) == {THURSDAY: 410}


def test_e2_not_cancelled_in_time_is_due() -> None:
    still = ask("andancette", "canteen", "absence", now="2026-09-16T12:00", price_cents=400)
    late = ask("andancette", "canteen", "absence", now="2026-09-16T12:01", price_cents=400)
    assert (due(still), due(late)) == ({THURSDAY: 0}, {THURSDAY: 400})


def test_e3_half_as_much_again_then_ten_euros_unbooked() -> None:
    in_time = ask("vailhauques", "canteen", "book", price_cents=299)
    assert (in_time["outcome"], paid(in_time, 299)) == ("accept", 299)
    late = ask("vailhauques", "canteen", "book", "2026-09-15", price_cents=299)
    assert (late["outcome"], late["surcharge"]["percent"]) == ("surcharge", 50)
    assert paid(late, 299) == 449  # 4.485, rounded half up
    unbooked = ask("vailhauques", "canteen", "attend", now="2026-09-17T12:00", price_cents=299)
    assert paid(unbooked, 299) == 1000


def test_e3_a_call_and_a_letter_make_it_free_a_call_alone_does_not() -> None:
    at = "2026-09-17T08:30"
    both = ask("vailhauques", "canteen", "absence", now=at, price_cents=299,
               procedures=["phone-call", "paper-letter"])  # fmt: skip
    call = ask("vailhauques", "canteen", "absence", now=at, price_cents=299,
               procedures=["phone-call"])  # fmt: skip
    assert (due(both), due(call)) == ({THURSDAY: 0}, {THURSDAY: 299})


def test_e4_today_is_the_last_day_for_friday() -> None:
    assert ask("rovon", "canteen", "book", "2026-09-18", "2026-09-14T23:59")["allowed"]
    assert not ask("rovon", "canteen", "book", "2026-09-18", "2026-09-15T00:00")["allowed"]


def test_e5_nothing_is_possible_afterwards() -> None:
    for action in ("book", "cancel", "change"):
        late = ask("cruas", "garderie", action, now="2026-09-15T12:01")
        assert (late["allowed"], late["outcome"]) == (False, "refuse")


def test_e6_the_meal_decides_when_the_order_closes() -> None:
    with_meal = ask("villes-soeurs", "wednesday-centre", "book", "2026-09-23", units=WITH_MEAL)
    assert (with_meal["allowed"], last_minute(with_meal)) == (True, "2026-09-18T18:00")
    holidays = ask("villes-soeurs", "holiday-centre", "book", "2026-10-22", units=WITH_MEAL)
    assert last_minute(holidays) == "2026-10-19T18:00"


def test_e6_never_cancelled_and_paid_within_the_hour() -> None:
    for now in ("2026-08-01T00:00", NOW, "2026-09-23T08:00"):
        answer = ask("villes-soeurs", "wednesday-centre", "cancel", "2026-09-23", now)
        assert (answer["allowed"], answer["cutoff"]) == (False, None)
        told = ask("villes-soeurs", "wednesday-centre", "absence", "2026-09-23", now,
                   price_cents=850)  # fmt: skip
        assert due(told) == {"2026-09-23": 850}
    activity = book_of("villes-soeurs").file.activity("wednesday-centre")
    assert activity is not None
    filled = datetime.fromisoformat(NOW)
    assert filled + timedelta(minutes=activity.hold_minutes) == datetime(2026, 9, 14, 11, 0)  # noqa: DTZ001


def test_e7_regular_occasional_and_late() -> None:
    regular, occasional = price("paulx", "regular"), price("paulx", "occasional")
    assert (regular, occasional) == (429, 450)
    for activity, own in (("regular", regular), ("occasional", occasional)):
        in_time = ask("paulx", activity, "book", price_cents=own)
        assert paid(in_time, own) == own
        late = ask("paulx", activity, "book", now="2026-09-14T16:31", price_cents=own)
        assert (late["outcome"], paid(late, own)) == ("surcharge", 481)
    tuesday = ask("paulx", "occasional", "book", "2026-09-15", price_cents=occasional)
    assert paid(tuesday, occasional) == 481


def test_e7_regular_is_two_meals_a_week() -> None:
    book = book_of("paulx")
    activity = book.file.activity("regular")
    assert activity is not None
    two = [date(2026, 9, 14), date(2026, 9, 17)]
    assert wrong_week(activity, two[0], two, book.days, None) is None
    assert wrong_week(activity, two[0], two[:1], book.days, None) is not None


def test_e8_the_first_day_that_may_be_booked_may_never_be_cancelled() -> None:
    days = [(date(2026, 9, 14) + timedelta(days=number)).isoformat() for number in range(60)]
    first = {
        action: next(
            day for day in days if ask("illkirch-graffenstaden", "centre", action, day)["allowed"]
        )
        for action in ("book", "cancel")
    }
    assert first == {"book": "2026-10-05", "cancel": "2026-10-06"}
    born = ask("illkirch-graffenstaden", "centre", "book", "2026-10-05")
    assert "ne pourra pas être annulée" in born["warning"]
    assert ask("illkirch-graffenstaden", "centre", "book", "2026-10-06")["warning"] is None


@pytest.mark.parametrize("day", ["2025-12-26", "2027-03-26"])
def test_e8_holidays_of_alsace(day: str) -> None:
    answer = ask("illkirch-graffenstaden", "centre", "book", day, f"{day}T10:00")
    assert answer["code"] == "public-holiday"


def test_e9_a_euro_more_when_late() -> None:
    own = price("la-tessoualle", "canteen")
    assert own == 440
    in_time = ask("la-tessoualle", "canteen", "book", price_cents=own)
    late = ask("la-tessoualle", "canteen", "book", now="2026-09-15T09:00", price_cents=own)
    assert (paid(in_time, own), paid(late, own)) == (440, 540)


def test_e9_the_certificate_counts_until_the_new_rule_begins() -> None:
    def sick(thursday: str, friday: str) -> dict[str, int]:
        certificate = {"proof": "medical-certificate", "proof_at": f"{friday}T10:00"}
        known = absence(thursday, told=f"{thursday}T08:50", **certificate)
        answer = ask("la-tessoualle", "canteen", "absence", thursday, f"{friday}T10:00",
                     price_cents=440, absence=known)  # fmt: skip
        return due(answer)

    assert sick("2022-06-16", "2022-06-17") == {"2022-06-16": 0}
    assert sick(THURSDAY, "2026-09-18") == {THURSDAY: 440}


def test_e10_a_credit_and_no_refund() -> None:
    cancelled = ask("nimes", "canteen", "absence", now="2026-09-15T12:00", price_cents=400)
    assert (cancelled["given_back"], due(cancelled)) == ("credit", {THURSDAY: 0})
    late = ask("nimes", "canteen", "absence", now="2026-09-15T12:01", price_cents=400)
    assert (late["given_back"], due(late)) == (None, {THURSDAY: 400})


def test_e10_thirty_euros_once_a_month() -> None:
    first = ask("nimes", "canteen", "attend", now="2026-09-17T12:00", price_cents=400)
    second = ask("nimes", "canteen", "attend", "2026-09-18", "2026-09-18T12:00", price_cents=400,
                 counts={"unbooked-meals": 1})  # fmt: skip
    assert first["allowed"]
    assert paid(first, 400) == 400 + 3000
    assert paid(first, 400) + paid(second, 400) == 2 * 400 + 3000


@pytest.mark.parametrize(
    ("reason", "cents"), [("other-illness", 400), ("hospitalisation-with-surgery", 0)]
)
def test_e10_only_the_closed_list_is_not_due(reason: str, cents: int) -> None:
    answer = ask("nimes", "canteen", "absence", now="2026-09-17T08:00", price_cents=400,
                 absence=absence(THURSDAY, reason=reason))  # fmt: skip
    assert due(answer) == {THURSDAY: cents}


def without_wednesdays(town: str) -> Rulebook:
    """The same town, whose schools are closed on Wednesdays."""
    file = book_of(town).file
    calendars = tuple(
        one.model_copy(
            update={"weekdays": tuple(day for day in one.weekdays if day != Weekday.WEDNESDAY)}
        )
        for one in file.calendars
    )
    return rulebook(file.model_copy(update={"calendars": calendars}))


@pytest.mark.parametrize(
    ("wednesdays", "dues"), [(True, [260, 260, 260, 0, 0]), (False, [260, 260, 0, 0])]
)
def test_e11_the_day_the_next_and_the_day_after_are_due(wednesdays: bool, dues: list[int]) -> None:
    """7.80 € of a week with Wednesday meals, 5.20 € without: these days are the calendar's."""
    town = book_of("lamagistere") if wednesdays else without_wednesdays("lamagistere")
    own = price("lamagistere", "canteen")
    known = absence("2026-09-14", "2026-09-18", told=NOW, proof="justification")
    answer = ask(town, "canteen", "absence", "2026-09-14", price_cents=own, absence=known)
    assert list(due(answer).values()) == dues
    assert sum(dues) == (780 if wednesdays else 520)


@pytest.mark.parametrize(
    ("day", "cutoff"),
    [
        ("2025-07-15", "2025-07-10T15:00"),
        ("2025-07-16", "2025-07-10T15:00"),
        ("2025-07-17", "2025-07-14T15:00"),
        ("2025-07-18", "2025-07-14T15:00"),
        # An ordinary week.
        ("2025-07-23", "2025-07-21T15:00"),
    ],
)
def test_e12_the_week_of_a_monday_off(day: str, cutoff: str) -> None:
    for action in ("book", "cancel"):
        answer = ask("centre-social-vhb", "meals", action, day, "2025-07-14T10:00")
        assert last_minute(answer) == cutoff
        assert answer["allowed"] == (cutoff >= "2025-07-14T10:00")


def test_e12_at_most_a_tenth_is_kept_for_a_serious_reason_proved_in_time() -> None:
    def settled(proof_at: str | None, reason: str | None) -> int:
        proof = {"proof": "justification", "proof_at": proof_at} if proof_at else {}
        known = absence("2025-07-16", told="2025-07-14T10:00", reason=reason, **proof)
        answer = ask("centre-social-vhb", "meals", "absence", "2025-07-16", "2025-07-25T10:00",
                     price_cents=1000, absence=known)  # fmt: skip
        return due(answer)["2025-07-16"]

    assert settled("2025-07-19T23:59", "serious") == 100
    assert settled("2025-07-20T00:00", "serious") == 1000
    assert settled(None, "serious") == 1000
    assert settled("2025-07-18T10:00", None) == 1000
