"""Whether something may be done, and why: the one function that answers the portal, the desk and
``preau rules explain``."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from services.booking.domain.rules import wording
from services.booking.domain.rules.cutoffs import NEVER, Limit, Place, limit
from services.booking.domain.rules.facts import Facts, fits
from services.booking.domain.rules.moments import Kept, Moment
from services.booking.domain.rules.readings import Answer, Reading, Result, Rung, strictest
from shared.contracts.town_file import (
    Action,
    Activity,
    Audience,
    Cutoff,
    Deadline,
    TownFile,
)
from shared.days import Days
from shared.traits import Known

#: How a rule is read: by itself; to book what is paid at once; as a part of a change.
How = Literal["alone", "paid", "change"]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """One version of a town's file, ready to be asked.

    ``traits`` are the facts that its audiences ask for. What a rule says of a day is read once,
    and answered once for as long as the answer holds: neither changes within a version.
    """

    file: TownFile
    days: Days
    zone: ZoneInfo
    audiences: Mapping[str, Audience]
    traits: tuple[str, ...]
    kept: Kept = field(default_factory=lambda: Kept(_MOST_ANSWERS), repr=False)
    weeks: Kept = field(default_factory=lambda: Kept(_MOST_WEEKS), repr=False)
    _readings: dict[Hashable, Reading | None] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, file: TownFile, days: Days) -> Rulebook:
        """The rulebook of a file; ``days`` are its calendars."""
        audiences = {audience.id: audience for audience in file.audiences}
        traits = {trait.fact for one in file.audiences for trait in (*one.all, *one.any)}
        return cls(file, days, ZoneInfo(file.time_zone), audiences, tuple(sorted(traits)))

    def reading(
        self, activity: Activity, action: Action, day: date, facts: Facts, how: How = "alone"
    ) -> Reading | None:
        """The rule that decides about one unit on a day, read for that day; None without any."""
        key = (activity.id, action, day, how, facts.units, facts.starts, *self._asked_of(facts))
        try:
            return self._readings[key]
        except KeyError:
            if len(self._readings) >= _MOST_READINGS:
                self._readings.clear()
            found = self._readings[key] = _read(self, activity, action, day, facts, how)
            return found

    def key(self, activity: Activity, action: Action, day: date, facts: Facts) -> Hashable:
        """All that an answer depends on but the instant."""
        return (
            activity.id, action, day, facts.units, facts.starts, facts.procedures,
            facts.price_cents, *facts.counts.items(), *self._asked_of(facts),
        )  # fmt: skip

    def kind_of(self, traits: Mapping[str, Known]) -> Hashable:
        """The same for people of whom all that the file may ask is the same."""
        return (*map(traits.get, _ASKED_OF_ALL), *self._asked(traits))

    def _asked_of(self, facts: Facts) -> tuple[Hashable, ...]:
        """What rules ask of a child and its family."""
        return (facts.school, *self._asked(facts.traits))

    def _asked(self, traits: Mapping[str, Known]) -> Iterator[Hashable]:
        """What audiences ask; 1 and True are told apart."""
        return ((value, type(value)) for value in map(traits.get, self.traits))


#: What a file may ask of anybody without an audience.
_ASKED_OF_ALL = ("participant", "age", "school", "level")
#: A few megabytes: the days of a month, of every activity of a large town.
_MOST_READINGS = 10_000
_MOST_ANSWERS = 20_000
_MOST_WEEKS = 1_000


def offered(
    book: Rulebook,
    activity: Activity,
    action: Action,
    day: date,
    now: datetime | Moment,
    facts: Facts,
) -> Answer:
    """``may``, for a day on which there has to be service, and which may be booked that early. As
    part of another answer it is kept with that."""
    if isinstance(now, Moment):
        return _offered(book, activity, action, day, now, facts)
    return book.kept.answer(
        book.key(activity, action, day, facts), now,
        lambda moment: _offered(book, activity, action, day, moment, facts),
    )  # fmt: skip


def _offered(
    book: Rulebook, activity: Activity, action: Action, day: date, now: Moment, facts: Facts
) -> Answer:
    closed = book.days.closed(activity.calendar, day, facts.school)
    if closed is not None:
        return Answer(False, "refuse", None, None, None, closed.code, closed.text)
    today = now.day(book.zone)
    if action in ("book", "change", "cancel") and day < today:
        return Answer(False, "refuse", None, None, None, "day-over", wording.day_over())
    if action == "book" and (day - today).days > activity.horizon_days:
        return Answer(False, "refuse", None, None, None, "too-early", wording.too_early())
    if action == "book" and activity.decision == "automatic" and activity.deadlines.pay:
        return _paid(book, activity, day, now, facts)
    return _may(book, activity, action, day, now, facts)


def _paid(book: Rulebook, activity: Activity, day: date, now: Moment, facts: Facts) -> Answer:
    """The answer to booking what is paid at once: no longer than it may be paid; then what the
    rule says of coming late, as far as it is paid afterwards."""
    answer = _may(book, activity, "book", day, now, facts, "paid")
    if answer.allowed and answer.outcome in _PAID_LATER:
        return answer
    pay = _may(book, activity, "pay", day, now, facts)
    if pay.allowed or not (answer.allowed or _may(book, activity, "book", day, now, facts).allowed):
        return answer
    return pay


_PAID_LATER = ("ask_agent", "waiting_list")


def may(
    book: Rulebook, activity: Activity, action: Action, day: date, now: datetime, facts: Facts
) -> Answer:
    """Whether ``action`` may be done for ``day`` at ``now`` (aware): of the units asked, the
    strictest answer."""
    return _may(book, activity, action, day, Moment(now), facts)


def _may(
    book: Rulebook,
    activity: Activity,
    action: Action,
    day: date,
    now: Moment,
    facts: Facts,
    how: How = "alone",
) -> Answer:
    units = facts.units or tuple(unit.id for unit in activity.units[:1])
    each = [facts] if units == facts.units[:1] else [facts.of_unit(unit) for unit in units]
    answer = strictest([_of_unit(book, activity, action, day, now, one, how) for one in each])
    if action == "book" and answer.allowed:
        for one in each:
            cancel = _of_unit(book, activity, "cancel", day, now, one)
            if not cancel.allowed:  # born locked (shape D13)
                return replace(answer, warning=_born_locked(cancel, book.zone))
    return answer


def _born_locked(cancel: Answer, zone: ZoneInfo) -> str:
    if cancel.code == "not-yet-open":
        return wording.locked_until(cancel.opens, zone)
    if cancel.code == "too-often":
        return wording.locked_by_number()
    return wording.born_locked(cancel.cutoff, zone)


def _of_unit(
    book: Rulebook,
    activity: Activity,
    action: Action,
    day: date,
    now: Moment,
    facts: Facts,
    how: How = "alone",
) -> Answer:
    if not activity.deadlines.of(action):
        return _without_rules(book, activity, action, day, now, facts, how)
    reading = book.reading(activity, action, day, facts, how)
    if reading is None:
        return _unruled("change" if how == "change" else action)
    return reading.answer(now, facts, book.audiences)


def proofs_close(book: Rulebook, activity: Activity, day: date, facts: Facts) -> datetime | None:
    """The first instant (UTC) at which the town takes no proof for a day any more, by the
    activity's deadlines for sending one; None where they do not say."""
    reading = book.reading(activity, "proof", day, facts)
    if reading is None or reading.normal is None:
        return None
    ends = [
        rung.end.end if rung.end else None for rung in reading.rungs if rung.outcome != "refuse"
    ]
    known = [end for end in ends if end is not None]
    return max(known, default=None) if len(known) == len(ends) else None


