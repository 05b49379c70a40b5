"""What comes out of the prices: lines, each with its amount, its rule and its reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from services.billing.domain.prices.operations import Applied
from services.billing.domain.prices.sharing import Paid

UnpricedCode = Literal["no-tariff", "activity-removed", "time-unknown", "surcharge-unstated"]


@dataclass(frozen=True, slots=True)
class PricedLine:
    """What one thing costs.

    ``what``: something booked; something that falls due ``once`` in a time; a ``late`` pick-up.
    ``count`` items of ``item_cents`` (which may have decimals where the town rounds later) are
    ``total_cents``, of which the family owes ``cents``. ``trace``: every operation on an item.
    ``for_an_agent``: the town has to decide what follows.
    """

    ref: str
    what: Literal["booked", "once", "late"]
    child: str
    activity: str
    units: tuple[str, ...]
    day: date
    count: int
    item_cents: Decimal
    total_cents: int
    cents: int
    rule: str
    reason: str
    trace: tuple[Applied, ...] = ()
    paid_by_others: tuple[Paid, ...] = ()
    for_an_agent: bool = False

    @property
    def paid_for(self) -> int:
        """What others pay of it."""
        return sum(one.cents for one in self.paid_by_others if not one.claimed_only)


@dataclass(frozen=True, slots=True)
class Unpriced:
    """What has no price, and why: never billed at another one."""

    ref: str
    child: str
    activity: str
    units: tuple[str, ...]
    day: date
    code: UnpricedCode


@dataclass(frozen=True, slots=True)
class PricedBasket:
    """``total_cents`` is the sum of what the family owes of the lines."""

    lines: tuple[PricedLine, ...]
    unpriced: tuple[Unpriced, ...]
    total_cents: int
