"""The import of a town's spreadsheet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from services.family.domain.duplicates import Alike, Duplicates
from services.family.domain.household import Family
from services.family.domain.imported import imported, unheeded
from services.family.domain.members import Problem
from services.family.domain.spreadsheet import Sheet, read
from services.family.state import State
from services.family.store.families import family_in
from shared.auth import AgentScope
from shared.errors import Refused, not_found
from shared.store import Document
from shared.web.routes import Command

_AT_ONCE = 16
#: How long a repeated command finds its answer; the file's own names do not stay longer.
_KNOWN_FOR = timedelta(hours=72)
_READ = 500
#: Without a sign for so long, the process that did it is gone: a file is read within a minute.
_STILL_GOES_ON = timedelta(minutes=2)
#: Hears how many of how many families are done.
Said = Callable[[int, int], Awaitable[None]]


@dataclass(frozen=True)
class ImportReport:
    """What an import did, or would do (``stored`` False).

    Counts are of families; ``unchanged`` ones are as the file says already. With any problem
    nothing is stored and the counts are of what the file would do without its faulty families.
    ``duplicates``: new records that look like others, at most ``MOST_DUPLICATES``; they are for an
    agent to look at, and stop nothing. ``notices``: where the file was not followed.
    """

    problems: tuple[Problem, ...]
    created: int
    changed: int
    unchanged: int
    stored: bool
    duplicates: tuple[Alike, ...] = ()
    notices: tuple[Problem, ...] = ()


_REPORT = TypeAdapter(ImportReport)


async def _unheard(done: int, families: int) -> None:
    """Where nobody asks how far it is."""


async def import_families(
    state: State, town: str, content: bytes, *, dry_run: bool = False, said: Said = _unheard
) -> ImportReport:
    """Create and update a town's families from its spreadsheet (``domain.spreadsheet``).

    All or nothing: a file with a problem changes nothing. The same file twice changes nothing the
    second time; families the file does not name are left alone. Interrupted, it is run again.
    ``said`` hears how many of how many families are as the file says, as it goes on.
    Raises ``Refused`` (404) for a town never heard of.
    """
    file = (await state.towns.get(town)).file
    today = state.clock.town().astimezone(ZoneInfo(file.time_zone)).date()
    schools = frozenset(school.id for school in file.schools)
    sheet = await asyncio.to_thread(read, content, town=town, schools=schools, today=today)
    problems = (*sheet.problems, *await _of_merged(state, sheet))
    write = not dry_run and not problems
    created, changed = 0, 0
    notices: list[Problem] = []
    alike = Duplicates(sheet.lines)
    done, total = 0, len(sheet.families)
    for some in _in_parts(sheet.families, _READ):
        held = await state.families.of_ids([family.id for family in some])
        new = [family for family in some if family.id not in held]
        other = [f for f in some if f.id in held and _changes(held[f.id], f)]
        created, changed = created + len(new), changed + len(other)
        for family in some:
            if family.id in held:
                notices += _notices(sheet, family_in(held[family.id]), family)
        alike.look(new, await state.families.with_keys(town, alike.keys_of(new)))
        if write:
            done += len(some) - len(new) - len(other)
            for few in _in_parts([*new, *other], _AT_ONCE):
                await said(done, total)
                await asyncio.gather(*(_store(state, one, held.get(one.id)) for one in few))
                done += len(few)
    unchanged = len(sheet.families) - created - changed
    return ImportReport(
        problems, created, changed, unchanged, stored=write, duplicates=tuple(alike.found),
        notices=tuple(notices),
    )  # fmt: skip


async def import_once(
    state: State, scope: AgentScope, content: bytes, command: Command, *, dry_run: bool
) -> ImportReport:
    """An agent's import: the same command again gives the same answer, and does nothing more."""
    now = state.clock.machine()
    known = await state.imports.keep({
        "_id": command.id, "town": scope.town, "agent": scope.account, "at": now,
        "forgotten_at": now + _KNOWN_FOR, "body_hash": command.body_hash, "dry_run": dry_run,
        "families": None, "done": 0, "moved_at": now, "report": None,
    })  # fmt: skip
    if known["body_hash"] != command.body_hash:
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à un autre fichier.", status=422
        )
    if known["report"] is None:

        async def said(done: int, families: int) -> None:
            await state.imports.advance(command.id, done, families, state.clock.machine())

        report = await import_families(state, scope.town, content, dry_run=dry_run, said=said)
        told = _REPORT.dump_python(report, mode="json")
        known = await state.imports.finish(command.id, told, state.clock.machine())
    return _REPORT.validate_python(known["report"])


