"""The prices of one version of a town's file, ready to be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from shared.contracts.town_file import (
    ACTIONS,
    Activity,
    Addition,
    Audience,
    Bracket,
    Counter,
    PriceScope,
    Pricing,
    Surcharge,
    Tariff,
    TownFile,
)
from shared.contracts.town_file.grids import Edge, begins, ends
from shared.days import Days
from shared.traits import Known, belongs

#: What counts something that a line is (``Knowing.happened``).
_OF_LINES = frozenset({"days_booked", "late_pick_ups"})


@dataclass(frozen=True, slots=True)
class Priced:
    """A tariff with its brackets in rising order."""

    tariff: Tariff
    units: frozenset[str]
    brackets: tuple[tuple[Edge, Edge, Bracket], ...]


@dataclass(frozen=True, slots=True)
class PriceBook:
    """``tariffs`` by activity: the largest set of units first, then as written. ``asked``: the
    facts that audiences and grids ask for. ``looks_around``: whether what else a family has booked
    may change what something costs."""

    file: TownFile
    days: Days
    activities: Mapping[str, Activity]
    audiences: Mapping[str, Audience]
    counters: Mapping[str, Counter]
    tariffs: Mapping[str, tuple[Priced, ...]]
    asked: frozenset[str]
    looks_around: bool
    _unit_names: Mapping[tuple[str, str], str] = field(repr=False)

    @classmethod
    def of(cls, file: TownFile, days: Days) -> PriceBook:
        """The prices of a file; ``days`` are its calendars."""
        tariffs: dict[str, list[Priced]] = {}
        for one in file.tariffs:
            lines = sorted(((begins(b), ends(b), b) for b in one.brackets), key=lambda row: row[0])
            priced = Priced(one, frozenset(one.units), tuple(lines))
            tariffs.setdefault(one.activity, []).append(priced)
        asked = {trait.fact for one in file.audiences for trait in (*one.all, *one.any)}
        asked |= {one.of for one in file.tariffs}
        return cls(
            file, days,
            {one.id: one for one in file.activities},
            {one.id: one for one in file.audiences},
            {one.id: one for one in file.counters},
            {
                name: tuple(sorted(found, key=lambda one: -len(one.units)))
                for name, found in tariffs.items()
            },
            frozenset(asked),
            _once(file) or _counts(file) or not asked.isdisjoint(_around(file.pricing)),
            {(a.id, u.id): u.name for a in file.activities for u in a.units},
        )  # fmt: skip

    @property
    def pricing(self) -> Pricing:
        """How the town reckons."""
        return self.file.pricing

    def unit_name(self, activity: str, unit: str) -> str:
        """A unit as families read it."""
        return self._unit_names.get((activity, unit), unit)

    def one_of(self, names: tuple[str, ...], traits: Mapping[str, Known]) -> bool:
        """Whether somebody belongs to one of these audiences; to no audience, everybody does."""
        return not names or any(belongs(self.audiences[name], traits) for name in names)

    def fits(
        self, scope: PriceScope, day: date, traits: Mapping[str, Known], nth: Mapping[str, int]
    ) -> bool:
        """Whether a price is for these; ``nth`` says which time it is, by counter."""
        if scope.weekdays and day.isoweekday() not in [one.number for one in scope.weekdays]:
            return False
        if scope.schools and traits.get("school") not in scope.schools:
            return False
        if scope.times is not None:
            number = nth.get(scope.times.counter, 1)
            if number < scope.times.from_ or (scope.times.to or number) < number:
                return False
        return self.one_of(scope.audiences, traits)

    def window(self, per: str, day: date, activity: str) -> str:
        """The name of the time that a day lies in: the same for two days of one time."""
        if per == "day":
            return day.isoformat()
        if per == "week":
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02}"
        if per == "month":
            return f"{day:%Y-%m}"
        if per == "calendar_year":
            return str(day.year)
        if per == "school_year":
            began = day.year if day.month >= 9 else day.year - 1
            return f"{began}-{began + 1}"
        if per == "period":
            stretch = self.days.period(day, self.activities[activity].calendar)
            return f"{stretch.first}/{stretch.last}" if stretch else f"{day:%Y-%m}"
        raise ValueError(per)


def _once(file: TownFile) -> bool:
    """Whether something falls due once for several lines, or on those that follow."""
    pricing = file.pricing
    return (
        any(one.per not in ("item", "slice", "hour") for one in file.tariffs)
        or any(one.per != "item" for one in pricing.adjustments)
        or any(one.once_for != "child" for one in pricing.late_pick_ups)
        or any(
            isinstance(one, Addition) and (one.per != "item" or one.also_following > 0)
            for one in _surcharges(file)
        )
    )


def _surcharges(file: TownFile) -> Iterator[Surcharge | None]:
    for activity in file.activities:
        for rule in (one for action in ACTIONS for one in activity.deadlines.of(action)):
            yield rule.surcharge
            yield from (step.surcharge for step in rule.after)
        yield from (rule.effect.surcharge for rule in activity.absences.rules)


def _counts(file: TownFile) -> bool:
    return any(one.counts in _OF_LINES for one in file.counters)


def _around(pricing: Pricing) -> set[str]:
    """The facts that other lines decide."""
    facts = {"days-in-week", "days-in-month", *(one.id for one in pricing.statuses)}
    return facts if pricing.siblings.among == "household" else facts | {"rank", "children"}
