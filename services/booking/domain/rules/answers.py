"""Whether something may be done, and why: the one function that answers the portal, the desk and
``preau rules explain``."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from services.booking.domain.rules import wording
from services.booking.domain.rules.cutoffs import Limit, Place, limit
from services.booking.domain.rules.facts import Facts, fits
from services.booking.domain.rules.moments import Kept, Moment
from services.booking.domain.rules.proofs import About, proof_until
from services.booking.domain.rules.surcharges import Due, due
from shared.contracts.town_file import (
    Action,
    Activity,
    Audience,
    Deadline,
    Proof,
    Surcharge,
    Times,
    TownFile,
)
from shared.days import Days
from shared.traits import Known

#: What an act that has to be proved comes to without its proof.
Otherwise = Literal["surcharge", "refuse", "billed"]
#: What an action comes to: ``surcharge`` is accepted at another price.
Result = Literal["accept", "surcharge", "ask_agent", "waiting_list", "free_with_proof", "refuse"]
#: From the best to the worst for a family: of several units the worst answer counts.
_WORSE: tuple[Result, ...] = (
    "accept", "free_with_proof", "surcharge", "ask_agent", "waiting_list", "refuse",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ToProve:
    """What makes an act free: a proof of one of these ``kinds``, there by ``until`` (aware, in the
    town's zone; None: whenever). ``otherwise`` is what the act comes to without it: the
    ``surcharge``, a refused booking, a day that stays due."""

    kinds: tuple[str, ...]
    until: datetime | None
    otherwise: Otherwise
    surcharge: Due | None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that explains itself.

    ``cutoff`` is the last minute as the town states it (aware, in its zone), None for never and
    for always; ``opens`` when it begins, if the rule says so. ``rule`` is the id of the rule that
    decided. ``code`` is stable, ``explanation`` is what the family reads. ``to_prove`` goes with
    the outcome ``free_with_proof``. Of several units the strictest decides, and what each of them
    counts, costs or has to prove is kept.
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
    times: tuple[Times, ...] = ()
    to_prove: ToProve | None = None


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
        self, activity: Activity, action: Action, day: date, facts: Facts
    ) -> Reading | None:
        """The rule that decides about one unit on a day, read for that day; None without any."""
        key = (activity.id, action, day, facts.units, facts.starts, *self._asked_of(facts))
        try:
            return self._readings[key]
        except KeyError:
            if len(self._readings) >= _MOST_READINGS:
                self._readings.clear()
            found = self._readings[key] = _read(self, activity, action, day, facts)
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
    answer = _may(book, activity, action, day, now, facts)
    if action == "book" and activity.decision == "automatic" and activity.deadlines.pay:
        return _payable(answer, _may(book, activity, "pay", day, now, facts))
    return answer


def _payable(answer: Answer, pay: Answer) -> Answer:
    """The answer to booking what is paid at once: no longer than it may be paid."""
    if not answer.allowed or answer.outcome in ("ask_agent", "waiting_list"):
        return answer
    if not pay.allowed:
        return pay
    if pay.cutoff is None or (answer.cutoff is not None and answer.cutoff <= pay.cutoff):
        return answer
    said = f"{answer.explanation} {pay.explanation}"
    return replace(answer, cutoff=pay.cutoff, explanation=said)


def may(
    book: Rulebook, activity: Activity, action: Action, day: date, now: datetime, facts: Facts
) -> Answer:
    """Whether ``action`` may be done for ``day`` at ``now`` (aware): of the units asked, the
    strictest answer."""
    return _may(book, activity, action, day, Moment(now), facts)


def _may(
    book: Rulebook, activity: Activity, action: Action, day: date, now: Moment, facts: Facts
) -> Answer:
    units = facts.units or tuple(unit.id for unit in activity.units[:1])
    each = [facts] if units == facts.units[:1] else [facts.of_unit(unit) for unit in units]
    answer = _strictest([_of_unit(book, activity, action, day, now, one) for one in each])
    if action == "book" and answer.allowed:
        for one in each:
            cancel = _of_unit(book, activity, "cancel", day, now, one)
            if not cancel.allowed:  # born locked (shape D13)
                return replace(answer, warning=wording.born_locked(cancel.cutoff, book.zone))
    return answer


def _of_unit(
    book: Rulebook, activity: Activity, action: Action, day: date, now: Moment, facts: Facts
) -> Answer:
    if not activity.deadlines.of(action):
        return _without_rules(book, activity, action, day, now, facts)
    reading = book.reading(activity, action, day, facts)
    return reading.answer(now, facts, book.audiences) if reading else _unruled(action)


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
    book: Rulebook, activity: Activity, action: Action, day: date, now: Moment, facts: Facts
) -> Answer:
    """An action of which the file says nothing."""
    if action == "change":
        return _strictest([_of_unit(book, activity, one, day, now, facts) for one in _CHANGE])
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


def _read(
    book: Rulebook, activity: Activity, action: Action, day: date, facts: Facts
) -> Reading | None:
    rule = _rule_for(book, activity, activity.deadlines.of(action), day, facts)
    if rule is None:
        return None
    place = Place(book.days, book.zone, activity.calendar, _starts(activity, facts))
    opens = limit(rule.opens, day, place) if rule.opens else None
    normal = limit(rule.cutoff, day, place)
    first = _Rung(normal, rule.times, (), rule.outcome, rule.surcharge, rule.text, late=False)
    steps = [
        _Rung(
            limit(step.until, day, place) if step.until else None, step.times, step.procedures,
            step.outcome, step.surcharge, step.text, late=True, proof=step.proof,
        )
        for step in rule.after
    ]  # fmt: skip
    said = wording.Said(action, normal, opens, rule.text)
    to_prove = any(step.proof for step in rule.after)
    closing = proofs_close(book, activity, day, facts) if to_prove else None
    return Reading(action, day, place, rule, opens, normal, (first, *steps), said, closing)


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
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A rule, read for one day: its instants, and what is said of them; ``proofs_close``: when
    the town takes no proof for it any more."""

    action: Action
    day: date
    place: Place
    rule: Deadline
    opens: Limit | None
    normal: Limit | None
    rungs: tuple[_Rung, ...]
    said: wording.Said
    proofs_close: datetime | None = None

    def answer(self, now: Moment, facts: Facts, audiences: Mapping[str, Audience]) -> Answer:
        """What it answers at a moment."""
        if self.normal is None or (self.rule.opens and self.opens is None):
            return self._no("not-published", None, self.said.not_published())
        cutoff = self.normal.at
        if self.opens is not None and self.opens.at is not None and now < self.opens.at:
            return self._no("not-yet-open", cutoff, self.said.not_yet())
        for rung in self.rungs:
            if not _holds(rung, now, facts):
                continue
            owed = None
            if rung.surcharge:
                owed = due(rung.surcharge, facts, rung.times, audiences, self.rule.id)
            if rung.proof is not None:
                to_prove = self._to_prove(rung.proof, owed, now.exactly())
                return self._granted(rung, None, to_prove)
            return self._granted(rung, owed)
        if self.normal.holds(now):
            return self._no("too-often", cutoff, self.said.too_often())
        for rung in self.rungs:
            if rung.late and rung.outcome != "refuse" and _spent(rung, now, facts):
                return self._no("too-late", cutoff, self.said.spent(rung.text))
        return self._no("never" if self.normal.never else "too-late", cutoff, self.said.over())

    def _to_prove(self, proof: Proof, owed: Due | None, at: datetime) -> ToProve:
        until = proof_until(proof, About(self.day, self.day, at), self.place, self.proofs_close)
        otherwise: Otherwise = "billed" if self.action == "cancel" else "refuse"
        if owed is not None:
            otherwise = "surcharge"
        return ToProve(proof.kinds, until.at if until else None, otherwise, owed)

    def _granted(self, rung: _Rung, owed: Due | None, to_prove: ToProve | None = None) -> Answer:
        outcome: Result = "surcharge" if owed and rung.outcome == "accept" else rung.outcome
        return Answer(
            outcome != "refuse", outcome, self.normal.at if self.normal else None, self._opening,
            self.rule.id,
            _code(outcome, late=rung.late),
            self._words(rung, outcome, owed, to_prove),
            owed,
            times=(rung.times,) if rung.times else (),
            to_prove=to_prove,
        )  # fmt: skip

    def _words(
        self, rung: _Rung, outcome: Result, owed: Due | None, to_prove: ToProve | None
    ) -> str:
        if to_prove is not None:
            return self.said.proving(
                to_prove.until, to_prove.otherwise, to_prove.surcharge, rung.text
            )
        return self.said.rung(outcome, owed, rung.end, late=rung.late, text=rung.text)

    def _no(self, code: str, cutoff: datetime | None, words: str) -> Answer:
        return Answer(False, "refuse", cutoff, self._opening, self.rule.id, code, words)

    @property
    def _opening(self) -> datetime | None:
        return self.opens.at if self.opens else None


def _holds(rung: _Rung, now: Moment, facts: Facts) -> bool:
    """Whether a rung is the one that decides."""
    if not _in_time(rung, now, facts):
        return False
    if rung.times is None:
        return True
    number = facts.counts.get(rung.times.counter, 0) + 1
    return rung.times.from_ <= number and (rung.times.to is None or number <= rung.times.to)


def _spent(rung: _Rung, now: Moment, facts: Facts) -> bool:
    """Whether a rung would have decided but for the times it allows, which are used up."""
    times = rung.times
    if times is None or times.to is None or not _in_time(rung, now, facts):
        return False
    return facts.counts.get(times.counter, 0) >= times.to


def _in_time(rung: _Rung, now: Moment, facts: Facts) -> bool:
    """Whether a rung may still decide, with what the family has done."""
    if not rung.late and rung.end is None:
        return False
    if rung.end is not None and not rung.end.holds(now):
        return False
    return set(rung.procedures) <= facts.procedures


def _code(outcome: Result, *, late: bool) -> str:
    if outcome == "refuse":
        return "too-late"
    return "late" if late else "open"


def _strictest(answers: Sequence[Answer]) -> Answer:
    """Of several the worst; of equals, the one that ends earlier. Where all allow it, each counts
    for what it counts, and what it costs or has to prove is said too."""
    if len(answers) == 1:
        return answers[0]

    def strictness(answer: Answer) -> tuple[int, float]:
        ends = answer.cutoff.timestamp() if answer.cutoff else float("inf")
        return -_WORSE.index(answer.outcome), ends

    worst, *others = sorted(answers, key=strictness)
    if not worst.allowed:
        return worst
    dearest, proving = worst, worst
    for one in others:
        if one.surcharge and (not dearest.surcharge or one.surcharge.dearer(dearest.surcharge)):
            dearest = one
        if one.to_prove and not proving.to_prove:
            proving = one
    said = dict.fromkeys(one.explanation for one in (worst, dearest, proving))
    return replace(
        worst,
        surcharge=dearest.surcharge,
        to_prove=_dearest(proving.to_prove, dearest.surcharge),
        explanation=" ".join(said),
        times=tuple(dict.fromkeys(times for one in answers for times in one.times)),
    )


def _dearest(to_prove: ToProve | None, owed: Due | None) -> ToProve | None:
    """What is to be proved, where something is due with the proof too: without it no less is."""
    if to_prove and owed and to_prove.surcharge and owed.dearer(to_prove.surcharge):
        return replace(to_prove, surcharge=owed)
    return to_prove


def _starts(activity: Activity, facts: Facts) -> time | None:
    if facts.starts is not None:
        return facts.starts
    unit = activity.unit(facts.units[0]) if facts.units else None
    return unit.starts if unit else None
