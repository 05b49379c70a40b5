"""What changes the price of an item, one operation after the other in the town's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from services.billing.domain.prices import wording
from services.billing.domain.prices.book import PriceBook
from services.billing.domain.prices.facts import Ended, Line
from services.billing.domain.prices.rounding import rounded
from shared.contracts.booking import Surcharged
from shared.contracts.town_file import (
    Addition,
    Adjustment,
    Operation,
    Percent,
    Replacement,
    Surcharge,
    Tariff,
)
from shared.traits import Known

_GIVEN_BACK = frozenset({"cancelled", "free", "credit", "refund", "carry_over"})


@dataclass(frozen=True, slots=True)
class Applied:
    """An operation that changed a price: what the item came to, in cents, and why."""

    operation: Operation
    rule: str | None
    cents: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class OnceDue:
    """What falls due once in a time, for a child or a family; a line of its own."""

    rule: str
    operation: Operation
    cents: int
    per: str
    once_for: str
    reason: str


@dataclass(slots=True)
class Item:
    """One item of a line on its way through the operations.

    ``reason`` is the tariff's; ``lowest``: it is of the lowest bracket; ``flat``: it is paid for by
    the month or the year, whatever becomes of a day. ``once``: what it makes due besides.
    """

    book: PriceBook
    line: Line
    tariff: Tariff
    reason: str
    lowest: bool
    traits: Mapping[str, Known]
    adjustments: Sequence[Adjustment]
    cents: Decimal
    flat: bool = False
    following: Sequence[Surcharged] = ()
    trace: list[Applied] = field(default_factory=list)
    once: list[OnceDue] = field(default_factory=list)
    unstated: bool = False

    def through(self) -> None:
        """Every operation but the split between payers, in the town's order."""
        for operation in self.book.pricing.order:
            if operation != "shares":
                _OPERATIONS[operation](self)

    def becomes(
        self,
        operation: Operation,
        rule: str | None,
        cents: Decimal,
        reason: str,
        mode: str | None = None,
    ) -> None:
        """Note the price after an operation, rounded where the town rounds it there."""
        cents = max(cents, Decimal(0))
        if self.book.pricing.rounding.at == "operation":
            cents = rounded(cents, self.book.pricing.rounding, mode)
        self.cents = cents
        self.trace.append(Applied(operation, rule, cents, reason))


def _priced(item: Item) -> None:
    item.becomes("price", item.tariff.id, item.cents, item.reason)


def _reductions(item: Item) -> None:
    _adjusted(item, "reductions")


def _extras(item: Item) -> None:
    _adjusted(item, "extras")


def _adjusted(item: Item, operation: Operation) -> None:
    for one in item.adjustments:
        if one.operation != operation or (one.except_lowest and item.lowest):
            continue
        if one.cents is not None and one.per != "item":
            item.once.append(OnceDue(one.id, operation, one.cents, one.per, one.once_for, one.name))
        elif one.cents is not None:
            item.becomes(operation, one.id, item.cents + one.cents, one.name)
        elif one.percent is not None:
            item.becomes(operation, one.id, item.cents * (100 + one.percent) / 100, one.name)


def _surcharges(item: Item) -> None:
    for one in (*filter(None, [item.line.surcharge]), *item.following):
        _surcharged(item, "surcharges", one)


def _surcharged(
    item: Item, operation: Operation, one: Surcharged, of: Decimal | None = None
) -> None:
    """``of``: the price of which a percentage is reckoned, where that is not what is due by now."""
    if one.kind == "amount" and one.cents is not None:
        reason = wording.addition(one.cents)
        if one.per == "item":
            item.becomes(operation, one.rule, item.cents + one.cents, reason)
        else:
            item.once.append(OnceDue(one.rule, operation, one.cents, one.per, one.once_for, reason))
    elif one.kind == "percent" and one.percent is not None:
        cents = item.cents + (item.cents if of is None else of) * one.percent / 100
        item.becomes(operation, one.rule, cents, wording.percent(one.percent), one.rounding)
    elif one.kind == "price" and one.total_cents is not None:
        item.becomes(operation, one.rule, Decimal(one.total_cents), wording.instead())
    else:
        item.unstated = True


def _absence(item: Item) -> None:
    ended = item.line.ended
    if ended is None or item.flat:
        return
    price = item.cents
    if ended.late is None and not item.tariff.refundable:
        item.becomes("absence", ended.rule, price, wording.not_refundable())
        return
    _ended(item, ended)
    if ended.late is not None:
        _surcharged(item, "absence", ended.late, of=price)


def _ended(item: Item, ended: Ended) -> None:
    reason = wording.ended(ended.effect, ended.percent, late=ended.late is not None)
    if ended.effect in _GIVEN_BACK:
        item.becomes("absence", ended.rule, Decimal(0), reason)
    elif ended.effect == "keep_percent" and ended.percent is not None:
        item.becomes("absence", ended.rule, item.cents * ended.percent / 100, reason)
    elif ended.effect == "price" and ended.cents is not None:
        item.becomes("absence", ended.rule, Decimal(ended.cents), reason)
    elif ended.effect == "surcharge" and ended.surcharge is not None:
        item.becomes("absence", ended.rule, item.cents, reason)
        _surcharged(item, "absence", _said(item, ended.rule or "", ended.surcharge))
    elif ended.effect in ("billed", "collect", "to_prove"):
        item.becomes("absence", ended.rule, item.cents, reason)
    else:
        item.unstated = True


def _said(item: Item, rule: str, surcharge: Surcharge) -> Surcharged:
    """A surcharge of the town file as booking says one."""
    said = Surcharged(
        rule=rule, kind=surcharge.kind, per=surcharge.per, once_for=surcharge.once_for
    )
    amounts: dict[str, object] = {}
    if isinstance(surcharge, Percent):
        amounts = {"percent": surcharge.percent, "rounding": surcharge.rounding}
    elif isinstance(surcharge, Addition):
        amounts = {"cents": surcharge.cents}
    elif isinstance(surcharge, Replacement):
        prices = (one for one in surcharge.prices if item.book.one_of(one.audiences, item.traits))
        amounts = {"total_cents": next(prices).cents}
    return said.model_copy(update=amounts)


def _ceiling(item: Item) -> None:
    cost = item.tariff.cost_cents
    if cost is not None and item.cents > cost:
        item.becomes("ceiling", item.tariff.id, Decimal(cost), wording.ceiling())


_OPERATIONS = {
    "price": _priced,
    "reductions": _reductions,
    "surcharges": _surcharges,
    "absence": _absence,
    "extras": _extras,
    "ceiling": _ceiling,
}
