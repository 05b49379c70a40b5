"""Quotes: what a basket costs, shown before it is validated, and kept: it is what is paid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.billing.domain.invoicing import OthersPart
from services.billing.domain.prices.facts import Facts, Line
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
    """What one thing costs the family (``cents``); ``line`` is its place in the basket, from 0.
    ``changed``: what is taken off the price for the booking that a line is put in the place of, so
    that what is left is asked, or given back (below zero)."""

    line: int
    what: Literal["booked", "once", "late", "changed"]
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

    @classmethod
    def taken_off(cls, one: Line, cents: int) -> QuotedLine:
        """What is taken off for the booking that a line changes."""
        return cls(
            line=int(one.ref), what="changed", child=one.child, activity=one.activity,
            units=one.units, date=one.day.isoformat(), count=1, cents=cents, rule="",
            reason="Réservation modifiée, déjà comptée", paid_by_others=(), steps=(),
        )  # fmt: skip


class WithoutPrice(_Part):
    """What the town has no price for."""

    line: int
    units: tuple[str, ...]
    code: UnpricedCode


@dataclass(frozen=True, slots=True)
class Price:
    """What a basket comes to: the ``facts`` it was reckoned from, and its lines."""

    facts: Facts
    lines: tuple[QuotedLine, ...]
    without_price: tuple[WithoutPrice, ...]

    @classmethod
    def of(
        cls, facts: Facts, baskets: Sequence[PricedBasket], differences: Sequence[tuple[Line, int]]
    ) -> Price:
        """As it is kept and shown; ``differences``: what wishes come to that change a booking."""
        priced = [one for basket in baskets for one in basket.lines]
        full: dict[str, int] = defaultdict(int)
        for one in priced:
            full[one.ref] += one.cents
        return cls(
            facts,
            (
                *map(QuotedLine.of, priced),
                *(
                    QuotedLine.taken_off(wish, cents - full[wish.ref])
                    for wish, cents in differences
                ),
            ),
            tuple(
                WithoutPrice(line=int(one.ref), units=one.units, code=one.code)
                for basket in baskets
                for one in basket.unpriced
            ),
        )

    @property
    def total_cents(self) -> int:
        return sum(one.cents for one in self.lines)


@dataclass(frozen=True, slots=True)
class Quote:
    """``changes``: by place in the basket, the booking that a line is put in the place of.
    ``version`` is that of the town file, ``card`` that of the family's card. Instants are the
    town's clock."""

    id: str
    town: str
    family: str
    account: str
    price: Price
    changes: Mapping[str, str]
    version: int
    card: int
    asked_at: datetime
    valid_until: datetime
    body_hash: str

    @property
    def asked(self) -> tuple[Line, ...]:
        """The lines of the basket."""
        return tuple(one for one in self.price.facts.lines if not one.known)

    def says(self, price: Price) -> bool:
        """Whether a basket costs what the quote says, line by line."""
        said = self.price
        return (said.lines, said.without_price) == (price.lines, price.without_price)
