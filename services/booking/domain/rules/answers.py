"""Whether something may be done, and why: the one function that answers the portal, the desk and
``preau rules explain``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from services.booking.domain.rules import wording
from services.booking.domain.rules.cutoffs import Limit, Place, limit
from services.booking.domain.rules.days import Days
from services.booking.domain.rules.facts import Facts, fits
from services.booking.domain.rules.surcharges import Due, due
from shared.contracts.town_file import (
    Action,
    Activity,
    Audience,
    Deadline,
    Surcharge,
    Times,
    TownFile,
)

#: What an action comes to: ``surcharge`` is accepted at another price.
Result = Literal["accept", "surcharge", "ask_agent", "waiting_list", "free_with_proof", "refuse"]
#: From the best to the worst for a family: of several units the worst answer counts.
_WORSE: tuple[Result, ...] = (
    "accept", "free_with_proof", "surcharge", "ask_agent", "waiting_list", "refuse",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that explains itself.

    ``cutoff`` is the last minute as the town states it (aware, in its zone), None for never and
    for always; ``opens`` when it begins, if the rule says so. ``rule`` is the id of the rule that
    decided. ``code`` is stable, ``explanation`` is what the family reads.
    """

    allowed: bool
    outcome: Result
    cutoff: datetime | None
    opens: datetime | None
    rule: str | None
    code: str
    explanation: str
    surcharge: Due | None = None
    warning: str | None = None
    times: Times | None = None


@dataclass(frozen=True, slots=True)
class Rulebook:
    """One version of a town's file, ready to be asked."""

    file: TownFile
    days: Days
    zone: ZoneInfo
    audiences: Mapping[str, Audience]

    @classmethod
    def of(cls, file: TownFile, days: Days) -> Rulebook:
        """The rulebook of a file; ``days`` are its calendars."""
        audiences = {audience.id: audience for audience in file.audiences}
        return cls(file, days, ZoneInfo(file.time_zone), audiences)


def offered(
    book: Rulebook, activity: Activity, action: Action, day: date, now: datetime, facts: Facts
) -> Answer:
    """``may``, for a day on which there has to be service, and which may be booked that early."""
    closed = book.days.closed(activity.calendar, day, facts.school)
    if closed is not None:
        return Answer(False, "refuse", None, None, None, closed.code, closed.text)
    today = now.astimezone(book.zone).date()
    if action in ("book", "change", "cancel") and day < today:
        return Answer(False, "refuse", None, None, None, "day-over", wording.day_over())
    if action == "book" and (day - today).days > activity.horizon_days:
        return Answer(False, "refuse", None, None, None, "too-early", wording.too_early())
    return may(book, activity, action, day, now, facts)


def may(
    book: Rulebook, activity: Activity, action: Action, day: date, now: datetime, facts: Facts
) -> Answer:
    """Whether ``action`` may be done for ``day`` at ``now`` (aware): of the units asked, the
    strictest answer."""
    units = facts.units or tuple(unit.id for unit in activity.units[:1])
    answers = [_of_unit(book, activity, action, day, now, facts.of_unit(unit)) for unit in units]
    answer = max(answers, key=_strictness)
    if action == "book" and answer.allowed:
        answer = replace(answer, warning=_born_locked(book, activity, day, now, facts))
    return answer


def _of_unit(
    book: Rulebook, activity: Activity, action: Action, day: date, now: datetime, facts: Facts
) -> Answer:
    rules = activity.deadlines.of(action)
    if not rules:
        return _without_rules(book, activity, action, day, now, facts)
    rule = _rule_for(book, activity, rules, day, facts)
    if rule is None:
        return _unruled(action)
    place = Place(book.days, book.zone, activity.calendar, _starts(activity, facts))
    return _decide(rule, action, day, now, facts, place, book.audiences)


def _without_rules(
    book: Rulebook, activity: Activity, action: Action, day: date, now: datetime, facts: Facts
) -> Answer:
    """An action of which the file says nothing."""
    if action == "change":
        both = [_of_unit(book, activity, one, day, now, facts) for one in _CHANGE]
        return max(both, key=_strictness)
    if action in ("absence", "proof", "pay"):
        return Answer(True, "accept", None, None, None, "open", wording.always(action))
    return _unruled(action)


_CHANGE: tuple[Action, ...] = ("book", "cancel")


def _unruled(action: Action) -> Answer:
    return Answer(False, "refuse", None, None, None, "no-rule", wording.unruled(action))


