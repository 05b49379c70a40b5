"""Late pick-ups: by minutes, by count, after warnings (shape T17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time

from services.billing.domain.prices import wording
from services.billing.domain.prices.book import PriceBook
from services.billing.domain.prices.facts import Line, hours_of
from shared.contracts.town_file import LatePickUp, Rung
from shared.traits import Known


@dataclass(frozen=True, slots=True)
class Late:
    """A late pick-up: what it costs (nothing for a warning), and whether an agent has to see."""

    rule: LatePickUp
    cents: int
    reason: str
    for_an_agent: bool = False


def late_pick_up(
    book: PriceBook, line: Line, traits: Mapping[str, Known], nth: Mapping[str, int]
) -> Late | None:
    """What a late pick-up comes to, by the first rule that holds and fits; None without any."""
    if line.picked_up_at is None:
        return None
    for rule in book.pricing.late_pick_ups:
        if line.activity not in rule.activities or not rule.holds_on(line.day):
            continue
        if not book.fits(rule.for_, line.day, traits, nth):
            continue
        closes = rule.closes or _end(book, line)
        if closes is None:
            continue
        minutes = _minutes(line.picked_up_at) - _minutes(closes)
        if minutes <= rule.grace_minutes:
            return None
        return _by_rung(rule, minutes, closes, nth)
    return None


def _by_rung(rule: LatePickUp, minutes: int, closes: time, nth: Mapping[str, int]) -> Late | None:
    rung = next((one for one in rule.rungs if _holds(one, minutes, nth)), None)
    if rung is None:
        return None
    if rung.outcome == "warn":
        return Late(rule, 0, wording.late_warning(minutes, closes, rung.text))
    if rung.outcome == "exclude":
        return Late(rule, 0, wording.late_again(minutes, closes, rung.text), for_an_agent=True)
    slices = -(-minutes // rung.each_minutes) if rung.each_minutes else 1
    cents = rung.cents * slices
    return Late(rule, cents, wording.late(minutes, closes, cents))


def _holds(rung: Rung, minutes: int, nth: Mapping[str, int]) -> bool:
    if minutes < rung.from_minutes or (rung.to_minutes or minutes) < minutes:
        return False
    if rung.times is None:
        return True
    number = nth.get(rung.times.counter, 1)
    return rung.times.from_ <= number <= (rung.times.to or number)


def _end(book: PriceBook, line: Line) -> time | None:
    """When the child should have been fetched."""
    if line.ends is not None:
        return line.ends
    activity = book.activities.get(line.activity)
    hours = [hours_of(line, activity.unit(unit)) for unit in line.units] if activity else []
    return max((one[1] for one in hours if one is not None), default=None)


def _minutes(clock: time) -> int:
    """Since midnight; a minute begun counts."""
    return clock.hour * 60 + clock.minute + (clock.second > 0)
