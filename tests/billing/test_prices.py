"""Prices: every quotient has one price, sums come out to the cent, order and rounding are the
town's."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.billing.domain.prices.rounding import part_of, shared_out
from shared.contracts.town_file import ORDER
from tests.billing.prices import DAY, buy, line, tariff, town

_CUTS = st.lists(
    st.decimals(1, 5000, places=2, allow_nan=False, allow_infinity=False),
    min_size=1, max_size=12, unique=True,
).map(sorted)  # fmt: skip
_QUOTIENTS = st.decimals(0, 9000, places=2, allow_nan=False, allow_infinity=False)


def grid(
    cuts: list[Decimal], cents: list[int], included: list[bool] | None = None
) -> list[dict[str, Any]]:
    """Brackets that meet at each cut; ``included``: the cut belongs to the lower one."""
    sides = included or [False] * len(cuts)
    rows: list[dict[str, Any]] = [{} for _ in range(len(cuts) + 1)]
    for at, (cut, lower) in enumerate(zip(cuts, sides, strict=True)):
        rows[at] |= {"to": str(cut)} if lower else {"below": str(cut)}
        rows[at + 1] |= {"over": str(cut)} if lower else {"from": str(cut)}
    return [row | {"cents": one} for row, one in zip(rows, cents, strict=True)]


@st.composite
def grids(draw: st.DrawFn) -> tuple[list[Decimal], list[int], list[bool]]:
    cuts = draw(_CUTS)
    cents = draw(st.lists(st.integers(0, 2000), min_size=len(cuts) + 1, max_size=len(cuts) + 1))
    sides = draw(st.lists(st.booleans(), min_size=len(cuts), max_size=len(cuts)))
    return cuts, sorted(cents), sides


# -- grids ---------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(grids(), st.lists(_QUOTIENTS, min_size=2, max_size=6), st.randoms())
def test_every_quotient_has_its_bracket_and_a_rising_grid_rises(
    drawn: tuple[list[Decimal], list[int], list[bool]], quotients: list[Decimal], random: Random
) -> None:
    cuts, cents, sides = drawn
    rows = grid(cuts, cents, sides)
    random.shuffle(rows)
    book = town(tariff(brackets=rows))
    found = [buy(book, [line()], quotient=one).total_cents for one in sorted(quotients)]
    assert all(low <= high for low, high in pairwise(found))
    for quotient, total in zip(sorted(quotients), found, strict=True):
        below = sum(
            cut < quotient or (cut == quotient and not lower)
            for cut, lower in zip(cuts, sides, strict=True)
        )
        assert total == cents[below]
    assert buy(book, [line()]).total_cents == max(cents), "without proof, the dearest"


@pytest.mark.parametrize(
    ("quotient", "said"),
    [
        (500, "Taux d'effort appliqué au quotient 500"),
        (777, "Taux d'effort appliqué au quotient 777, plafonné à 4,20\u00a0€"),
        (50, "Taux d'effort appliqué au quotient 50, porté au minimum de 1,00\u00a0€"),
        (None, "Sans justificatif de quotient : tarif fixé par la commune"),
    ],
)
def test_a_price_by_a_rate_says_what_decided_it(quotient: int | None, said: str) -> None:
    rate = {"rate": "0.6", "ceiling_cents": 420, "floor_cents": 100}
    book = town(tariff(brackets=[rate], without_proof_cents=250))
    value = None if quotient is None else Decimal(quotient)
    assert buy(book, [line()], quotient=value).lines[0].reason == said


@settings(deadline=None, max_examples=60)
@given(grids(), st.data())
def test_a_grid_with_a_hole_is_refused_with_the_exact_range(
    drawn: tuple[list[Decimal], list[int], list[bool]], data: st.DataObject
) -> None:
    cuts, cents, sides = drawn
    rows = grid(cuts, cents, sides)
    lost = data.draw(st.integers(0, len(rows) - 1))
    row = rows.pop(lost)
    low = plain(row.get("over") or row.get("from", "0"))
    high = f" à {plain(row['to'])}" if "to" in row else (
        f" et au-dessous de {plain(row['below'])}" if "below" in row else ""
    )  # fmt: skip
    begun = "au-dessus de" if "over" in row else "de" if high else "à partir de"
    with pytest.raises(ValidationError) as refused:
        town(tariff(brackets=rows))
    assert f"tariffs: repas: brackets: aucun prix {begun} {low}{high}" in str(refused.value)


def plain(number: str) -> str:
    return format(Decimal(number).normalize(), "f")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"to": 440}, {"from": 441}], "aucun prix au-dessus de 440 et au-dessous de 441"),
        ([{"to": 440}, {"from": 440}], "deux prix à 440"),
        ([{"below": 440}, {"over": 440}], "aucun prix à 440"),
        ([{"to": 500}, {"from": 400}], "deux prix de 400 à 500"),
        ([{"below": 500}, {"over": 400}], "deux prix au-dessus de 400 et au-dessous de 500"),
        ([{"from": 1}], "aucun prix de 0 et au-dessous de 1"),
        ([{"to": "440.50"}], "aucun prix au-dessus de 440.5"),
        ([{"below": 300}, {"from": 300, "to": 200}, {"from": 300}], "ne vaut pour rien"),
        ([{"to": 440}, {"from": 440, "to": 440}, {"over": 440}], "deux prix à 440"),
    ],
)
def test_holes_and_overlaps_are_shown_as_they_are(rows: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        town(tariff(brackets=[row | {"cents": 100} for row in rows]))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"to": 440}, {"from": 441}], None),
        ([{"to": 440}, {"from": 442}], "aucun prix au-dessus de 440 et au-dessous de 442"),
        ([{"to": "440.50"}, {"from": 441}], None),
        ([{"to": 441}, {"over": 440}], "deux prix au-dessus de 440 à 441"),
        ([{"below": 440}, {"over": 440}], "aucun prix à 440"),
    ],
)
def test_whole_quotients_leave_no_hole_between_440_and_441(
    rows: list[dict[str, Any]], said: str | None
) -> None:
    brackets = [row | {"cents": 100} for row in rows]
    pricing = {"quotient": {"whole": "down"}}
    if said is None:
        assert buy(town(tariff(brackets=brackets), pricing=pricing), [line()], quotient="440.99")
        return
    with pytest.raises(ValidationError) as refused:
        town(tariff(brackets=brackets), pricing=pricing)
    assert said in str(refused.value)


# -- sums ----------------------------------------------------------------------------------

_SHARE = st.fixed_dictionaries(
    {},
    optional={
        "most_cents": st.integers(0, 500),
        "family_cents": st.integers(0, 300),
        "claimed_only": st.booleans(),
    },
)
_KIND = st.one_of(
    st.fixed_dictionaries({"percent": st.integers(1, 100).map(str)}),
    st.fixed_dictionaries({"cents": st.integers(0, 600)}),
    st.fixed_dictionaries({"beyond_cents": st.integers(0, 600)}),
)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.tuples(_SHARE, _KIND), max_size=4),
    st.decimals("0.01", "2", places=3),
    st.decimals(0, 2500, places=2),
    st.integers(1, 30),
    st.sampled_from(["operation", "line", "total"]),
    st.sampled_from(["half_up", "half_even", "up", "down"]),
)
def test_the_parts_of_all_payers_are_the_price_to_the_cent(
    shares: list[tuple[dict[str, Any], dict[str, Any]]],
    rate: Decimal,
    quotient: Decimal,
    quantity: int,
    at: str,
    mode: str,
) -> None:
    others = [
        {"id": f"payer-{number}", "payer": f"payer-{number}", "name": "P", "source": "test",
         "valid_from": "2026-01-01", **share, **kind}
        for number, (share, kind) in enumerate(shares)
    ]  # fmt: skip
    book = town(
        tariff(brackets=[{"rate": str(rate), "ceiling_cents": 900}]),
        pricing={"paid_by_others": others, "rounding": {"at": at, "mode": mode}},
    )
    found = buy(book, [line(quantity=quantity), line(quantity=1)], quotient=quotient)
    assert found.total_cents == sum(one.cents for one in found.lines)
    for one in found.lines:
        paid = sum(part.cents for part in one.paid_by_others if not part.claimed_only)
        assert one.total_cents == one.cents + paid
        assert one.cents >= 0
        assert all(part.cents > 0 for part in one.paid_by_others)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=12),
    st.decimals("0.001", "1", places=4),
    st.decimals(1, 2500, places=2),
    st.sampled_from([1, 5, 10]),
)
def test_rounded_once_for_the_total_the_lines_are_the_total(
    quantities: list[int], rate: Decimal, quotient: Decimal, to_cents: int
) -> None:
    rounding = {"at": "total", "mode": "half_up", "to_cents": to_cents}
    cell = {"rate": str(rate), "ceiling_cents": 100_000}
    book = town(tariff(brackets=[cell]), pricing={"rounding": rounding})
    lines = [line(quantity=one) for one in quantities]
    found = buy(book, lines, quotient=quotient)
    exact = quotient * rate * sum(quantities)
    assert abs(found.total_cents - exact) <= Decimal(to_cents) / 2
    assert found.total_cents % to_cents == 0
    assert sum(one.cents for one in found.lines) == found.total_cents
    for one in found.lines:
        assert abs(one.cents - quotient * rate * one.count) <= to_cents


@given(st.lists(st.decimals(0, 1000, places=3), max_size=12), st.integers(-5, 5))
def test_what_is_shared_out_is_all_there_is(amounts: list[Decimal], off: int) -> None:
    total = int(sum(amounts, Decimal(0))) + off
    found = shared_out(amounts, total)
    assert sum(found) == (total if amounts else 0)
    assert len(found) == len(amounts)


@given(st.integers(0, 1_000_000), st.integers(2, 12))
def test_instalments_are_the_price_and_differ_by_a_cent_at_most(total: int, number: int) -> None:
    parts = [part_of(total, number, at) for at in range(number)]
    assert sum(parts) == total
    assert max(parts) - min(parts) <= 1
    assert parts == sorted(parts, reverse=True)


# -- order and rounding --------------------------------------------------------------------

HALF = {"id": "half", "name": "Demi-tarif", "operation": "reductions", "percent": -50,
        "valid_from": "2026-01-01", "source": "test"}  # fmt: skip
LATE = {"rule": "late", "kind": "amount", "cents": 100}


@pytest.mark.parametrize(
    ("order", "total"),
    [
        (("reductions", "surcharges"), 303),  # 405 / 2 = 202.5, up to 203, and 100
        (("surcharges", "reductions"), 253),  # (405 + 100) / 2 = 252.5
    ],
)
def test_the_order_of_operations_changes_the_price(order: tuple[str, ...], total: int) -> None:
    rest = [one for one in ORDER if one not in ("price", "shares", *order)]
    pricing = {"order": ["price", *order, *rest, "shares"], "adjustments": [HALF]}
    found = buy(town(tariff(price_cents=405), pricing=pricing), [line(surcharge=LATE)])
    assert found.total_cents == total
    assert [one.operation for one in found.lines[0].trace] == ["price", *order]


@pytest.mark.parametrize(
    "order",
    [
        ORDER[1:], ORDER[:-1], (*ORDER, "price"), ("shares", *ORDER[:-1]),
        ("reductions", "price", *ORDER[2:]),
    ],
)  # fmt: skip
def test_an_order_that_leaves_something_out_is_refused(order: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="order"):
        town(tariff(price_cents=405), pricing={"order": order})


@pytest.mark.parametrize(
    ("rounding", "total"),
    [
        ({}, 1347),  # 2.99 × 1.5 = 4.485, up to 4.49, three times
        ({"mode": "down"}, 1347),  # the surcharge states its own rounding, half up
        ({"at": "line"}, 1346),  # 3 × 4.485 = 13.455, up to 13.46
        ({"at": "line", "mode": "down"}, 1345),
        ({"at": "total", "mode": "half_even"}, 1346),
        ({"at": "line", "to_cents": 10}, 1350),
    ],
)
def test_rounding_is_done_where_and_as_the_town_says(rounding: dict[str, Any], total: int) -> None:
    book = town(tariff(price_cents=299), pricing={"rounding": rounding})
    half_more = {"rule": "late", "kind": "percent", "percent": 50}
    assert buy(book, [line(quantity=3, surcharge=half_more)]).total_cents == total


# -- what is charged already ---------------------------------------------------------------

FEE = {"id": "fee", "name": "Adhésion", "operation": "extras", "cents": 800, "per": "school_year",
       "once_for": "family", "valid_from": "2026-01-01", "source": "test"}  # fmt: skip
_DAYS = st.lists(st.dates(date(2026, 9, 1), date(2027, 8, 31)), min_size=1, max_size=14)


@settings(deadline=None, max_examples=60)
@given(
    _DAYS,
    st.integers(0, 14),
    st.sampled_from(["item", "day", "week", "month", "school_year"]),
    st.randoms(),
)
def test_a_year_priced_in_two_parts_costs_what_it_costs_at_once(
    days: list[date], cut: int, per: str, random: Random
) -> None:
    book = town(tariff(price_cents=405, per=per), pricing={"adjustments": [FEE]})
    whole = [line(day, "zoe" if number % 2 else "tom") for number, day in enumerate(days)]
    at_once = buy(book, whole).total_cents
    first, second = whole[:cut], whole[cut:]
    in_parts = buy(book, first).total_cents
    in_parts += buy(book, [*second, *(one | {"known": True} for one in first)]).total_cents
    assert in_parts == at_once
    shuffled = list(whole)
    random.shuffle(shuffled)
    assert buy(book, shuffled).total_cents == at_once


def test_a_surcharge_reaches_the_following_items_too() -> None:
    late = LATE | {"also_following": 2}
    days = [date(2026, 9, day) for day in (14, 15, 17, 18)]
    lines = [line(days[0], surcharge=late), *(line(day) for day in days[1:])]
    found = buy(town(tariff(price_cents=400)), [*lines, line(days[1], "tom")])
    by_child = sorted((one.child, one.day.day, one.cents) for one in found.lines)
    assert by_child == [
        ("tom", 15, 400), ("zoe", 14, 500), ("zoe", 15, 500), ("zoe", 17, 500), ("zoe", 18, 400),
    ]  # fmt: skip


def test_a_surcharge_of_the_month_falls_due_once() -> None:
    """Nîmes: two unbooked meals in September are two meals and 30 €, not 60 €."""
    thirty = {"rule": "unbooked", "kind": "amount", "cents": 3000, "per": "month"}
    lines = [line(date(2026, 9, day), surcharge=thirty) for day in (17, 18)]
    book = town(tariff(price_cents=250))
    assert buy(book, lines).total_cents == 2 * 250 + 3000
    october = line(date(2026, 10, 1), surcharge=thirty)
    assert buy(book, [*lines, october]).total_cents == 3 * 250 + 6000


# -- adults --------------------------------------------------------------------------------


def test_an_adult_pays_an_adult_s_price_and_is_nobody_s_brother_or_sister() -> None:
    """A price by age is not for an adult whose age is not known: the price for all others is."""
    audiences = [
        {"id": "grown", "name": "Adultes", "all": [{"fact": "participant", "is": ["adult"]}]},
        {"id": "teens", "name": "Ados", "all": [{"fact": "age", "from": 12}]},
        {"id": "second", "name": "2e enfant", "all": [{"fact": "rank", "from": 2}]},
    ]
    tariffs = [
        tariff(id=name, price_cents=cents, **({"for": {"audiences": [name]}} if name else {}))
        for name, cents in (("second", 200), ("grown", 505), ("teens", 350), ("", 400))
    ]
    tariffs[-1]["id"] = "all"
    family = [{"id": "zoe", "age": 8}, {"id": "anne", "participant": "adult"}]
    lines = [line(child="zoe"), line(child="anne")]

    def cents(*priced: dict[str, Any]) -> dict[str, int]:
        found = buy(town(*priced, audiences=audiences), lines, children=family)
        return {one.child: one.cents for one in found.lines}

    assert cents(*tariffs) == {"zoe": 400, "anne": 505}
    assert cents(tariffs[0], *tariffs[2:]) == {"zoe": 400, "anne": 400}


# -- nothing is priced that has no price ---------------------------------------------------


def test_what_has_no_price_is_told_and_costs_nothing() -> None:
    book = town(tariff(price_cents=400, valid_until="2026-09-30"))
    unstated = {"rule": "late", "kind": "unstated"}
    found = buy(
        book,
        [
            line(date(2026, 10, 1)),
            line(units=["viande"]),
            line(activity="piscine"),
            line(surcharge=unstated),
            line(ended={"effect": "keep_percent", "rule": "gone"}),
        ],
    )
    assert (found.lines, found.total_cents) == ((), 0)
    assert sorted(one.code for one in found.unpriced) == [
        "activity-removed", "no-tariff", "no-tariff", "surcharge-unstated", "surcharge-unstated",
    ]  # fmt: skip


def test_time_that_nobody_stated_has_no_price() -> None:
    book = town(tariff(price_cents=100, per="slice"))
    assert [one.code for one in buy(book, [line()]).unpriced] == ["time-unknown"]


@pytest.mark.parametrize(
    ("effect", "total"),
    [
        ({"effect": "free"}, 0),
        ({"effect": "cancelled"}, 0),
        ({"effect": "billed"}, 400),
        ({"effect": "to_prove"}, 400),
        ({"effect": "keep_percent", "percent": 10}, 40),
        ({"effect": "price", "cents": 385}, 385),
        ({"effect": "surcharge", "rule": "a",
          "surcharge": {"kind": "amount", "cents": 50}}, 450),
        ({"effect": "surcharge", "rule": "a",
          "surcharge": {"kind": "price", "prices": [{"cents": 900}]}}, 900),
    ],
)  # fmt: skip
def test_an_absence_costs_what_its_rule_says(effect: dict[str, Any], total: int) -> None:
    found = buy(town(tariff(price_cents=400)), [line(DAY, ended=effect)])
    assert found.total_cents == total
    assert found.lines[0].trace[-1].operation == "absence"
