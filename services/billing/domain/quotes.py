"""Quotes: what a basket costs, shown before it is validated, and kept: it is what is paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.billing.domain.invoicing import OthersPart
from services.billing.domain.prices.facts import Facts
from services.billing.domain.prices.lines import PricedBasket, PricedLine, UnpricedCode
from shared.money import Cents

#: How long the price shown is the price paid.
VALID = timedelta(minutes=30)
#: ``changed``: the same lines would cost something else now.
QuoteState = Literal["valid", "expired", "changed"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class QuotedStep(_Part):
    """What an item came to after an operation; ``cents`` may have decimals, as text."""

    operation: str
    rule: str | None
    cents: str
    reason: str


class QuotedLine(_Part):
    """What one thing costs the family (``cents``); ``line`` is its place in the basket, from 0."""

    line: int
    what: Literal["booked", "once", "late"]
    child: str
    activity: str
    units: tuple[str, ...]
    date: str
    count: int
    cents: Cents
    rule: str
    reason: str
    paid_by_others: tuple[OthersPart, ...]
    steps: tuple[QuotedStep, ...]

    @classmethod
    def of(cls, one: PricedLine) -> QuotedLine:
        """As it is kept and shown."""
        return cls(
            line=int(one.ref), what=one.what, child=one.child, activity=one.activity,
            units=one.units, date=one.day.isoformat(), count=one.count, cents=one.cents,
            rule=one.rule, reason=one.reason,
            paid_by_others=tuple(
                OthersPart(payer=part.payer, name=part.name, cents=part.cents,
                           claimed_only=part.claimed_only)
                for part in one.paid_by_others
            ),
            steps=tuple(
                QuotedStep(operation=step.operation, rule=step.rule,
                           cents=format(step.cents.normalize(), "f"), reason=step.reason)
                for step in one.trace
            ),
        )  # fmt: skip


class WithoutPrice(_Part):
    """What the town has no price for."""

    line: int
    units: tuple[str, ...]
    code: UnpricedCode


@dataclass(frozen=True, slots=True)
class Quote:
    """``facts`` are those it was reckoned from; ``version`` is that of the town file, ``card`` that
    of the family's card. Instants are the town's clock."""

    id: str
    town: str
    family: str
    account: str
    facts: Facts
    version: int
    card: int
    lines: tuple[QuotedLine, ...]
    without_price: tuple[WithoutPrice, ...]
    total_cents: int
    asked_at: datetime
    valid_until: datetime
    body_hash: str

    def says(self, basket: PricedBasket) -> bool:
        """Whether a basket costs what the quote says, line by line."""
        return self.lines == tuple(map(QuotedLine.of, basket.lines)) and (
            self.without_price == without_price(basket)
        )


def without_price(basket: PricedBasket) -> tuple[WithoutPrice, ...]:
    """What a basket has no price for, as it is kept and shown."""
    return tuple(
        WithoutPrice(line=int(one.ref), units=one.units, code=one.code) for one in basket.unpriced
    )