def _without_rules(
    book: Rulebook,
    activity: Activity,
    action: Action,
    day: date,
    now: Moment,
    facts: Facts,
    how: How,
) -> Answer:
    """An action of which the file says nothing."""
    if action == "change":
        return strictest(
            [_of_unit(book, activity, one, day, now, facts, "change") for one in _CHANGE]
        )
    if action in ("absence", "proof", "pay"):
        return Answer(True, "accept", None, None, None, "open", wording.always(action))
    return _unruled("change" if how == "change" else action)


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


def _read(
    book: Rulebook, activity: Activity, action: Action, day: date, facts: Facts, how: How
) -> Reading | None:
    rule = _rule_for(book, activity, activity.deadlines.of(action), day, facts)
    if rule is None:
        return None
    place = Place(book.days, book.zone, activity.calendar, _starts(activity, facts))
    opens = limit(rule.opens, day, place) if rule.opens else None
    payable = _payable_until(book, activity, day, facts) if how == "paid" else None

    def until(cutoff: Cutoff | None, outcome: Result) -> Limit | None:
        end = limit(cutoff, day, place) if cutoff else None
        if payable is None or outcome in _PAID_LATER or (cutoff and end is None):
            return end
        return payable if end is None or payable.sooner(end) else end

    normal = until(rule.cutoff, rule.outcome)
    first = Rung(normal, rule.times, (), rule.outcome, rule.surcharge, rule.text, late=False)
    steps = [
        Rung(
            until(step.until, step.outcome), step.times, step.procedures,
            step.outcome, step.surcharge, step.text, late=True, proof=step.proof,
        )
        for step in rule.after
    ]  # fmt: skip
    counters = {one.id: one for one in book.file.counters}
    said = wording.Said(
        "change" if how == "change" else action, normal, opens, rule.text,
        wording.beyond(rule.times.to, counters[rule.times.counter]) if rule.times else None,
    )  # fmt: skip
    to_prove = any(step.proof for step in rule.after)
    closing = proofs_close(book, activity, day, facts) if to_prove else None
    return Reading(action, day, place, rule, opens, normal, (first, *steps), said, closing)


def _payable_until(book: Rulebook, activity: Activity, day: date, facts: Facts) -> Limit | None:
    """Until when what is booked may be paid; None where nothing limits it."""
    reading = book.reading(activity, "pay", day, facts)
    if reading is None or reading.normal is None:
        return None
    last = NEVER
    for rung in reading.rungs:
        if rung.outcome == "refuse" or rung.times or rung.procedures:
            continue
        if rung.end is None or (rung.end.end is None and not rung.end.never):
            return None
        last = rung.end if last.sooner(rung.end) else last
    return last


def _starts(activity: Activity, facts: Facts) -> time | None:
    if facts.starts is not None:
        return facts.starts
    unit = activity.unit(facts.units[0]) if facts.units else None
    return unit.starts if unit else None
