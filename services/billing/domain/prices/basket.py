"""The price of a basket or a month: facts in, lines out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal, TypeVar

from services.billing.domain.prices import wording
from services.billing.domain.prices.book import PriceBook, Priced
from services.billing.domain.prices.facts import Facts, Line, Part, hours_of
from services.billing.domain.prices.knowing import Knowing
from services.billing.domain.prices.late import Late, late_pick_up
from services.billing.domain.prices.lines import PricedBasket, PricedLine, Unpriced, UnpricedCode
from services.billing.domain.prices.operations import Applied, Item, OnceDue
from services.billing.domain.prices.rounding import part_of, rounded, shared_out
from services.billing.domain.prices.sharing import Paid, split
from services.billing.domain.prices.tariffs import chosen, price_of
from services.billing.domain.prices.times import counted
from shared.contracts.booking import Effect, Surcharged
from shared.contracts.town_file import Adjustment, PaidByOthers, Rounding
from shared.traits import Known

RuleT = TypeVar("RuleT", Adjustment, PaidByOthers)
_NOT_YET = datetime.max.replace(tzinfo=UTC)


def price(book: PriceBook, facts: Facts, aside: Set[str] = frozenset()) -> PricedBasket:
    """The price of every line: of those that are ``known`` already, only what they make of the
    others. Lines ``aside`` (refs) count as days, as where there is no price for them.

    Lines count in the order in which they were booked; what falls due once falls on the first of
    them, unless a bill has asked for it already.
    """
    reckoning = _Reckoning(book, facts, Knowing(book, facts), aside)
    following = _following(facts.lines)
    met = [
        found for line in sorted(facts.lines, key=_when_booked)
        if (found := reckoning.meet(line)) is not None
    ]  # fmt: skip
    for one in sorted(met, key=lambda one: not one.line.known or one.line.later):
        reckoning.add(one, following.get(id(one.line), ()))
    return reckoning.done()


def _when_booked(line: Line) -> tuple[datetime, bool, date]:
    """Of what has no such instant, what is known already comes before what is asked for."""
    return line.accepted or _NOT_YET, line.accepted is None and not line.known, line.day


def _following(lines: Sequence[Line]) -> dict[int, list[Surcharged]]:
    """By line, the surcharges that an earlier one of the same child and activity leaves behind it
    (shape L5)."""
    found: dict[int, list[Surcharged]] = {}
    if all(one.surcharge is None or not one.surcharge.also_following for one in lines):
        return found
    left: dict[tuple[str, str], list[tuple[Surcharged, int]]] = {}
    for line in sorted(lines, key=lambda one: one.day):
        key = (line.child, line.activity)
        due = left.get(key, [])
        if due:
            found[id(line)] = [one for one, _ in due]
        left[key] = [(one, number - 1) for one, number in due if number > 1]
        if line.surcharge is not None and line.surcharge.also_following:
            plain = line.surcharge.model_copy(update={"also_following": 0})
            left[key].append((plain, line.surcharge.also_following))
    return found


@dataclass(frozen=True, slots=True)
class _Reckoned:
    """What an item comes to, ``count`` times; ``exact`` is the family's part before the total is
    rounded."""

    count: int
    item_cents: Decimal
    total_cents: int
    cents: int
    exact: Decimal
    reason: str
    trace: tuple[Applied, ...]
    paid: tuple[Paid, ...]
    once: Sequence[OnceDue]
    unstated: bool

    @classmethod
    def of(
        cls, item: Item, shares: Sequence[PaidByOthers], count: int, rounding: Rounding
    ) -> _Reckoned:
        """An item that has been through the operations, split between its payers."""
        number, each = Decimal(count), item.cents
        if rounding.at == "line":
            each = rounded(each * number, rounding) / number
        paid, exact = split(shares, each, number, rounding)
        cents = int(exact.to_integral_value()) if rounding.at != "total" else 0
        off = sum(one.cents for one in paid if not one.claimed_only)
        return cls(
            count, item.cents, cents + off, cents, exact,
            " ; ".join(one.reason for one in item.trace), tuple(item.trace), tuple(paid),
            item.once, item.unstated,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Met:
    """A line to be priced: what is known of it, and which time it is, by counter."""

    line: Line
    traits: Mapping[str, Known]
    nth: Mapping[str, int]
    late: Late | None


@dataclass(slots=True)
class _Reckoning:
    """Lines priced so far. ``seen``: (rule, for whom, when) of what has fallen due once; ``exact``
    the family's amounts before they are rounded; ``plain``: what was reckoned of lines of which
    nothing but the day differs."""

    book: PriceBook
    facts: Facts
    knowing: Knowing
    aside: Set[str]
    lines: list[PricedLine] = field(default_factory=list)
    unpriced: list[Unpriced] = field(default_factory=list)
    exact: list[Decimal] = field(default_factory=list)
    plain: dict[tuple[object, ...], _Reckoned] = field(default_factory=dict)
    seen: set[tuple[str, str, str]] = field(default_factory=set)

    def meet(self, line: Line) -> _Met | None:
        """Count a line; None where there is nothing to be priced."""
        if line.ref in self.aside:
            self.knowing.happened(line, ("days_booked",))
            return None
        if line.activity not in self.book.activities:
            self._not(line, line.units, "activity-removed")
            return None
        traits, nth = self.knowing.traits(line), self.knowing.nth(line)
        late = late_pick_up(self.book, line, traits, nth)
        if late is not None:
            self.knowing.happened(line, ("late_pick_ups",))
        if line.units:
            self.knowing.happened(line, ("days_booked",))
        return _Met(line, traits, nth, late)

    def add(self, one: _Met, following: Sequence[Surcharged]) -> None:
        """Price a line; of a known one, keep what it was."""
        line, late = one.line, one.late
        if line.units:
            self._book(line, following, one.traits, one.nth)
        if late is not None:
            self._late(line, late.rule.id, late.rule.once_for, late.cents, late.reason,
                       for_an_agent=late.for_an_agent)  # fmt: skip

    def done(self) -> PricedBasket:
        """The lines by day, whose sum is the total."""
        rounding = self.book.pricing.rounding
        by_day = sorted(zip(self.lines, self.exact, strict=True), key=lambda one: one[0].day)
        lines = [line for line, _ in by_day]
        if rounding.at == "total" and lines:
            exact = [cents for _, cents in by_day]
            total = int(rounded(sum(exact, Decimal(0)), rounding))
            lines = [
                replace(line, cents=cents, total_cents=cents + line.paid_for)
                for line, cents in zip(lines, shared_out(exact, total), strict=True)
            ]
        unpriced = sorted(self.unpriced, key=lambda one: one.day)
        return PricedBasket(tuple(lines), tuple(unpriced), sum(one.cents for one in lines))

    # -- what is booked ------------------------------------------------------------------------

    def _book(
        self,
        line: Line,
        following: Sequence[Surcharged],
        traits: Mapping[str, Known],
        nth: Mapping[str, int],
    ) -> None:
        holding = [
            one for one in self.book.tariffs.get(line.activity, ())
            if one.tariff.holds_on(line.day)
            and self.book.fits(one.tariff.for_, line.day, traits, nth)
        ]  # fmt: skip
        taken, left = chosen(holding, frozenset(line.units))
        activity = self.book.activities[line.activity]
        for unit in (one for one in line.units if one in left):
            self._not(line, (unit,), "no-tariff" if activity.unit(unit) else "activity-removed")
        for number, priced in enumerate(taken):
            one = line if number == 0 else _further(line)
            self._one(one, following if number == 0 else (), priced, traits, nth)

    def _one(
        self,
        line: Line,
        following: Sequence[Surcharged],
        priced: Priced,
        traits: Mapping[str, Known],
        nth: Mapping[str, int],
    ) -> None:
        pricing, tariff = self.book.pricing, priced.tariff
        units = tuple(unit for unit in line.units if unit in priced.units)
        adjustments = self._about(pricing.adjustments, line, units, traits, nth)
        shares = self._about(pricing.paid_by_others, line, units, traits, nth)
        plain = tariff.per == "item" and not (line.surcharge or line.ended or following)
        key = (tariff.id, id(traits), units, line.quantity,
               *(one.id for one in adjustments), "/", *(one.id for one in shares))  # fmt: skip
        reckoned = self.plain.get(key) if plain else None
        if reckoned is None:
            item = self._item(line, following, priced, units, adjustments, traits)
            if item is None:
                self._not(line, units, "time-unknown")
                return
            item.through()
            count = 1 if item.flat else line.quantity
            reckoned = _Reckoned.of(item, shares, count, pricing.rounding)
            if plain:
                self.plain[key] = reckoned
        for once in reckoned.once:
            self._once(line, once)
        if reckoned.unstated:
            self._not(line, units, "surcharge-unstated")
        elif not line.known:
            self._keep(line, units, tariff.id, reckoned)

    def _item(
        self,
        line: Line,
        following: Sequence[Surcharged],
        priced: Priced,
        units: tuple[str, ...],
        adjustments: Sequence[Adjustment],
        traits: Mapping[str, Known],
    ) -> Item | None:
        """An item with its tariff's price; None where time is billed that is not known."""
        tariff = priced.tariff
        base = price_of(self.book, priced, self.knowing.quotient(line.day), traits)
        cents, how = base.cents, ""
        flat = tariff.per not in ("item", "slice", "hour")
        if tariff.per in ("slice", "hour"):
            activity = self.book.activities[line.activity]
            count = counted(tariff, activity.billed_time, hours_of(line, activity.unit(units[0])))
            if count is None:
                return None
            if self.book.pricing.rounding.at == "operation":
                cents = rounded(cents, self.book.pricing.rounding)
            cents, how = cents * count, wording.quantity(count, tariff.per)
        elif flat:
            cents, how = self._flat(line, priced, cents)
        reason = f"{base.reason} ; {how}" if how else base.reason
        return Item(
            self.book, line, tariff, reason, base.lowest, traits, adjustments, cents, flat,
            following,
        )  # fmt: skip

    def _keep(self, line: Line, units: tuple[str, ...], tariff: str, reckoned: _Reckoned) -> None:
        self.lines.append(
            PricedLine(
                line.ref, "booked", line.child, line.activity, units, line.day, reckoned.count,
                reckoned.item_cents, reckoned.total_cents, reckoned.cents, tariff,
                reckoned.reason, reckoned.trace, reckoned.paid,
            )
        )  # fmt: skip
        self.exact.append(reckoned.exact)

    def _flat(self, line: Line, priced: Priced, cents: Decimal) -> tuple[Decimal, str]:
        """What is paid once for all of a time: the whole the first time, nothing after it."""
        tariff = priced.tariff
        parts = tariff.instalments
        per = "month" if parts else tariff.per
        first = self._first(tariff.id, tariff.once_for, per, line, "booked")
        if not first:
            return Decimal(0), wording.included(per)
        if parts is None:
            return cents, wording.flat(per)
        at = (line.day.month - parts.first_month) % 12
        if at >= parts.number:
            return Decimal(0), wording.no_instalment()
        whole = int(rounded(cents, self.book.pricing.rounding))
        return Decimal(part_of(whole, parts.number, at)), wording.instalment(at + 1, parts.number)

    def _about(
        self,
        rules: Sequence[RuleT],
        line: Line,
        units: tuple[str, ...],
        traits: Mapping[str, Known],
        nth: Mapping[str, int],
    ) -> list[RuleT]:
        """Of the town's adjustments or payers, those that are about these units of a line."""
        return [
            one for one in rules
            if one.holds_on(line.day)
            and (not one.activities or line.activity in one.activities)
            and (not one.units or set(one.units) & set(units))
            and self.book.fits(one.for_, line.day, traits, nth)
        ]  # fmt: skip

    # -- what falls due once, or late ----------------------------------------------------------

    def _once(self, line: Line, due: OnceDue) -> None:
        if self._first(due.rule, due.once_for, due.per, line, "once") and not line.known:
            reason = f"{due.reason}, {wording.flat(due.per)}"
            self._add(line, "once", due.cents, due.rule, reason)

    def _late(
        self, line: Line, rule: str, once_for: str, cents: int, reason: str, *, for_an_agent: bool
    ) -> None:
        first = once_for == "child" or self._first(rule, once_for, "day", line, "late")
        if first and not line.known:
            self._add(line, "late", cents, rule, reason, for_an_agent=for_an_agent)

    def _add(
        self,
        line: Line,
        what: Literal["once", "late"],
        cents: int,
        rule: str,
        reason: str,
        *,
        for_an_agent: bool = False,
    ) -> None:
        self.lines.append(
            PricedLine(
                line.ref, what, line.child, line.activity, line.units, line.day, 1,
                Decimal(cents), cents, cents, rule, reason, for_an_agent=for_an_agent,
            )
        )  # fmt: skip
        self.exact.append(Decimal(cents))

    def _first(self, rule: str, once_for: str, per: str, line: Line, what: Part) -> bool:
        """Whether it falls due now for the first time; noted when it does, and not for a known
        line that has not borne it."""
        if what in line.unborne:
            return True
        who = "" if once_for == "family" else line.child
        key = (rule, who, self.book.window(per, line.day, line.activity))
        if key in self.seen:
            return False
        self.seen.add(key)
        return True

    def _not(self, line: Line, units: tuple[str, ...], code: UnpricedCode) -> None:
        if not line.known:
            found = Unpriced(line.ref, line.child, line.activity, units, line.day, code)
            self.unpriced.append(found)


def _further(line: Line) -> Line:
    """The same for its further things: what coming late costs, or an absence comes to, falls on a
    line once; a price instead is one for all of them."""
    ended = line.ended
    if ended is not None and ended.effect in ("price", "surcharge"):
        kept: Effect = "price" if ended.effect == "price" else "billed"
        ended = ended.model_copy(update={"effect": kept, "cents": 0, "surcharge": None})
    if ended is not None and ended.late is not None:
        ended = ended.model_copy(update={"late": _left_of(ended.late)})
    return line.model_copy(update={"surcharge": _left_of(line.surcharge), "ended": ended})


def _left_of(late: Surcharged | None) -> Surcharged | None:
    """What is left of a surcharge once it fell on something."""
    if late is None or late.kind != "price":
        return None
    return late.model_copy(update={"total_cents": 0})
