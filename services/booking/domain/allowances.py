"""What a child or a family has used up of what the town's counters limit (shapes L4, D16, C10).

A family's allowance is one document: by counter, child or family, and window, the things counted
(weeks, days, or single lines) with the lines that count for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from shared.contracts.town_file import Counter, Times
from shared.days import Days, NoSuchDay

#: Counters of days kept, which come free when a booking ends; the others count what happened.
_KEPT = ("weeks_booked", "days_booked")
_SCHOOL_YEAR_BEGINS = 9


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing to be counted: ``item`` under ``key``, of which there may be ``most`` (None: any
    number). ``kept`` as long as the booking stands, or for good; ``given_up``: counted no longer,
    and to be claimed anew should the booking be tried for again."""

    key: str
    item: str
    most: int | None
    kept: bool
    given_up: bool = False

    @property
    def anew(self) -> Claim:
        """The same, counted again."""
        return replace(self, given_up=False)


@dataclass(slots=True)
class Allowance:
    """What a family has used; ``take`` counts on while an act is planned."""

    used: dict[str, set[str]] = field(default_factory=dict)

    def counts(
        self, counters: Iterable[Counter], child: str, day: date, days: Days, service: str
    ) -> dict[str, int]:
        """By counter, how often it has counted in the window that the day lies in; a week or day
        that counts already is not counted once more."""
        return {
            counter.id: len(
                self.used.get(key_of(counter, child, day, days, service), set())
                - {_item(counter, day)}
            )
            for counter in counters
        }

    def take(self, claim: Claim) -> None:
        """Count one thing more."""
        self.used.setdefault(claim.key, set()).add(claim.item)


def allowance_of(
    claims: Mapping[str, Mapping[str, Sequence[str]]], names: Mapping[str, str]
) -> Allowance:
    """From what is stored: by key and item, the lines that count; ``names``: by every id of the
    family's children, the one they have today."""
    return together(
        Allowance({_renamed(key, names): {item for item, refs in items.items() if refs}})
        for key, items in claims.items()
    )


def together(some: Iterable[Allowance]) -> Allowance:
    """What several have used, the same once."""
    used: dict[str, set[str]] = {}
    for one in some:
        for key, items in one.used.items():
            used.setdefault(key, set()).update(items)
    return Allowance(used)


def _renamed(key: str, names: Mapping[str, str]) -> str:
    counter, who, window = key.split(":")
    return f"{counter}:{names.get(who, who)}:{window}"


def claim_of(
    times: Times, counter: Counter, child: str, day: date, days: Days, service: str, line: str
) -> Claim:
    """What a line has to claim for a rule that holds so many times; ``line`` makes it its own."""
    key = key_of(counter, child, day, days, service)
    return Claim(key, _item(counter, day) or line, times.to, counter.counts in _KEPT)


def each_once(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Of what is claimed twice, the claim that allows fewer."""
    found: dict[tuple[str, str], Claim] = {}
    for one in claims:
        known = found.setdefault((one.key, one.item), one)
        if one.most is not None and (known.most is None or one.most < known.most):
            found[one.key, one.item] = one
    return tuple(found.values())


def _item(counter: Counter, day: date) -> str | None:
    """The week or the day that counts; None where each act counts."""
    if counter.counts == "weeks_booked":
        return (day - timedelta(days=day.isoweekday() - 1)).isoformat()
    return day.isoformat() if counter.counts == "days_booked" else None


def key_of(counter: Counter, child: str, day: date, days: Days, service: str) -> str:
    """Where a counter counts for a child on a day: ``late:child:2026-09``."""
    who = child if counter.per == "child" else "family"
    return f"{counter.id}:{who}:{_window(counter, day, days, service)}"


def _window(counter: Counter, day: date, days: Days, service: str) -> str:
    if counter.window == "week":
        return (day - timedelta(days=day.isoweekday() - 1)).isoformat()
    if counter.window == "month":
        return f"{day:%Y-%m}"
    if counter.window == "calendar_year":
        return str(day.year)
    if counter.window == "school_year":
        return f"from-{day.year if day.month >= _SCHOOL_YEAR_BEGINS else day.year - 1}"
    try:
        period = days.period(day, service)
    except NoSuchDay:
        period = None
    return period.first.isoformat() if period else "no-period"
