"""Who pays what of a price (shape T12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.billing.domain.prices.rounding import rounded
from shared.contracts.town_file import PaidByOthers, Rounding


@dataclass(frozen=True, slots=True)
class Paid:
    """What another payer owes of a line; ``claimed_only``: the family's price is not lessened."""

    rule: str
    payer: str
    name: str
    cents: int
    claimed_only: bool


def split(
    shares: Sequence[PaidByOthers], item: Decimal, count: Decimal, rounding: Rounding
) -> tuple[list[Paid], Decimal]:
    """The parts of others, in whole cents, and what is left for the family; together they are
    ``item`` times ``count``."""
    paid: list[Paid] = []
    total, left = item * count, item
    for one in shares:
        part = _part(one, item, left)
        if part <= 0:
            continue
        cents = int(rounded(part * count, rounding, "down"))
        if cents == 0:
            continue
        paid.append(Paid(one.id, one.payer, one.name, cents, one.claimed_only))
        if not one.claimed_only:
            left -= part
            total -= cents
    return paid, total


def _part(one: PaidByOthers, item: Decimal, left: Decimal) -> Decimal:
    if one.percent is not None:
        part = item * one.percent / 100
    elif one.beyond_cents is not None:
        part = left - one.beyond_cents
    else:
        part = Decimal(one.cents or 0)
    if one.most_cents is not None:
        part = min(part, Decimal(one.most_cents))
    return part if one.claimed_only else min(part, left - one.family_cents)