def _rule_for(
    book: Rulebook, activity: Activity, rules: Sequence[Deadline], day: date, facts: Facts
) -> Deadline | None:
    """The first rule that holds on the day and fits."""
    for rule in rules:
        if rule.holds_on(day) and fits(
            rule.for_, day, facts, book.days, activity.calendar, book.audiences
        ):
            return rule
    return None


@dataclass(frozen=True, slots=True)
class _Rung:
    """What holds until ``end``: the rule itself, then each of its steps."""

    end: Limit | None
    times: Times | None
    procedures: tuple[str, ...]
    outcome: Result
    surcharge: Surcharge | None
    text: str | None
    late: bool


def _rungs(rule: Deadline, day: date, place: Place) -> Iterator[_Rung]:
    yield _Rung(
        limit(rule.cutoff, day, place), rule.times, (), rule.outcome, rule.surcharge, rule.text,
        late=False,
    )  # fmt: skip
    for step in rule.after:
        yield _Rung(
            limit(step.until, day, place) if step.until else None, step.times, step.procedures,
            step.outcome, step.surcharge, step.text, late=True,
        )  # fmt: skip


def _decide(
    rule: Deadline,
    action: Action,
    day: date,
    now: datetime,
    facts: Facts,
    place: Place,
    audiences: Mapping[str, Audience],
) -> Answer:
    opens = limit(rule.opens, day, place) if rule.opens else None
    normal = limit(rule.cutoff, day, place)
    said = wording.Said(action, normal, opens, rule.text)
    cutoff, opening = normal.at if normal else None, opens.at if opens else None
    if normal is None or (rule.opens and opens is None):
        return Answer(
            False, "refuse", None, opening, rule.id, "not-published", said.not_published()
        )
    at = now.astimezone(UTC)
    if opens is not None and opens.at is not None and at < opens.at.astimezone(UTC):
        return Answer(False, "refuse", cutoff, opening, rule.id, "not-yet-open", said.not_yet())
    for rung in _rungs(rule, day, place):
        if not _holds(rung, at, facts):
            continue
        owed = due(rung.surcharge, facts, rung.times, audiences) if rung.surcharge else None
        outcome: Result = "surcharge" if owed and rung.outcome == "accept" else rung.outcome
        return Answer(
            outcome != "refuse", outcome, cutoff, opening, rule.id,
            _code(outcome, late=rung.late),
            said.rung(outcome, owed, rung.end, late=rung.late, text=rung.text),
            owed,
            times=rung.times,
        )  # fmt: skip
    over = not normal.holds(at)
    return Answer(
        False, "refuse", cutoff, opening, rule.id,
        "never" if normal.never else "too-late" if over else "too-often",
        said.over() if over else said.too_often(),
    )  # fmt: skip


def _holds(rung: _Rung, at: datetime, facts: Facts) -> bool:
    """Whether a rung is the one that decides."""
    if not rung.late and rung.end is None:
        return False
    if rung.end is not None and not rung.end.holds(at):
        return False
    if not set(rung.procedures) <= facts.procedures:
        return False
    if rung.times is None:
        return True
    number = facts.counts.get(rung.times.counter, 0) + 1
    return rung.times.from_ <= number and (rung.times.to is None or number <= rung.times.to)


def _code(outcome: Result, *, late: bool) -> str:
    if outcome == "refuse":
        return "too-late"
    return "late" if late else "open"


def _strictness(answer: Answer) -> tuple[int, float]:
    """Worse first; of equals, the one that ends earlier."""
    ends = answer.cutoff.timestamp() if answer.cutoff else float("inf")
    return _WORSE.index(answer.outcome), -ends


def _born_locked(
    book: Rulebook, activity: Activity, day: date, now: datetime, facts: Facts
) -> str | None:
    """The warning that what is booked now cannot be cancelled any more (shape D13)."""
    units = facts.units or tuple(unit.id for unit in activity.units[:1])
    for unit in units:
        cancel = _of_unit(book, activity, "cancel", day, now, facts.of_unit(unit))
        if not cancel.allowed:
            return wording.born_locked(cancel.cutoff, book.zone)
    return None


def _starts(activity: Activity, facts: Facts) -> time | None:
    if facts.starts is not None:
        return facts.starts
    unit = activity.unit(facts.units[0]) if facts.units else None
    return unit.starts if unit else None
