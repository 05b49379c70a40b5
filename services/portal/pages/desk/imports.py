"""Families brought in from the town's spreadsheet: tried first, with all that is wrong in it, then
done, with a page that says how far it is; and taken away as one."""

from __future__ import annotations

from typing import Any

from aiohttp import ClientTimeout, web

from services.portal.gateway import LONG_PATIENCE, Problem
from services.portal.pages.desk.common import desk_page, show
from services.portal.web import Visit, quoted

_SHOWN = 100
#: An import that takes longer goes on while its page says how far it is.
_PATIENCE = ClientTimeout(total=8, connect=3)


async def _imports(visit: Visit, report: dict[str, Any] | None = None) -> web.Response:
    found = (await visit.get("family/imports"))["items"]
    return show(visit, "imports", report=report, most=_SHOWN, found=found)


async def _import(visit: Visit) -> web.Response:
    """What the file would do, or what it did; all of it or nothing."""
    sent = next((one for one in visit.form.files if one.field == "sheet"), None)
    if sent is None:
        detail = "Choisissez le fichier des familles."
        raise Problem(422, {"code": "file-missing", "field": "/sheet", "detail": detail})
    trial = visit.form.get("_act") != "import"
    try:
        report = await visit.portal.gateway.send_file(
            visit.caller, sent.name, sent.media_type, sent.content, once=visit.once,
            to="family/imports", patience=LONG_PATIENCE if trial else _PATIENCE,
            dry_run="true" if trial else "false",
        )  # fmt: skip
    except Problem as problem:
        going_on = None if trial or problem.code != "service-unavailable" else await _newest(visit)
        if going_on is None:
            raise
        return visit.go(f"/agents/familles/import/{going_on}")
    return await _imports(visit, report)


async def _newest(visit: Visit) -> str | None:
    """The import that was just asked for, where it goes on."""
    found = (await visit.get("family/imports"))["items"]
    return next((str(one["id"]) for one in found[:1] if one["state"] != "interrupted"), None)


async def _progress(visit: Visit) -> web.Response:
    """How far an import is; what it did, once it is through."""
    wanted = quoted(visit.request.match_info["import"])
    found = await visit.get(f"family/imports/{wanted}")
    return show(visit, "import", one=found, report=found["report"], most=_SHOWN)


async def _export(visit: Visit) -> web.Response:
    return visit.hand(await visit.file("family/families-export", form="xlsx"))


PAGES = (
    desk_page("/familles/import", _imports, _import),
    desk_page("/familles/import/{import}", _progress),
    desk_page("/familles/export", _export),
)
