"""Families brought in from the town's spreadsheet: tried first, with all that is wrong in it, then
done; and taken away as one."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.portal.gateway import LONG_PATIENCE, Problem
from services.portal.pages.desk.common import desk_page, show
from services.portal.web import Visit

_SHOWN = 100


async def _imports(visit: Visit, report: dict[str, Any] | None = None) -> web.Response:
    return show(visit, "imports", report=report, most=_SHOWN)


async def _import(visit: Visit) -> web.Response:
    """What the file would do, or what it did; all of it or nothing."""
    sent = next((one for one in visit.form.files if one.field == "sheet"), None)
    if sent is None:
        detail = "Choisissez le fichier des familles."
        raise Problem(422, {"code": "file-missing", "field": "/sheet", "detail": detail})
    trial = visit.form.get("_act") != "import"
    report = await visit.portal.gateway.send_file(
        visit.caller, sent.name, sent.media_type, sent.content, once=visit.once,
        to="family/imports", patience=LONG_PATIENCE, dry_run="true" if trial else "false",
    )  # fmt: skip
    return await _imports(visit, report)


async def _export(visit: Visit) -> web.Response:
    return visit.hand(await visit.file("family/families-export", form="xlsx"))


PAGES = (
    desk_page("/familles/import", _imports, _import),
    desk_page("/familles/export", _export),
)
