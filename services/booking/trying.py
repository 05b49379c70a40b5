"""What a town's rules answer to one question: for ``preau rules`` and for an agent who tries a
file that is not published. Nothing is stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from services.booking.domain.rules import absences
from services.booking.domain.rules.answers import Rulebook, offered
from services.booking.domain.rules.facts import Facts, why_not_for
from services.booking.domain.rules.readings import Answer
from services.booking.trial_schemas import AbsenceIn, FactsIn, RuleTrialIn, RuleTrialOut, aware
from shared.contracts.town_file import AbsenceReason, Action, Activity, Counter, School, Unit
from shared.days import Days, days_between
from shared.errors import Refused
from shared.holidays import FrenchHolidays
from shared.town_files import read_sent_file


def tried(asked: RuleTrialIn, now: datetime) -> RuleTrialOut:
    """The answer of a file that was sent. Raises ``Refused``: ``town-file-wrong``, and
    ``invalid-input`` where the question names what the file does not have."""
    file = read_sent_file(asked.file)
    book = Rulebook.of(file, Days(file, FrenchHolidays()))
    activity = file.activity(asked.activity)
    if activity is None:
        raise _unknown("/activity", asked.activity)
    for where, name in unknown_names(asked.facts, book, activity):
        raise _unknown(f"/facts/{where.replace('.', '/')}", name)
    at = aware(asked.now or now, book.zone)
    answer = explained(book, activity, asked.action, asked.date, at, asked.facts)
    return RuleTrialOut.model_validate(answer)


def _unknown(field: str, name: str) -> Refused:
    sentence = f"{field} : « {name} » n'est pas dans le fichier de la commune."
    return Refused("invalid-input", sentence, status=422, field=field)


def explained(
    book: Rulebook, activity: Activity, action: Action, day: date, now: datetime, known: FactsIn
) -> dict[str, Any]:
    """What ``preau rules explain`` prints, with its instants aware and in the town's zone."""
    facts = known.facts(day, book.zone)
    why_not = why_not_for(activity.eligible, facts.traits, book.audiences) if facts.traits else None
    if why_not is not None:
        answer = Answer(False, "refuse", None, None, None, why_not.code, why_not.text)
        return _out(book, activity, action, answer)
    answer = offered(book, activity, action, day, now, facts)
    if action == "absence" and answer.allowed:
        return _absence(book, activity, day, now, known, facts)
    return _out(book, activity, action, answer)


def _absence(
    book: Rulebook, activity: Activity, day: date, now: datetime, known: FactsIn, facts: Facts
) -> dict[str, Any]:
    """The answer for the day, and what every day of the absence comes to."""
    given = known.absence or AbsenceIn(first=day, last=day)
    booked = given.booked or [
        one
        for one in days_between(given.first, given.last or day)
        if book.days.closed(activity.calendar, one, facts.school) is None
    ]
    settled = {
        one: absences.settle(book, activity, one, now, facts, booked)
        for one in sorted({*booked, day})
    }
    answer = _out(book, activity, "absence", absences.answer(settled[day]))
    days = [
        {"date": one, "settled": settled[one].settled, "due_cents": settled[one].cents}
        for one in booked
    ]
    return answer | {
        "outcome": settled[day].settled,
        "proof_until": settled[day].proof_until,
        "given_back": settled[day].given_back,
        "days": days,
    }


def _out(book: Rulebook, activity: Activity, action: Action, answer: Answer) -> dict[str, Any]:
    sources = {rule.id: rule.source for rule in activity.deadlines.of(action)}
    sources |= {rule.id: rule.source for rule in activity.absences.rules}
    return {
        "allowed": answer.allowed,
        "outcome": answer.outcome,
        "decision": activity.decision,
        "code": answer.code,
        "cutoff": answer.cutoff,
        "opens": answer.opens,
        "rule": answer.rule,
        "source": sources.get(answer.rule or ""),
        "explanation": answer.explanation,
        "surcharge": asdict(answer.surcharge) if answer.surcharge else None,
        "to_prove": asdict(answer.to_prove) if answer.to_prove else None,
        "warning": answer.warning,
        "zone": book.zone.key,
    }


def unknown_names(known: FactsIn, book: Rulebook, activity: Activity) -> list[tuple[str, str]]:
    """What the facts name and the file does not have, by field: a name misspelt would change the
    answer and not be seen."""
    reason = known.absence.reason if known.absence else None
    named: list[tuple[str, Iterable[str], Iterable[Unit | Counter | School | AbsenceReason]]] = [
        ("units", known.units, activity.units),
        ("counts", known.counts, book.file.counters),
        ("school", filter(None, [known.school]), book.file.schools),
        ("absence.reason", filter(None, [reason]), activity.absences.reasons),
    ]
    return [
        (where, name)
        for where, names, declared in named
        for name in names
        if name not in {one.id for one in declared}
    ]
