"""``preau rules``: a town tries its rules before publishing them. No database is needed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date, datetime, time
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
import typer
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from services.booking.domain.rules import absences
from services.booking.domain.rules.answers import Answer, Rulebook, offered
from services.booking.domain.rules.facts import Absent, Facts, why_not_for
from shared.contracts.family import ParticipantKind
from shared.contracts.town_file import (
    ACTIONS,
    AbsenceReason,
    Action,
    Activity,
    Counter,
    School,
    Unit,
)
from shared.days import Days, days_between
from shared.holidays import FrenchHolidays
from shared.town_files import BadTownFile, read_town_file
from shared.traits import Known, age_on

app = typer.Typer(no_args_is_help=True)
_rules = typer.Typer(no_args_is_help=True, help="Try a town's rules.")
app.add_typer(_rules, name="rules")

_Town = Annotated[Path, typer.Option("--town", exists=True, dir_okay=False, help="A town file")]
_ActivityId = Annotated[str, typer.Option("--activity", help="The activity's id")]
_ActionName = Annotated[str, typer.Option("--action", help=" | ".join(ACTIONS))]
_Now = Annotated[
    str | None, typer.Option("--now", help="On the town's clock: 2026-09-14T10:00; else now")
]
_FactsFile = Annotated[
    Path | None,
    typer.Option("--facts", exists=True, dir_okay=False, help="What is known, as JSON"),
]


class AbsenceIn(BaseModel):
    """An absence; ``booked`` are the days of it that the child had booked (all when left out).
    Instants without a zone are on the town's clock."""

    model_config = ConfigDict(extra="forbid")

    first: date
    last: date | None = None
    reason: str | None = None
    told: datetime | None = None
    proof: str | None = None
    proof_at: datetime | None = None
    at_school: bool = False
    sibling: bool = False
    booked: list[date] | None = None


class FactsIn(BaseModel):
    """What is known of who takes part and of the family; every field may be left out."""

    model_config = ConfigDict(extra="forbid")

    units: list[str] = []
    participant: ParticipantKind | None = None
    school: str | None = None
    level: str | None = None
    age: int | None = None
    birth_date: date | None = None
    family: dict[str, bool | int | str] = {}
    counts: dict[str, int] = {}
    procedures: list[str] = []
    price_cents: int | None = None
    starts: time | None = None
    absence: AbsenceIn | None = None

    def facts(self, day: date, zone: ZoneInfo) -> Facts:
        """As the rules take them, for one day."""
        traits: dict[str, Known] = dict(self.family)
        age = age_on(self.birth_date, day) if self.birth_date else self.age
        known = {
            "participant": self.participant, "school": self.school, "level": self.level,
            "age": age,
        }  # fmt: skip
        traits |= {name: value for name, value in known.items() if value is not None}
        return Facts(
            units=tuple(self.units),
            traits=traits,
            counts=self.counts,
            procedures=frozenset(self.procedures),
            price_cents=self.price_cents,
            starts=self.starts,
            absent=_absent(self.absence, zone) if self.absence else None,
        )


@_rules.command()
def check(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A town file")],
) -> None:
    """Check a town file: every error with its line."""
    typer.echo(f"{file}: the rules of {_rulebook(file).file.name} are valid")


@_rules.command()
def explain(
    town: _Town,
    activity: _ActivityId,
    action: _ActionName,
    day: Annotated[str, typer.Option("--date", help="The day concerned: 2026-09-17")],
    now: _Now = None,
    facts: _FactsFile = None,
) -> None:
    """May this be done for that day, until when, by which rule, and what does it cost?"""
    book = _rulebook(town)
    found = _activity(book, activity)
    known = _facts(facts, book, found)
    answer = explained(book, found, _action(action), _date(day), _instant(now, book.zone), known)
    typer.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))


@_rules.command("try")
def try_period(
    town: _Town,
    activity: _ActivityId,
    action: _ActionName,
    first: Annotated[str, typer.Option("--from", help="The first day")],
    last: Annotated[str, typer.Option("--to", help="The last day")],
    now: _Now = None,
    facts: _FactsFile = None,
) -> None:
    """The same for every day of a period: one JSON object a line."""
    book = _rulebook(town)
    found = _activity(book, activity)
    known = _facts(facts, book, found)
    at, what = _instant(now, book.zone), _action(action)
    for day in days_between(_date(first), _date(last)):
        answer = explained(book, found, what, day, at, known)
        typer.echo(orjson.dumps({"date": day, **answer}))


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


# -- what was given --------------------------------------------------------------------------


def _rulebook(file: Path) -> Rulebook:
    try:
        read = read_town_file(file.read_bytes())
    except BadTownFile as bad:
        sys.exit("\n".join(f"{file}: {error}" for error in bad.errors))
    return Rulebook.of(read, Days(read, FrenchHolidays()))


def _activity(book: Rulebook, name: str) -> Activity:
    found = book.file.activity(name)
    if found is None:
        known = ", ".join(activity.id for activity in book.file.activities)
        raise typer.BadParameter(f"no activity {name!r} in this file (it has {known})")
    return found


def _action(name: str) -> Action:
    if name not in ACTIONS:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(ACTIONS)}")
    return name


def _facts(file: Path | None, book: Rulebook, activity: Activity) -> FactsIn:
    if file is None:
        return FactsIn()
    try:
        known = TypeAdapter(FactsIn).validate_json(file.read_bytes())
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
    else:
        faults = [
            f"{where}: {name!r} is not in the town file"
            for where, names, declared in _named(known, book, activity)
            for name in names
            if name not in {one.id for one in declared}
        ]
    if faults:
        sys.exit("\n".join(f"{file}: {fault}" for fault in faults))
    return known


def _named(
    known: FactsIn, book: Rulebook, activity: Activity
) -> list[tuple[str, Iterable[str], Iterable[Unit | Counter | School | AbsenceReason]]]:
    """What the facts name, by field, and where it has to be declared: a name misspelt would
    change the answer and not be seen."""
    reason = known.absence.reason if known.absence else None
    return [
        ("units", known.units, activity.units),
        ("counts", known.counts, book.file.counters),
        ("school", filter(None, [known.school]), book.file.schools),
        ("absence.reason", filter(None, [reason]), activity.absences.reasons),
    ]


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a date (2026-09-17)") from error


def _instant(text: str | None, zone: ZoneInfo) -> datetime:
    if text is None:
        return datetime.now(zone)
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not an instant (2026-09-14T10:00)") from error
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _absent(given: AbsenceIn, zone: ZoneInfo) -> Absent:
    def aware(instant: datetime | None) -> datetime | None:
        return instant.replace(tzinfo=zone) if instant and not instant.tzinfo else instant

    return Absent(
        first=given.first,
        last=given.last,
        reason=given.reason,
        told=aware(given.told),
        proof=given.proof,
        proof_at=aware(given.proof_at),
        at_school=given.at_school,
        sibling=given.sibling,
    )
