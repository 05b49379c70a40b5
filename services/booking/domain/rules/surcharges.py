"""What coming late costs, as far as it is known when one asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_UP, Decimal

from services.booking.domain.rules.facts import Facts
from shared.contracts.town_file import (
    Addition,
    Audience,
    Percent,
    Replacement,
    Surcharge,
    Times,
)
from shared.traits import belongs

_ROUNDING = {"half_up": ROUND_HALF_UP, "up": ROUND_CEILING, "down": ROUND_DOWN}


@dataclass(frozen=True, slots=True)
class Due:
    """A surcharge.

    ``cents`` is what comes on top of the family's own price, and ``total_cents`` what is paid in
    all; None as long as that price is not known. ``kind`` and ``percent`` say how it was reached;
    ``per`` and ``once_for`` how often it falls due; ``owed_already``: it has fallen due before in
    this window, so that nothing comes on top now. ``also_following``: it falls on so many
    following items too. ``rule`` is the id of the rule that asks for it.
    """

    kind: str
    cents: int | None
    total_cents: int | None
    percent: int | None
    per: str
    once_for: str
    owed_already: bool = False
    also_following: int = 0
    rounding: str = "half_up"
    rule: str | None = None

    def dearer(self, other: Due) -> bool:
        """Whether it is known to cost more than another."""
        if self.owed_already != other.owed_already:
            return other.owed_already
        measures = (
            (self.cents, other.cents), (self.total_cents, other.total_cents),
            (self.percent, other.percent),
        )  # fmt: skip
        for mine, its in measures:
            if mine is not None and its is not None:
                return mine > its
        return False


def due(
    surcharge: Surcharge,
    facts: Facts,
    times: Times | None,
    audiences: Mapping[str, Audience],
    rule: str,
) -> Due:
    """What a surcharge of a rule comes to for these facts."""
    price = facts.price_cents
    cents = total = percent = None
    following, rounding = 0, "half_up"
    if isinstance(surcharge, Percent):
        percent, rounding = surcharge.percent, surcharge.rounding
        if price is not None:
            total = _rounded(Decimal(price) * (100 + percent) / 100, surcharge.rounding)
            cents = total - price
    elif isinstance(surcharge, Addition):
        cents, following = surcharge.cents, surcharge.also_following
        total = None if price is None else price + cents
    elif isinstance(surcharge, Replacement):
        total = next(
            one.cents
            for one in surcharge.prices
            if not one.audiences
            or any(belongs(audiences[name], facts.traits) for name in one.audiences)
        )
        cents = None if price is None else total - price
    already = surcharge.per not in ("item", "day") and bool(
        times and facts.counts.get(times.counter, 0) >= times.from_
    )
    if already:
        cents, total = 0, price
    return Due(
        surcharge.kind, cents, total, percent, surcharge.per, surcharge.once_for, already,
        following, rounding, rule,
    )  # fmt: skip


def _rounded(amount: Decimal, how: str) -> int:
    return int(amount.quantize(Decimal(1), rounding=_ROUNDING[how]))
