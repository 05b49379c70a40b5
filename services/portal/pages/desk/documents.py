"""Supporting documents to check: each version with its files, accepted until a day or refused."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from services.portal.pages.desk.common import (
    ROWS,
    desk_page,
    done,
    names_of,
    refusing,
    show,
    ticked,
)
from services.portal.web import Visit, quoted


async def _documents(visit: Visit) -> web.Response:
    found = await visit.get(
        "family/waiting-documents", limit=ROWS, after=visit.query.get("apres"),
        type=visit.query.get("type") or None,
    )  # fmt: skip
    names = await names_of(visit, (one["family"] for one in found["items"]))
    rows = [(one, _newest(one)) for one in found["items"]]
    return show(visit, "documents", rows=rows, next=found["next"], names=names)


def _newest(document: dict[str, Any]) -> dict[str, Any]:
    """The version that waits: an answer names it, so that none is given to another."""
    newest: dict[str, Any] = document["versions"][-1]
    return next((one for one in document["versions"] if one["state"] == "pending"), newest)


async def _decide(visit: Visit) -> web.Response:
    reason = refusing(visit)
    accept = visit.form.get("outcome") == "accepted"
    until = {"valid_until": day} if (day := visit.form.get("valid_until")) and accept else {}
    decisions = []
    for one in ticked(visit, "document"):
        document, _, version = one.partition(":")
        decisions.append({
            "document": document, "version": version, "accept": accept, "reason": reason, **until,
        })  # fmt: skip
    found = await visit.send("POST", "family/document-decisions", {"decisions": decisions})
    return done(visit, "/agents/pieces", (one["result"] for one in found["results"]))


async def _file(visit: Visit) -> web.Response:
    document, file = (quoted(visit.request.match_info[one]) for one in ("document", "file"))
    return visit.hand(await visit.file(f"family/documents/{document}/files/{file}"), inline=True)


PAGES = (
    desk_page("/pieces", _documents, _decide),
    desk_page("/pieces/{document}/{file}", _file),
)
