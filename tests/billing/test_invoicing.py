"""Months, charges and prices: pure rules."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.billing.domain.charges import Charge, accepted_charges, cancelled_charges
from services.billing.domain.invoicing import Priced, priced
from services.billing.domain.months import ends_at, last_over, month_of
from shared.contracts.booking import DecidedLine, Reason, Replaced
from shared.contracts.town_file import Tariff
from shared.errors import MissingCopy
from tests.billing.data import DECIDED, TARIFFS, card, file_with
from tests.billing.prices import book_of

BOOK = book_of(file_with())


def price(charges: list[Charge]) -> Priced:
    """What the family's invoice would hold."""
    return priced(charges, card(), BOOK)


def charge_on(
    day: date, child: str = "zoe", unit: str = "repas", activity: str = "cantine"
) -> Charge:
    return Charge(
        id=f"{child}-{activity}-{unit}-{day}", town="veyras", family="f1", request="r",
        line=f"{child}-{activity}-{day}", child=child,
        child_name=child.capitalize(), activity=activity, unit=unit, day=day,
        billing="pay_in_arrears", accepted=True, decided=DECIDED,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("month", "zone", "ends"),
    [
        ("2026-09", "Europe/Paris", datetime(2026, 9, 30, 22, tzinfo=UTC)),
        ("2026-10", "Europe/Paris", datetime(2026, 10, 31, 23, tzinfo=UTC)),
        ("2026-12", "Europe/Paris", datetime(2026, 12, 31, 23, tzinfo=UTC)),
        ("2027-03", "Europe/Paris", datetime(2027, 3, 31, 22, tzinfo=UTC)),
        ("2028-02", "Europe/Paris", datetime(2028, 2, 29, 23, tzinfo=UTC)),
        ("2026-09", "Pacific/Noumea", datetime(2026, 9, 30, 13, tzinfo=UTC)),
        ("2026-09", "America/Martinique", datetime(2026, 10, 1, 4, tzinfo=UTC)),
        ("2026-10", "America/Miquelon", datetime(2026, 11, 1, 2, tzinfo=UTC)),
    ],
)
def test_a_month_ends_at_midnight_on_the_towns_clock(month: str, zone: str, ends: datetime) -> None:
    assert ends_at(month, ZoneInfo(zone)) == ends


@settings(deadline=None)
@given(
    st.integers(0, 4 * 365 * 24 * 60),
    st.sampled_from(
        ["Europe/Paris", "Pacific/Noumea", "America/Martinique", "America/Miquelon",
         "Indian/Reunion", "Pacific/Tahiti"]
    ),
)  # fmt: skip
def test_the_last_month_over_has_ended_and_the_next_has_not(minutes: int, name: str) -> None:
    instant = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    zone = ZoneInfo(name)
    last = last_over(instant, zone)
    following = month_of(ends_at(last, zone).astimezone(zone).date())
    assert ends_at(last, zone) <= instant < ends_at(following, zone)


def test_a_line_is_count_times_the_price_of_each_child_activity_and_unit() -> None:
    days = [date(2026, 9, 3), date(2026, 9, 1), date(2026, 9, 8)]
    charges = [charge_on(day) for day in days]
    charges += [charge_on(days[0], "tom"), charge_on(days[0], unit="viande")]
    found = price(charges)
    assert [
        (line.child_name, line.unit_name, line.count, line.price_cents, line.total_cents)
        for line in found.lines
    ] == [("Tom", "Repas", 1, 410, 410), ("Zoe", "Repas", 3, 410, 1230),
          ("Zoe", "Viande", 1, 55, 55)]  # fmt: skip
    assert found.total_cents == 1695
    assert found.lines[1].days == (date(2026, 9, 1), date(2026, 9, 3), date(2026, 9, 8))


def test_each_day_has_the_tariff_in_force_on_it() -> None:
    charges = [charge_on(date(2026, 9, 30)), charge_on(date(2026, 10, 1))]
    found = price(charges)
    assert [(line.tariff, line.total_cents) for line in found.lines] == [
        ("repas-1", 410), ("repas-2", 425),
    ]  # fmt: skip


