"""What is reckoned from a family's lines: ranks, statuses of the month, which time it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal

from services.billing.domain.prices.book import PriceBook
from services.billing.domain.prices.facts import ChildFacts, Facts, Line
from services.billing.domain.prices.quotients import quotient_on
from shared.contracts.town_file import Counter, Status
from shared.traits import Known, age_on

#: What ends a booking without a day of presence.
_NOT_THERE = frozenset({"cancelled", "free", "credit", "refund", "carry_over"})


class Knowing:
    """The facts about each line of a basket, reckoned once for each child, activity and month."""

    def __init__(self, book: PriceBook, facts: Facts) -> None:
        self._book = book
        self._facts = facts
        self._children = {one.id: one for one in facts.children}
        self._traits: dict[tuple[object, ...], Mapping[str, Known]] = {}
        self._quotients: dict[date, Decimal | None] = {}
        self._ranked: dict[tuple[str, str], list[ChildFacts]] = {}
        self._came: dict[tuple[str, str, str], set[date]] = {}
        self._statuses: dict[tuple[str, str, str], bool] = {}
        self._done: dict[tuple[str, str, str], int] = {}
        self._first_windows: dict[str, str] = {}

    def traits(self, line: Line) -> Mapping[str, Known]:
        """What rules may ask of a line's child and family on its day: the very same for two lines
        of which the same is known."""
        child = self.child(line.child)
        age = age_on(child.birth_date, line.day) if child.birth_date else child.age
        days, quotient = self._days(line), self.quotient(line.day)
        key = (
            line.child, line.activity, line.day.year, line.day.month, age, quotient,
            line.starts, line.ends, *days.values(),
        )  # fmt: skip
        found = self._traits.get(key)
        if found is None:
            found = self._traits[key] = self._reckoned(line, child, age, quotient, days)
        return found

    def _reckoned(
        self,
        line: Line,
        child: ChildFacts,
        age: int | None,
        quotient: Decimal | None,
        days: Mapping[str, Known],
    ) -> dict[str, Known]:
        siblings = self._siblings(line)
        known: dict[str, Known | None] = {
            "children": len(siblings),
            "rank": siblings.index(child) + 1 if child in siblings else None,
            "quotient": None if quotient is None else int(quotient),
            "minutes": _minutes(line),
            **days,
            **self._facts.family.facts,
            **{one.id: self._status(one, line) for one in self._book.pricing.statuses},
            "participant": child.participant,
            "school": child.school,
            "level": child.level,
            "age": age,
        }
        if child.rank is not None:
            known["rank"] = child.rank
        known |= child.facts
        return {name: value for name, value in known.items() if value is not None}

    def quotient(self, day: date) -> Decimal | None:
        """The quotient that counts on a day."""
        if day not in self._quotients:
            rules = self._book.pricing.quotient
            self._quotients[day] = quotient_on(rules, self._facts.family.quotients, day)
        return self._quotients[day]

    def child(self, child_id: str) -> ChildFacts:
        """The child of that id; one of whom nothing is known when it is not among the facts."""
        return self._children.get(child_id) or ChildFacts(id=child_id)

    # -- brothers and sisters ------------------------------------------------------------------

    def _siblings(self, line: Line) -> list[ChildFacts]:
        """The children among whom one is ranked, in their order."""
        rules = self._book.pricing.siblings
        about, month = "", ""
        if rules.among != "household":
            about, month = self._kind(line.activity), f"{line.day:%Y-%m}"
        found = self._ranked.get((about, month))
        if found is None:
            counted = {one.child for one in self._facts.lines if not one.known}
            counted |= set(self._children)
            if about:
                counted = {
                    one.child for one in self._facts.lines
                    if self._kind(one.activity) == about and f"{one.day:%Y-%m}" == month
                }  # fmt: skip
            found = self._ranked[about, month] = sorted(
                (one for one in map(self.child, counted) if one.participant == "child"),
                key=lambda one: (one.birth_date or date.max, one.id),
                reverse=rules.first == "youngest",
            )
        return found

    def _kind(self, activity: str) -> str:
        """Activities among which children are ranked together."""
        found = self._book.activities.get(activity)
        if self._book.pricing.siblings.among == "service" and found is not None:
            return found.service
        return activity

    # -- statuses ------------------------------------------------------------------------------

    def _days(self, line: Line) -> dict[str, Known]:
        """On how many days of the week and of the month the child comes to the activity, where an
        audience asks for it."""
        found: dict[str, Known] = {}
        for fact, window in (("days-in-week", "week"), ("days-in-month", "month")):
            if fact not in self._book.asked:
                continue
            name = self._book.window(window, line.day, line.activity)
            key = (line.child, line.activity, name)
            if key not in self._came:
                self._came[key] = {
                    one.day for one in self._facts.lines
                    if (one.child, one.activity) == key[:2] and _there(one)
                    and self._book.window(window, one.day, one.activity) == name
                }  # fmt: skip
            found[fact] = len(self._came[key])
        return found

    def _status(self, status: Status, line: Line) -> bool:
        key = (status.id, line.child, f"{line.day:%Y-%m}")
        if key not in self._statuses:
            self._statuses[key] = self._enough(status, line.child, line.day)
        return self._statuses[key]

    def _enough(self, status: Status, child: str, day: date) -> bool:
        wanted = {one.number for one in status.weekdays}
        came = {
            line.day for line in self._facts.lines
            if line.child == child and line.activity in status.activities
            and (line.day.year, line.day.month) == (day.year, day.month)
            and (not wanted or line.day.isoweekday() in wanted)
            and _there(line)
        }  # fmt: skip
        if status.least_days is not None:
            return len(came) >= status.least_days
        served = [
            one for one in _month(day)
            if (not wanted or one.isoweekday() in wanted) and self._served(status, one)
        ]  # fmt: skip
        if status.least_percent is not None:
            return 100 * len(came) >= status.least_percent * len(served)
        weeks = _by_week(served)
        whole = [days for week, days in weeks.items() if _within_month(week, day)]
        least = status.least_days_a_week or 1
        return all(len(came & set(days)) >= min(least, len(days)) for days in whole)

    def _served(self, status: Status, day: date) -> bool:
        calendars = {
            self._book.activities[name].calendar
            for name in status.activities
            if name in self._book.activities
        }
        return any(self._book.days.closed(calendar, day) is None for calendar in calendars)

    # -- which time it is ----------------------------------------------------------------------

    def nth(self, line: Line) -> dict[str, int]:
        """By counter, which time this is of what it counts: the 1st is 1."""
        return {
            name: self._earlier(counter, line) + 1 for name, counter in self._book.counters.items()
        }

    def happened(self, line: Line, what: Iterable[str]) -> None:
        """Note what a line has been: the next one is one time more."""
        for counter in self._book.counters.values():
            if counter.counts in what:
                key = self._key(counter, line)
                self._done[key] = self._done.get(key, 0) + 1

    def _earlier(self, counter: Counter, line: Line) -> int:
        """What the facts say had happened, which is of the time that the first line lies in, and
        what the lines before this one have been."""
        key = self._key(counter, line)
        window = self._first_windows.setdefault(counter.id, key[2])
        given = self._facts.family if counter.per == "family" else self.child(line.child)
        before = given.counts.get(counter.id, 0) if key[2] == window else 0
        return before + self._done.get(key, 0)

    def _key(self, counter: Counter, line: Line) -> tuple[str, str, str]:
        who = "" if counter.per == "family" else line.child
        return counter.id, who, self._book.window(counter.window, line.day, line.activity)


def _there(line: Line) -> bool:
    """Whether a line is a day of presence."""
    return not (line.ended and line.ended.effect in _NOT_THERE)


def _minutes(line: Line) -> int | None:
    """How long it lasts, where its time was chosen."""
    if line.starts is None or line.ends is None:
        return None
    begun, ended = line.starts, line.ends
    return (ended.hour - begun.hour) * 60 + ended.minute - begun.minute


def _month(day: date) -> Iterable[date]:
    one = day.replace(day=1)
    while one.month == day.month:
        yield one
        one += timedelta(days=1)


def _by_week(days: Iterable[date]) -> dict[date, list[date]]:
    """Days by the Monday of their week."""
    weeks: dict[date, list[date]] = {}
    for one in days:
        weeks.setdefault(one - timedelta(days=one.weekday()), []).append(one)
    return weeks


def _within_month(monday: date, day: date) -> bool:
    """Whether the school days of a week all lie in the month."""
    return monday.month == day.month == (monday + timedelta(days=4)).month
