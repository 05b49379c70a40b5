"""``preau rules``: a town tries its rules before publishing them. No database is needed."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import orjson
import typer
from pydantic import TypeAdapter, ValidationError

from services.booking.domain.rules.answers import Rulebook
from services.booking.trial_schemas import FactsIn, aware
from services.booking.trying import explained, unknown_names
from shared.contracts.town_file import ACTIONS, Action, Activity
from shared.days import Days, days_between
from shared.faults import sentence
from shared.holidays import FrenchHolidays
from shared.town_files import BadTownFile, read_town_file

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
        faults = [f"{'.'.join(map(str, one['loc']))}: {sentence(one)}" for one in error.errors()]
    else:
        faults = [
            f"{where}: {name!r} is not in the town file"
            for where, name in unknown_names(known, book, activity)
        ]
    if faults:
        sys.exit("\n".join(f"{file}: {fault}" for fault in faults))
    return known


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
    return aware(found, zone)
