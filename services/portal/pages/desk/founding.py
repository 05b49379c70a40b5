"""A family's record made at the desk, for somebody who comes with no account and no e-mail: the
adults, the children; those that may be the same family's are shown before it is made."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.portal.pages.desk.common import desk_page, done, show
from services.portal.web import Visit

_CHILDREN, _MOST_CHILDREN = 2, 12


async def _form(visit: Visit) -> web.Response:
    """As it was filled; the records that look like it, where there are any."""
    asked = max(_CHILDREN, len(_children(visit)))
    rows = asked + 1 if visit.form.get("_act") == "more" else asked
    alike = visit.problem.body.get("candidates", ()) if visit.problem else ()
    schools = visit.town.schools
    return show(
        visit, "family-new", children=range(min(rows, _MOST_CHILDREN)), alike=alike,
        schools=[("", "–"), *((one["id"], one["name"]) for one in schools)],
    )  # fmt: skip


async def _make(visit: Visit) -> web.Response:
    if visit.form.get("_act") == "more":
        return await _form(visit)
    filled = visit.form.body()
    dossier: dict[str, Any] = {
        "guardian": filled.get("guardian", {}), "children": _children(visit),
    }  # fmt: skip
    if second := filled.get("second_guardian"):
        dossier["second_guardian"] = second
    body: dict[str, Any] = {"dossier": dossier, "apart_from": visit.form.all("apart_from")}
    if reference := filled.get("reference"):
        body["reference"] = reference
    made = await visit.send("POST", "family/families", body)
    return done(visit, f"/agents/familles/{made['family']}", ["founded"])


def _children(visit: Visit) -> list[dict[str, Any]]:
    """The children that something is written of, in the order of the form."""
    numbered: dict[str, dict[str, Any]] = visit.form.body().get("children", {})
    return [
        numbered[number] for number in sorted(numbered, key=lambda one: (len(one), one))
        if numbered[number]
    ]  # fmt: skip


PAGES = (desk_page("/familles/nouvelle", _form, _make),)
