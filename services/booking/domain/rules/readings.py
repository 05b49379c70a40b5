"""A rule read for one day, and what it answers at a moment; of several answers the strictest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from services.booking.domain.rules import wording
from services.booking.domain.rules.cutoffs import Limit, Place
from services.booking.domain.rules.facts import Facts
from services.booking.domain.rules.moments import Moment
from services.booking.domain.rules.proofs import About, proof_until
from services.booking.domain.rules.surcharges import Due, due
from shared.contracts.town_file import Action, Audience, Deadline, Proof, Surcharge, Times

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
    for always; ``lasts`` until when it is so (None: always); ``opens`` when it begins, if the rule
    says so. ``rule`` is the id of the rule that decided. ``code`` is stable, ``explanation`` is
    what the family reads. ``to_prove`` goes with the outcome ``free_with_proof``. Of several units
    the strictest decides, and what each of them counts, costs or has to prove is kept.
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
    lasts: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rung:
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
    rungs: tuple[Rung, ...]
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
            over = not self.normal.holds(now)
            if rung.proof is not None:
                to_prove = self._to_prove(rung.proof, owed, now.exactly())
                return self._granted(rung, None, to_prove, over=over)
            return self._granted(rung, owed, over=over)
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

    def _granted(
        self, rung: Rung, owed: Due | None, to_prove: ToProve | None = None, *, over: bool
    ) -> Answer:
        outcome: Result = "surcharge" if owed and rung.outcome == "accept" else rung.outcome
        return Answer(
            outcome != "refuse", outcome, self.normal.at if self.normal else None, self._opening,
            self.rule.id,
            _code(outcome, late=rung.late, over=over),
            self._words(rung, outcome, owed, to_prove, over=over),
            owed,
            times=(rung.times,) if rung.times else (),
            lasts=rung.end.at if rung.end else None,
            to_prove=to_prove,
        )  # fmt: skip

    def _words(
        self,
        rung: Rung,
        outcome: Result,
        owed: Due | None,
        to_prove: ToProve | None,
        *,
        over: bool,
    ) -> str:
        if to_prove is not None:
            return self.said.proving(
                to_prove.until, to_prove.otherwise, to_prove.surcharge, rung.text, over=over
            )
        if outcome == "refuse" and not over:
            return self.said.too_often(rung.text)
        return self.said.rung(outcome, owed, rung.end, late=rung.late, over=over, text=rung.text)

    def _no(self, code: str, cutoff: datetime | None, words: str) -> Answer:
        return Answer(False, "refuse", cutoff, self._opening, self.rule.id, code, words)

    @property
    def _opening(self) -> datetime | None:
        return self.opens.at if self.opens else None


def _holds(rung: Rung, now: Moment, facts: Facts) -> bool:
    """Whether a rung is the one that decides."""
    if not _in_time(rung, now, facts):
        return False
    if rung.times is None:
        return True
    number = facts.counts.get(rung.times.counter, 0) + 1
    return rung.times.from_ <= number and (rung.times.to is None or number <= rung.times.to)


def _spent(rung: Rung, now: Moment, facts: Facts) -> bool:
    """Whether a rung would have decided but for the times it allows, which are used up."""
    times = rung.times
    if times is None or times.to is None or not _in_time(rung, now, facts):
        return False
    return facts.counts.get(times.counter, 0) >= times.to


def _in_time(rung: Rung, now: Moment, facts: Facts) -> bool:
    """Whether a rung may still decide, with what the family has done."""
    if not rung.late and rung.end is None:
        return False
    if rung.end is not None and not rung.end.holds(now):
        return False
    return set(rung.procedures) <= facts.procedures


def _code(outcome: Result, *, late: bool, over: bool) -> str:
    if outcome == "refuse":
        return "too-late" if over else "too-often"
    if not late:
        return "open"
    return "late" if over else "again"


def strictest(answers: Sequence[Answer]) -> Answer:
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
        lasts=min((one.lasts for one in answers if one.lasts), default=None),
        times=tuple(dict.fromkeys(times for one in answers for times in one.times)),
    )


def _dearest(to_prove: ToProve | None, owed: Due | None) -> ToProve | None:
    """What is to be proved, where something is due with the proof too: without it no less is."""
    if to_prove and owed and to_prove.surcharge and owed.dearer(to_prove.surcharge):
        return replace(to_prove, surcharge=owed)
    return to_prove
