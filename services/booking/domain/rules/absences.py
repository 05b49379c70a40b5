"""What an absence comes to: in time a cancellation, out of time a report, billed or not by rule.

One engine for both doors (BO9): while the day may still be cancelled, reporting an absence frees
the place and costs nothing; after that the activity's absence rules decide, the first that fits;
where none fits the day is billed (shape A0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Literal

from services.booking.domain.rules import wording
from services.booking.domain.rules.answers import Rulebook, offered, proofs_close
from services.booking.domain.rules.cutoffs import Limit, Place, limit
from services.booking.domain.rules.facts import Absent, Facts, fits
from services.booking.domain.rules.proofs import About, days_after, proof_until, proves
from services.booking.domain.rules.readings import Answer, ToProve
from services.booking.domain.rules.surcharges import Due, due
from shared.contracts.town_file import AbsenceRule, Activity, InTime

#: ``cancelled``: in time, the place is free again. ``to_prove``: free once the proof has come.
Settled = Literal[
    "cancelled", "free", "to_prove", "billed", "keep_percent", "price", "surcharge", "credit",
    "refund", "carry_over", "collect",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Day:
    """What one day of absence comes to; ``cents`` is what is due for it, when that is known.

    ``proof_until``: by when a proof has to be there, of one of the kinds ``proofs``. ``rule`` is
    None where the day is billed because no rule fits. ``given_back``: what becomes of a price paid
    already, when the day was cancelled in time: ``free`` while nothing was, None where an agent
    decides. ``asked``: an agent decides whether it is cancelled, as the rule on cancelling says.
    """

    day: date
    settled: Settled
    rule: str | None
    cutoff: datetime | None
    proof_until: datetime | None
    cents: int | None
    surcharge: Due | None
    explanation: str
    given_back: InTime | None = None
    proofs: tuple[str, ...] = ()
    asked: bool = False


def settle(
    book: Rulebook,
    activity: Activity,
    day: date,
    now: datetime,
    facts: Facts,
    booked: Sequence[date],
    *,
    final: bool = False,
) -> Day:
    """What being absent on ``day`` comes to, told at ``now``; ``booked`` are the days that the
    child has booked within the absence, this one included. ``final``: no other proof will come."""
    absent = facts.absent or Absent(first=day, last=day, told=now)
    told = absent.told or now
    cancel = offered(book, activity, "cancel", day, told, facts)
    if cancel.allowed and cancel.outcome == "accept":
        return _cancelled(activity, day, cancel)
    place = Place(book.days, book.zone, activity.calendar)
    about = About(absent.first, absent.last, told)
    closing = proofs_close(book, activity, absent.first, facts)
    fitting = [
        (rule, proof_until(rule.proof, about, place, closing) if rule.proof else None)
        for rule in activity.absences.rules
        if _fits(rule, book, activity, day, told, facts, absent, booked, place)
    ]
    at = None if final else now
    open_rules = [one for one in fitting if not _overdue(*one, at, absent)]
    if fitting:
        kinds = [kind for rule, _ in open_rules if rule.proof for kind in rule.proof.kinds]
        rule, due_by = (open_rules or fitting)[0]
        settled = _settled(rule, due_by, book, day, at, told, facts, absent, place)
        if settled.settled == "to_prove":
            return replace(settled, proofs=tuple(dict.fromkeys(kinds)))
        return settled
    if cancel.code == "open" and cancel.outcome == "ask_agent":
        return _cancelled(activity, day, cancel, asked=True)
    over = cancel.cutoff if cancel.code in ("too-late", "late") else None
    return Day(
        day, "billed", None, cancel.cutoff, None, facts.price_cents, None,
        wording.absence_billed(over, book.zone, cancel.explanation),
    )  # fmt: skip


def _cancelled(activity: Activity, day: date, cancel: Answer, *, asked: bool = False) -> Day:
    by_agent = activity.cancellations == "by_agent"
    back = None if by_agent else activity.absences.in_time
    return Day(
        day, "cancelled", cancel.rule, cancel.cutoff, None, 0, None,
        wording.absence_in_time(cancel.explanation, back, asked=asked), back, asked=asked,
    )  # fmt: skip


def _fits(
    rule: AbsenceRule,
    book: Rulebook,
    activity: Activity,
    day: date,
    told: datetime,
    facts: Facts,
    absent: Absent,
    booked: Sequence[date],
    place: Place,
) -> bool:
    return (
        rule.holds_on(day)
        and fits(rule.for_, day, facts, book.days, activity.calendar, book.audiences)
        and (not rule.reasons or absent.reason in rule.reasons)
        and set(rule.procedures) <= facts.procedures
        and (rule.siblings or not absent.sibling)
        and (rule.at_school == "any" or not absent.at_school)
        and len(booked) >= rule.min_days
        and _in_time(rule, absent.first, told, place)
    )


def _in_time(rule: AbsenceRule, first: date, told: datetime, place: Place) -> bool:
    if rule.notice is None:
        return True
    until = limit(rule.notice, first, place)
    return until is not None and until.holds(told.astimezone(UTC))


def _settled(
    rule: AbsenceRule,
    due_by: Limit | None,
    book: Rulebook,
    day: date,
    now: datetime | None,
    told: datetime,
    facts: Facts,
    absent: Absent,
    place: Place,
) -> Day:
    until = limit(rule.notice, absent.first, place) if rule.notice else None
    cutoff = until.at if until else None
    told_on = told.astimezone(book.zone).date()
    if rule.waiting_days and day <= _last_waiting_day(rule, told_on, absent.first, place):
        return Day(
            day, "billed", rule.id, cutoff, None, facts.price_cents, None,
            wording.absence_waiting(rule.waiting_days, rule.text),
        )  # fmt: skip
    proof = rule.proof
    if proof and not proves(proof.kinds, absent.proof, absent.proof_at, due_by):
        over = _overdue(rule, due_by, now, absent)
        return Day(
            day, "billed" if over else "to_prove", rule.id, cutoff,
            due_by.at if due_by else None, facts.price_cents, None,
            wording.absence_to_prove(due_by, over=over, text=rule.text),
        )  # fmt: skip
    cents, owed = _amount(rule, facts, book)
    settled: Settled = rule.effect.kind
    return Day(
        day, settled, rule.id, cutoff, due_by.at if due_by else None, cents, owed,
        wording.absence_settled(rule.effect.kind, cents, rule.effect.percent, rule.text),
    )  # fmt: skip


def _overdue(rule: AbsenceRule, due_by: Limit | None, now: datetime | None, absent: Absent) -> bool:
    """Whether the proof that a rule asks for has not come, and can no longer (``now`` is None:
    whatever was to come has come)."""
    if rule.proof is None or proves(rule.proof.kinds, absent.proof, absent.proof_at, due_by):
        return False
    return now is None or (due_by is not None and not due_by.holds(now.astimezone(UTC)))


def _last_waiting_day(rule: AbsenceRule, told: date, first: date, place: Place) -> date:
    """The last day that is due all the same: so many counted days, the start being the first when
    it counts. What lies before a notice is due like the days after it."""
    start = first if rule.waiting_from == "first_day" else told
    number = rule.waiting_days - place.days.counter(rule.counting, place.service)(start)
    return days_after(start, number, rule.counting, place) or date.max


def _amount(rule: AbsenceRule, facts: Facts, book: Rulebook) -> tuple[int | None, Due | None]:
    effect, price = rule.effect, facts.price_cents
    if effect.kind in ("free", "credit", "refund", "carry_over"):
        return 0, None
    if effect.kind == "price":
        return effect.cents, None
    if effect.kind == "keep_percent" and effect.percent is not None:
        return None if price is None else (price * effect.percent + 50) // 100, None
    if effect.surcharge is not None:
        owed = due(effect.surcharge, facts, None, book.audiences, rule.id)
        return owed.total_cents, owed
    return price, None


def answer(settled: Day) -> Answer:
    """The same as an answer of the rule engine: an absence may always be reported."""
    proving = settled.settled == "to_prove"
    return Answer(
        True,
        "free_with_proof" if proving else "accept",
        settled.cutoff,
        None,
        settled.rule,
        settled.settled,
        settled.explanation,
        settled.surcharge,
        to_prove=ToProve(settled.proofs, settled.proof_until, "billed", None) if proving else None,
    )
