"""What is known of who asks, and whether it fits a condition of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time

from shared.contracts.booking import Reason
from shared.contracts.town_file import Adults, Audience, Eligible, Group, Scope
from shared.days import Days
from shared.traits import OF_AGE, Known, belongs, between

_CODE = "not-eligible"
NOT_THIS_CHILD = Reason(
    code=_CODE, text="Cette activité n'est pas ouverte à cet enfant ce jour-là."
)
NOT_THIS_ADULT = Reason(
    code=_CODE, text="Cette activité n'est pas ouverte à cet adulte ce jour-là."
)
CHILDREN_ONLY = Reason(
    code="children-only", text="Cette activité n'est pas ouverte aux adultes du foyer."
)
ADULTS_ONLY = Reason(code="adults-only", text="Cette activité est réservée aux adultes du foyer.")
AGE_NEEDED = Reason(
    code="birth-date-needed",
    text="Cette activité dépend de l'âge : indiquez d'abord la date de naissance de cet adulte dans"
    " le dossier.",
)


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
    """Who takes part, and their family, at one moment.

    ``traits`` are facts by name (``participant``, ``school``, ``level``, ``age``, ``resident``, …);
    ``counts`` how often something has happened already, by counter, in the window that the day
    lies in;
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


def in_group(group: Group, traits: Mapping[str, Known]) -> bool:
    """Whether a place counter counts such a participant; an adult whose age is not known is counted
    where they may have to be, so that no place is granted too many."""
    return (
        (not group.schools or traits.get("school") in group.schools)
        and (not group.levels or traits.get("level") in group.levels)
        and _aged(group.from_age, group.to_age, traits) is not False
    )


def eligible(
    wanted: Eligible, traits: Mapping[str, Known], audiences: Mapping[str, Audience]
) -> bool:
    """Whether an activity is for such a participant."""
    return why_not_for(wanted, traits, audiences) is None


def why_not_for(
    wanted: Eligible, traits: Mapping[str, Known], audiences: Mapping[str, Audience]
) -> Reason | None:
    """Why an activity is not for such a participant, or None when it is."""
    if traits.get("participant") == "adult":
        if not wanted.adults:
            return CHILDREN_ONLY
        return _why_not_adult(wanted.which_adults, traits, audiences)
    if not wanted.children:
        return ADULTS_ONLY
    fits = (
        (not wanted.schools or traits.get("school") in wanted.schools)
        and (not wanted.levels or traits.get("level") in wanted.levels)
        and _aged(wanted.from_age, wanted.to_age, traits)
        and _one_of(wanted.audiences, traits, audiences)
    )
    return None if fits else NOT_THIS_CHILD


def _why_not_adult(
    wanted: Adults, traits: Mapping[str, Known], audiences: Mapping[str, Audience]
) -> Reason | None:
    aged = _aged(wanted.from_age, wanted.to_age, traits)
    if aged is None:
        return AGE_NEEDED
    return None if aged and _one_of(wanted.audiences, traits, audiences) else NOT_THIS_ADULT


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


def _aged(youngest: int | None, oldest: int | None, traits: Mapping[str, Known]) -> bool | None:
    """Whether somebody is of an age; None when that is not known of an adult. A child whose age is
    not known is not."""
    if youngest is None and oldest is None:
        return True
    age = traits.get("age")
    if age is not None:
        return between(age, youngest, oldest)
    if traits.get("participant") != "adult" or (oldest is not None and oldest < OF_AGE):
        return False
    return True if oldest is None and (youngest or 0) <= OF_AGE else None


def _in_week(day: date, weekday: int) -> date:
    return date.fromordinal(day.toordinal() - day.isoweekday() + weekday)
