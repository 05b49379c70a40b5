"""What is known of who asks, and whether it fits a condition of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time

from services.booking.domain.rules.days import Days
from shared.contracts.family import Child
from shared.contracts.town_file import Audience, Eligible, Group, Scope, Trait

Known = bool | int | str


@dataclass(frozen=True, slots=True)
class Absent:
    """An absence: its first and last day (None while its end is open), the reason chosen, when it
    was told, when a proof came and of which kind."""

    first: date
    last: date | None
    reason: str | None = None
    told: datetime | None = None
    proof: str | None = None
    proof_at: datetime | None = None
    at_school: bool = False
    sibling: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """The child and family at one moment.

    ``traits`` are facts by name (``school``, ``level``, ``age``, ``resident``, …); ``counts`` how
    often something has happened already, by counter, in the window that the day lies in;
    ``procedures`` what the family has done besides (a call, a letter). ``price_cents`` is the
    family's own price, when it is known. ``starts`` is when a chosen time range begins.
    """

    units: tuple[str, ...] = ()
    traits: Mapping[str, Known] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    procedures: frozenset[str] = frozenset()
    price_cents: int | None = None
    starts: time | None = None
    absent: Absent | None = None

    def of_unit(self, unit: str) -> Facts:
        """The same, for one unit."""
        return replace(self, units=(unit,))

    @property
    def school(self) -> str | None:
        """The child's school."""
        school = self.traits.get("school")
        return school if isinstance(school, str) else None


def age_on(birth_date: date, day: date) -> int:
    """Whole years on a day; somebody born on 29 February is older on 1 March."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def traits_of(child: Child, day: date) -> dict[str, Known]:
    """What rules may ask of a child."""
    traits: dict[str, Known] = {"age": age_on(child.birth_date, day)}
    if child.school:
        traits["school"] = child.school
    if child.level:
        traits["level"] = child.level
    return traits


def has(trait: Trait, traits: Mapping[str, Known]) -> bool:
    """Whether a trait is fulfilled; what is not known fulfils nothing."""
    value = traits.get(trait.fact)
    if value is None:
        return False
    if trait.is_:
        return any(value == wanted and type(value) is type(wanted) for wanted in trait.is_)
    return _between(value, trait.from_, trait.to)


def belongs(audience: Audience, traits: Mapping[str, Known]) -> bool:
    """Whether an audience holds somebody with these traits."""
    return all(has(trait, traits) for trait in audience.all) and (
        not audience.any or any(has(trait, traits) for trait in audience.any)
    )


def in_group(group: Group, traits: Mapping[str, Known]) -> bool:
    """Whether a place counter counts such a child."""
    return (
        (not group.schools or traits.get("school") in group.schools)
        and (not group.levels or traits.get("level") in group.levels)
        and _aged(group.from_age, group.to_age, traits)
    )


def eligible(
    wanted: Eligible, traits: Mapping[str, Known], audiences: Mapping[str, Audience]
) -> bool:
    """Whether an activity is for such a child."""
    return (
        (not wanted.schools or traits.get("school") in wanted.schools)
        and (not wanted.levels or traits.get("level") in wanted.levels)
        and _aged(wanted.from_age, wanted.to_age, traits)
        and _one_of(wanted.audiences, traits, audiences)
    )


def fits(
    scope: Scope,
    day: date,
    facts: Facts,
    days: Days,
    service: str,
    audiences: Mapping[str, Audience],
) -> bool:
    """Whether a rule is about this day and these facts."""
    if scope.weekdays and day.isoweekday() not in [one.number for one in scope.weekdays]:
        return False
    if scope.units and not set(scope.units) & set(facts.units):
        return False
    if scope.schools and facts.school not in scope.schools:
        return False
    if not _one_of(scope.audiences, facts.traits, audiences):
        return False
    if scope.in_school_holidays not in (None, days.in_school_holidays(day, service)):
        return False
    if scope.holiday_on and not any(
        days.public_holiday(_in_week(day, weekday.number), service) for weekday in scope.holiday_on
    ):
        return False
    if scope.first_days_back is None:
        return True
    back = days.days_back(day, service)
    return back is not None and back <= scope.first_days_back


def _one_of(
    names: tuple[str, ...], traits: Mapping[str, Known], audiences: Mapping[str, Audience]
) -> bool:
    return not names or any(belongs(audiences[name], traits) for name in names)


def _aged(youngest: int | None, oldest: int | None, traits: Mapping[str, Known]) -> bool:
    if youngest is None and oldest is None:
        return True
    age = traits.get("age")
    return age is not None and _between(age, youngest, oldest)


def _between(value: Known, lowest: int | None, highest: int | None) -> bool:
    if isinstance(value, bool | str):
        return False
    return (lowest is None or value >= lowest) and (highest is None or value <= highest)


def _in_week(day: date, weekday: int) -> date:
    return date.fromordinal(day.toordinal() - day.isoweekday() + weekday)
