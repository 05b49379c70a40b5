"""What families ask to change in their dossiers, old and new side by side; new families that
built theirs on line."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from services.portal.pages.desk.common import (
    ROWS,
    desk_page,
    done,
    refusing,
    show,
    ticked,
)
from services.portal.pages.household import name_of, value_words
from services.portal.web import Visit, quoted

#: Whole dossiers are asked for, to show what each change changes.
_FAMILIES = 10


async def _changes(visit: Visit) -> web.Response:
    found = await visit.get("family/changes", limit=_FAMILIES, after=visit.query.get("apres"))
    dossiers = await asyncio.gather(
        *(visit.get(f"family/families/{quoted(one['family'])}/dossier") for one in found["items"])
    )
    groups = [
        (item, [_row(dossier, change) for change in item["changes"]])
        for item, dossier in zip(found["items"], dossiers, strict=True)
    ]
    return show(visit, "changes", groups=groups, next=found["next"])


def _row(dossier: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """A change beside what counts today."""
    member = next((m for m in dossier["members"] if m["member"] == change["member"]), None)
    fields = {one["name"]: one for one in member["fields"]} if member else {}
    field = fields.get(change["field"] or "")
    return {
        **change,
        "who": (name_of(member) if member else "") or "Le foyer",
        "sealed": bool(field and field["sealed"]),
        "before": value_words(field) if field and not field["sealed"] else "–",
        "after": value_words(field or {"kind": "", "choices": ()}, change["value"]),
    }


async def _decide(visit: Visit) -> web.Response:
    decision = {"reason": refusing(visit), "outcome": visit.form.get("outcome")}
    decisions = [{"change": one, **decision} for one in ticked(visit, "change")]
    found = await visit.send("POST", "family/change-decisions", {"decisions": decisions})
    return done(visit, "/agents/dossiers", (one["state"] for one in found["decided"]))


async def _registrations(visit: Visit) -> web.Response:
    found = await visit.get("family/registrations", limit=ROWS, after=visit.query.get("apres"))
    return show(visit, "registrations", items=found["items"], next=found["next"])


async def _registration(visit: Visit) -> web.Response:
    wanted = quoted(visit.request.match_info["registration"])
    found = await visit.get(f"family/registrations/{wanted}")
    return show(visit, "registration", found=found)


async def _answer(visit: Visit) -> web.Response:
    """Accepting makes a family, and links the account that built it."""
    wanted = quoted(visit.request.match_info["registration"])
    outcome = visit.form.get("outcome")
    body = {"outcome": outcome, "reason": refusing(visit)}
    await visit.send("PUT", f"family/registrations/{wanted}/decision", body)
    return done(visit, "/agents/dossiers/nouveaux", [outcome])


PAGES = (
    desk_page("/dossiers", _changes, _decide),
    desk_page("/dossiers/nouveaux", _registrations),
    desk_page("/dossiers/nouveaux/{registration}", _registration, _answer),
)
