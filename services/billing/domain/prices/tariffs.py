"""The price of one thing, by the town's tariff and what is known of the family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from services.billing.domain.prices import wording
from services.billing.domain.prices.book import PriceBook, Priced
from shared.contracts.town_file import Bracket, Tariff
from shared.traits import Known

CellT = TypeVar("CellT", int, Decimal)


@dataclass(frozen=True, slots=True)
class Base:
    """A price before anything changes it, in cents; ``lowest``: of the lowest bracket, which some
    reductions leave alone."""

    cents: Decimal
    reason: str
    lowest: bool = False


def chosen(
    candidates: Sequence[Priced], units: frozenset[str]
) -> tuple[list[Priced], frozenset[str]]:
    """Of tariffs that hold and fit, those that price ``units``, and the units without a price.

    The largest set of units first; of several for the same set, the first, or one for each length
    of slices."""
    if candidates and candidates[0].units == units and not candidates[0].tariff.slice_minutes:
        return [candidates[0]], frozenset()
    taken: list[Priced] = []
    left, slices = units, set[tuple[frozenset[str], int | None]]()
    for one in candidates:
        length = one.tariff.slice_minutes
        another_slice = (
            length is not None
            and any(units_ == one.units for units_, _ in slices)
            and (one.units, length) not in slices
            and (one.units, None) not in slices
        )
        if one.units <= left or another_slice:
            taken.append(one)
            left -= one.units
            slices.add((one.units, length))
    return taken, left


def price_of(
    book: PriceBook, priced: Priced, quotient: Decimal | None, traits: Mapping[str, Known]
) -> Base:
    """What one item costs this family."""
    tariff = priced.tariff
    if tariff.price_cents is not None:
        return Base(Decimal(tariff.price_cents), wording.one_price(), lowest=True)
    column = next(
        (at for at, one in enumerate(tariff.columns) if book.one_of(one.audiences, traits)), 0
    )
    only = priced.brackets[0][2] if len(priced.brackets) == 1 else None
    if only is not None and only.cents:
        return Base(_amount(only, column, Decimal(0)), wording.one_price(), lowest=True)
    value = quotient if tariff.of == "quotient" else _number(traits.get(tariff.of))
    if value is None:
        cents, dearest = _without_proof(tariff, column), _dearest(tariff, column)
        return Base(cents, wording.without_proof(dearest=cents >= dearest))
    at = next(
        number for number, (first, last, _) in enumerate(priced.brackets)
        if first <= (value, 0) < last
    )  # fmt: skip
    shifted = at
    for shift in tariff.shift:
        if book.one_of(shift.audiences, traits):
            shifted = min(max(at - shift.brackets, 0), len(priced.brackets) - 1)
            break
    bracket = priced.brackets[shifted][2]
    cents = _amount(bracket, column, value)
    return Base(cents, wording.bracket(bracket, value, at - shifted, cents), lowest=shifted == 0)


def _amount(bracket: Bracket, column: int, value: Decimal) -> Decimal:
    """A cell: so many cents, or a share of the quotient between its floor and its ceiling."""
    if bracket.cents:
        return Decimal(_cell(bracket.cents, column))
    cents = value * _cell(bracket.rate, column) + bracket.plus_cents
    if bracket.ceiling_cents is not None:
        cents = min(cents, Decimal(bracket.ceiling_cents))
    return max(cents, Decimal(bracket.floor_cents or 0))


def _without_proof(tariff: Tariff, column: int) -> Decimal:
    """The dearest price of the column, or what the town says."""
    if tariff.without_proof_cents is not None:
        return Decimal(tariff.without_proof_cents)
    return _dearest(tariff, column)


def _dearest(tariff: Tariff, column: int) -> Decimal:
    return Decimal(
        max(
            _cell(one.cents, column) if one.cents else one.ceiling_cents or 0
            for one in tariff.brackets
        )
    )


def _cell(cells: Sequence[CellT], column: int) -> CellT:
    return cells[column] if len(cells) > 1 else cells[0]


def _number(value: Known | None) -> Decimal | None:
    return None if value is None or isinstance(value, bool | str) else Decimal(value)
