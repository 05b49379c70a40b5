"""Request and response models of a trial of prices."""

from __future__ import annotations

from typing import Any

from services.billing.domain.prices.facts import Facts
from shared.town_files import SentFile
from shared.web.routes import Input, Output


class PriceTrialIn(Input):
    """A town file that is not published, and a basket or a month to price by it."""

    file: SentFile
    facts: Facts


class PriceTrialOut(Output):
    """The price, as ``preau price explain`` prints it: each line with the rule that made it, where
    the town wrote it, and the steps; what has no price, and why. Amounts are in cents."""

    lines: list[dict[str, Any]]
    unpriced: list[dict[str, Any]]
    total_cents: int
    order: list[str]
    rounding: dict[str, Any]
