"""Rounding as the town says, and sums that come out to the cent."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from shared.contracts.town_file import Rounding

_MODES = {
    "half_up": ROUND_HALF_UP,
    "half_even": ROUND_HALF_EVEN,
    "up": ROUND_CEILING,
    "down": ROUND_FLOOR,
}


def rounded(amount: Decimal, rounding: Rounding, mode: str | None = None) -> Decimal:
    """An amount in whole units of ``to_cents``."""
    unit = rounding.to_cents
    return (amount / unit).quantize(Decimal(1), rounding=_MODES[mode or rounding.mode]) * unit


def shared_out(amounts: Sequence[Decimal], total: int) -> list[int]:
    """Whole cents, each next to its amount, whose sum is ``total``: missing cents go to those that
    lost most by being cut, the first of equals first; too many are taken from the largest."""
    cut = [int(one.to_integral_value(ROUND_FLOOR)) for one in amounts]
    missing = total - sum(cut)
    if not amounts:
        return []
    order = sorted(range(len(amounts)), key=lambda at: (cut[at] - amounts[at], at))
    for turn in range(missing):
        cut[order[turn % len(order)]] += 1
    for _ in range(-missing):
        cut[max(range(len(cut)), key=cut.__getitem__)] -= 1
    return cut


def part_of(total: int, number: int, at: int) -> int:
    """The ``at``-th (from 0) of so many equal parts, whose sum is ``total``: the first ones bear
    the cents that do not divide."""
    return total // number + (at < total % number)
