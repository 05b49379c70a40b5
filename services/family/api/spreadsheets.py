"""Routes of spreadsheets: families brought in and taken away by a town's administrator."""

from __future__ import annotations

from services.family.commands.importing import import_once, latest_imports, one_import
from services.family.domain.sheets import MAX_BYTES
from services.family.domain.writing import MEDIA_TYPES
from services.family.queries import spreadsheets as queries
from services.family.schemas.spreadsheets import (
    ExportQuery,
    ImportOut,
    ImportProgressOut,
    ImportQuery,
    ImportsOut,
    ImportSummary,
)
from services.family.state import State
from shared.auth import agents
from shared.web.routes import Call, File, Files, NoBody, NoQuery, Route

_ADMINISTRATORS = agents("administrator")


async def import_(state: State, call: Call[NoBody, ImportQuery]) -> ImportOut:
    """The families of a file; nothing is kept of it but them."""
    return ImportOut.of(
        await import_once(
            state, call.agent_scope, call.known_file.content, call.known_command,
            dry_run=call.query.dry_run,
        )
    )  # fmt: skip


async def list_imports(state: State, call: Call[NoBody, NoQuery]) -> ImportsOut:
    found = await latest_imports(state, call.agent_scope)
    return ImportsOut(items=tuple(ImportSummary.of(one) for one in found))


async def see_import(state: State, call: Call[NoBody, NoQuery]) -> ImportProgressOut:
    return ImportProgressOut.of(await one_import(state, call.agent_scope, call.path["import"]))


async def export_families(state: State, call: Call[NoBody, ExportQuery]) -> File:
    """The town's families; the audit keeps who took them away."""
    form = call.query.form
    content = await queries.export(state, call.agent_scope, form)
    return File(f"familles-{call.town}.{form}", content, MEDIA_TYPES[form])


ROUTES = [
    Route(
        "POST", "/imports", import_,
        "Families from a spreadsheet (CSV or XLSX), all or nothing; or what it would do",
        access=_ADMINISTRATORS, answer=ImportOut, query=ImportQuery, idempotent=True,
        takes=tuple(MEDIA_TYPES.values()), max_body=MAX_BYTES,
        refusals=("idempotency-key-reused", "idempotency-key-missing", "record-busy"),
    ),
    Route(
        "GET", "/imports", list_imports, "The last imports, and how far each has come",
        access=_ADMINISTRATORS, answer=ImportsOut,
    ),
    Route(
        "GET", "/imports/{import}", see_import, "How far an import has come, and its report",
        access=_ADMINISTRATORS, answer=ImportProgressOut,
    ),
    Route(
        "GET", "/families-export", export_families,
        "Every family, as a spreadsheet (no cell is run as a formula)",
        access=_ADMINISTRATORS, answer=Files(*MEDIA_TYPES.values()), query=ExportQuery,
    ),
]  # fmt: skip
