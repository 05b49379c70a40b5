"""Routes of spreadsheets: families brought in and taken away by a town's administrator."""

from __future__ import annotations

from services.family.commands.importing import import_once
from services.family.domain.sheets import MAX_BYTES
from services.family.domain.writing import MEDIA_TYPES
from services.family.queries import spreadsheets as queries
from services.family.schemas.spreadsheets import ExportQuery, ImportOut, ImportQuery
from services.family.state import State
from shared.auth import agents
from shared.web.routes import Call, File, Files, NoBody, Route

_ADMINISTRATORS = agents("administrator")


async def import_(state: State, call: Call[NoBody, ImportQuery]) -> ImportOut:
    """The families of a file; nothing is kept of it but them."""
    return ImportOut.of(
        await import_once(
            state, call.agent_scope, call.known_file.content, call.known_command,
            dry_run=call.query.dry_run,
        )
    )  # fmt: skip


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
        "GET", "/families-export", export_families,
        "Every family, as a spreadsheet (no cell is run as a formula)",
        access=_ADMINISTRATORS, answer=Files(*MEDIA_TYPES.values()), query=ExportQuery,
    ),
]  # fmt: skip
