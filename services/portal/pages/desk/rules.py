"""The town's file, its rules as data: read, checked with the line of each error, saved anew as a
version that nobody else has written over meanwhile."""

from __future__ import annotations

import yaml
from aiohttp import web

from services.portal.gateway import FieldProblem, Problem
from services.portal.pages.desk.common import desk_page, done, show
from services.portal.web import Visit
from shared.contracts.town_file import TownFile
from shared.town_files import BadTownFile, read_town_file

_ERRORS_SHOWN = 30


async def _rules(visit: Visit) -> web.Response:
    """The file in force, or what was typed; and the versions before it."""
    gateway = visit.portal.gateway
    saved, version = await gateway.versioned(visit.caller, "identity/town-file")
    versions = await visit.get("identity/town-file/versions", limit=10)
    text = visit.form.get("file") or _text(saved["file"])
    return show(
        visit, "rules", text=text, saved=saved, versions=versions["items"],
        version=visit.form.get("_version") or version,
        checked=bool(visit.form.get("_only")) and visit.problem is None,
    )  # fmt: skip


def _text(file: dict[str, object]) -> str:
    """The file as it is written by hand, without what is usual."""
    written = TownFile.model_validate(file).model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump(written, allow_unicode=True, sort_keys=False, width=96)


async def _save(visit: Visit) -> web.Response:
    """Check what was typed; save it where that was asked for."""
    try:
        file = read_town_file(visit.form.get("file").encode())
    except BadTownFile as bad:
        problem = Problem(422, {"code": "town-file-wrong", "detail": "Le règlement a des erreurs."})
        problem.errors = tuple(
            FieldProblem("/file", str(error)) for error in bad.errors[:_ERRORS_SHOWN]
        )
        raise problem from bad
    if visit.form.get("_only"):
        return await _rules(visit)
    await visit.send(
        "PUT", "identity/town-file", file.model_dump(mode="json"),
        version=visit.form.get("_version"),
    )  # fmt: skip
    return done(visit, "/agents/reglement", ["rules-saved"])


PAGES = (desk_page("/reglement", _rules, _save),)