def test_a_charge_without_a_tariff_is_left_aside_never_given_a_price() -> None:
    charges = [
        charge_on(date(2026, 8, 31)), charge_on(date(2026, 9, 1)),
        charge_on(date(2026, 9, 1), activity="piscine"), charge_on(date(2026, 9, 1), unit="gouter"),
    ]  # fmt: skip
    found = price(charges)
    assert found.total_cents == 410
    assert sorted((one.charge.activity, one.charge.unit, one.code) for one in found.left_aside) == [
        ("cantine", "gouter", "activity-removed"),
        ("cantine", "repas", "no-tariff"),
        ("piscine", "repas", "activity-removed"),
    ]


_DAYS = st.dates(date(2026, 8, 20), date(2026, 12, 31))
_CHARGES = st.lists(
    st.builds(
        charge_on, _DAYS, st.sampled_from(["zoe", "tom", "léo"]),
        st.sampled_from(["repas", "viande", "gouter"]), st.sampled_from(["cantine", "piscine"]),
    ),
    max_size=60,
    unique_by=lambda charge: charge.id,
)  # fmt: skip


@settings(deadline=None)
@given(_CHARGES, st.randoms())
def test_every_charge_is_on_one_line_or_left_aside_and_the_sums_agree(
    charges: list[Charge], random: Random
) -> None:
    found = price(charges)
    on_lines = Counter(charge.id for charge in found.charges)
    aside = Counter(left.charge.id for left in found.left_aside)
    assert on_lines + aside == Counter(charge.id for charge in charges)
    assert sum(line.count for line in found.lines) == len(found.charges)
    assert found.total_cents == sum(line.total_cents for line in found.lines)
    for line in found.lines:
        assert line.total_cents == line.count * line.price_cents
        assert len(line.days) == line.count
        assert all(tariff_of(line.activity, line.unit, day).id == line.tariff for day in line.days)
    shuffled = list(charges)
    random.shuffle(shuffled)
    again = price(shuffled)
    assert (again.lines, again.total_cents) == (found.lines, found.total_cents)


def tariff_of(activity: str, unit: str, day: date) -> Tariff:
    (one,) = (
        tariff
        for tariff in TARIFFS
        if (tariff.activity, tariff.unit) == (activity, unit) and tariff.holds_on(day)
    )
    return one


def line(replaces: Replaced | None = None, **changes: object) -> DecidedLine:
    whole: dict[str, object] = {
        "line": "l1", "child": "zoe", "activity": "cantine", "date": date(2026, 9, 3),
        "units": ["repas"], "receipted": False, "replaces": replaces, **changes,
    }  # fmt: skip
    return DecidedLine.model_validate(whole)


def charged(booked: DecidedLine) -> list[Charge]:
    return accepted_charges(
        booked, family="f1", child=card().children[0], file=file_with(), request="r",
        decided_at=DECIDED,
    )  # fmt: skip


def test_a_decision_comes_after_the_one_it_replaces_even_at_the_same_instant() -> None:
    (accepted,) = charged(line())
    for at in (DECIDED, DECIDED - timedelta(seconds=5)):
        (cancelled,) = cancelled_charges(
            line(Replaced(decided_at=DECIDED, accepted=True), reason=Reason(code="x", text="x")),
            town="veyras", family="f1", request="r", decided_at=at,
        )  # fmt: skip
        assert cancelled.id == accepted.id
        assert cancelled.decided > accepted.decided


def test_a_refusal_of_what_was_never_accepted_leaves_nothing() -> None:
    refused = line(reason=Reason(code="full", text="Complet."))
    assert not cancelled_charges(
        refused, town="veyras", family="f1", request="r", decided_at=DECIDED
    )


def test_a_copy_of_the_town_older_than_the_booking_is_waited_for() -> None:
    with pytest.raises(MissingCopy) as missing:
        charged(line(activity="nouvelle"))
    assert missing.value.subject == "towns/veyras"


def test_a_line_of_several_units_is_a_charge_for_each_and_a_number_counts() -> None:
    booked = line(units=["repas", "viande"], quantity=3)
    charges = charged(booked)
    found = price(charges)
    assert [(one.unit, one.count) for one in found.lines] == [("repas", 3), ("viande", 3)]
    assert all(one.total_cents == 3 * one.price_cents for one in found.lines)
