"""What is decided about a guardian (rights over each child, protection), and children's health
sheets, for whom the law lets read them: each reading is in the audit, and shown to the family."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.pages.desk.common import READERS, desk_page, done, has, show
from services.portal.pages.household import value_words
from services.portal.web import Visit, quoted

#: What a guardian may do about a child.
RIGHTS = ("see", "decide", "pay")


async def _measures(visit: Visit) -> web.Response:
    family, guardian = await _found(visit)
    dossier = await visit.get(f"family/families/{quoted(family['family'])}/dossier")
    held = {one["child"]: one for one in guardian["rights"]}
    past = [one for one in dossier["measures"] if one["guardian"] == guardian["id"]]
    return show(visit, "guardian-measures", family=family, guardian=guardian, held=held, past=past)


async def _found(visit: Visit) -> tuple[dict[str, Any], dict[str, Any]]:
    wanted = visit.request.match_info["guardian"]
    family = await visit.get(f"family/families/{quoted(visit.request.match_info['family'])}")
    for one in family["guardians"]:
        if one["id"] == wanted:
            return family, one
    raise Problem(404, {"code": "not-found", "detail": "Ce responsable n'est pas de ce dossier."})


async def _decide(visit: Visit) -> web.Response:
    """The rights as they are ticked, over every child of the record."""
    family, guardian = await _found(visit)
    ticked = set(visit.form.all("rights"))
    rights = [
        {"child": one["id"], **{right: f"{one['id']}:{right}" in ticked for right in RIGHTS}}
        for one in family["children"]
    ]
    body = {
        "rights": [one for one in rights if any(one[right] for right in RIGHTS)],
        "protected": bool(visit.form.get("protected")),
        "limited": bool(visit.form.get("limited")), "reason": visit.form.get("reason"),
    }  # fmt: skip
    path = f"family/families/{quoted(family['family'])}/guardians/{quoted(guardian['id'])}/measures"
    await visit.send("PUT", path, body)
    return done(visit, f"/agents/familles/{family['family']}", ["measured"])


async def _health(visit: Visit) -> web.Response:
    """Who reads dossiers comes from one; a centre's director, from the list of the own sites."""
    wanted, child = (quoted(visit.request.match_info[one]) for one in ("family", "child"))
    sheet = await visit.get(f"family/families/{wanted}/children/{child}/health-sheet")
    family = await visit.get(f"family/families/{wanted}") if has(visit, READERS) else None
    return show(
        visit, "health-sheet", family=family, sheet=sheet, fields=sheet["sheet"]["fields"],
        value=value_words,
    )  # fmt: skip


async def _children(visit: Visit) -> web.Response:
    found = await visit.get("family/attending-children")
    return show(visit, "children", items=found["items"])


PAGES = (
    desk_page("/familles/{family}/responsables/{guardian}", _measures, _decide),
    desk_page("/familles/{family}/enfants/{child}/sante", _health),
    desk_page("/enfants", _children),
)