@dataclass(frozen=True)
class ImportProgress:
    """How far an import has come: ``done`` of ``families`` are as its file says; ``families`` is
    None before the file is read. ``interrupted``: nobody goes on with it; the same file, sent
    again, does what is left. ``report`` once it is through."""

    id: str
    at: datetime
    families: int | None
    done: int
    interrupted: bool
    report: ImportReport | None


async def latest_imports(state: State, scope: AgentScope) -> list[ImportProgress]:
    """What was imported in the town these last days, newest first."""
    return [_progress(state, one) for one in await state.imports.latest(scope)]


async def one_import(state: State, scope: AgentScope, command: str) -> ImportProgress:
    """An import of the town. Raises ``Refused`` (404)."""
    found = await state.imports.within(scope, command)
    if found is None:
        raise not_found("cet import")
    return _progress(state, found)


def _progress(state: State, found: Document) -> ImportProgress:
    report = found["report"] and _REPORT.validate_python(found["report"])
    still = state.clock.machine() - found["moved_at"] < _STILL_GOES_ON
    return ImportProgress(
        found["_id"], found["at"], found["families"], found["done"],
        interrupted=report is None and not still, report=report,
    )  # fmt: skip


async def _of_merged(state: State, sheet: Sheet) -> list[Problem]:
    """Records that have become part of another: the file would take them out of it again."""
    found = []
    for some in _in_parts(sheet.families, _READ):
        merged = await state.families.merged([family.id for family in some])
        found += [
            Problem(
                sheet.lines[reference], "dossier",
                f"Le dossier {reference} a été regroupé avec le dossier {into} : retirez-le du"
                " fichier, ou annulez le regroupement.",
            )
            for reference, into in merged
        ]  # fmt: skip
    return sorted(found, key=lambda problem: problem.line)


_RIGHTS_OF = {
    "holder": ("droits titulaire", "du titulaire"),
    "co_holder": ("droits co-titulaire", "du co-titulaire"),
}


def _notices(sheet: Sheet, held: Family, file: Family) -> list[Problem]:
    """What the file says of rights against what was decided about a guardian."""
    return [
        Problem(
            sheet.lines[file.reference], column,
            f"Dossier {file.reference} : les droits {whose} viennent d'une décision enregistrée au"
            " guichet ; ceux du fichier ne les changent pas.",
        )
        for guardian in unheeded(imported(held, file), file)
        for column, whose in [_RIGHTS_OF[guardian.role]]
    ]  # fmt: skip


async def _store(state: State, family: Family, before: Document | None) -> None:
    """Make the record say what the file says, whoever else writes meanwhile."""
    for _ in range(5):
        if before is None:
            done = await state.families.insert(family)
        elif _changes(before, family):
            done = await state.families.save(before, imported(family_in(before), family))
        else:
            done = True
        if done:
            return
        before = (await state.families.of_ids([family.id])).get(family.id)
    raise Refused("record-busy", "Ce dossier est en cours de modification. Recommencez.")


def _changes(before: Document, family: Family) -> bool:
    held = family_in(before)
    return imported(held, family) != held


def _in_parts(families: Sequence[Family], size: int) -> list[Sequence[Family]]:
    return [families[start : start + size] for start in range(0, len(families), size)]
