"""Direct debit at the desk: requests answered, collections made, settled and called off."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from services.portal.pages.desk.common import (
    COLLECTING,
    ROWS,
    desk_page,
    done,
    has,
    names_of,
    refusing,
    show,
)
from services.portal.web import Visit, quoted

_COLLECTIONS = "billing/office/collections"


async def _debits(visit: Visit) -> web.Response:
    waiting, collections = await asyncio.gather(
        visit.get("billing/office/direct-debits", state="waiting", limit=ROWS),
        visit.get(_COLLECTIONS, limit=ROWS, after=visit.query.get("apres")),
    )
    families = [one["family"] for one in waiting["items"]]
    families += [aside["family"] for one in collections["items"] for aside in one["aside"]]
    return show(
        visit, "debits", waiting=waiting["items"], collections=collections["items"],
        next=collections["next"], names=await names_of(visit, families),
        collecting=has(visit, COLLECTING),
    )  # fmt: skip


async def _decide(visit: Visit) -> web.Response:
    """Accept or refuse the request that was read."""
    family = quoted(visit.request.match_info["family"])
    body: dict[str, Any] = {"request": visit.form.get("request")}
    reason = refusing(visit)
    if visit.form.get("outcome") == "refused":
        body["reason"] = reason
        await visit.send("POST", f"billing/office/direct-debits/{family}/refusals", body)
        return done(visit, "/agents/prelevements", ["refused"])
    await visit.send("POST", f"billing/office/direct-debits/{family}/acceptances", body)
    return done(visit, "/agents/prelevements", ["accepted"])


async def _collect(visit: Visit) -> web.Response:
    await visit.send("POST", _COLLECTIONS, {"on": visit.form.get("on")})
    return done(visit, "/agents/prelevements", ["collecting"])


async def _settle(visit: Visit) -> web.Response:
    return await _ended(visit, "settlements", "settling")


async def _call_off(visit: Visit) -> web.Response:
    return await _ended(visit, "cancellations", "called-off")


async def _ended(visit: Visit, how: str, result: str) -> web.Response:
    collection = quoted(visit.request.match_info["collection"])
    await visit.send("POST", f"{_COLLECTIONS}/{collection}/{how}")
    return done(visit, "/agents/prelevements", [result])


async def _file(visit: Visit) -> web.Response:
    collection = quoted(visit.request.match_info["collection"])
    return visit.hand(await visit.file(f"{_COLLECTIONS}/{collection}/file"))


async def _of_collection(visit: Visit) -> web.Response:
    collection = quoted(visit.request.match_info["collection"])
    found, debits = await asyncio.gather(
        visit.get(f"{_COLLECTIONS}/{collection}"),
        visit.get(
            f"{_COLLECTIONS}/{collection}/debits", limit=ROWS, after=visit.query.get("apres")
        ),
    )
    names = await names_of(visit, (one["family"] for one in debits["items"]))
    return show(
        visit, "collection", collection=found, items=debits["items"], next=debits["next"],
        names=names, collecting=has(visit, COLLECTING),
    )  # fmt: skip


async def _send_back(visit: Visit) -> web.Response:
    """A bank sent a debit back, for the code it gave."""
    collection, debit = (quoted(visit.request.match_info[one]) for one in ("collection", "debit"))
    code = visit.form.get("code").upper()
    await visit.send("POST", f"billing/office/debits/{debit}/returns", {"code": code})
    return done(visit, f"/agents/prelevements/{collection}", ["sent-back"])


PAGES = (
    desk_page("/prelevements", _debits, _collect),
    desk_page("/prelevements/familles/{family}", _debits, _decide),
    desk_page("/prelevements/{collection}", _of_collection),
    desk_page("/prelevements/{collection}/fichier", _file),
    desk_page("/prelevements/{collection}/reglement", _of_collection, _settle),
    desk_page("/prelevements/{collection}/annulation", _of_collection, _call_off),
    desk_page("/prelevements/{collection}/rejets/{debit}", _of_collection, _send_back),
)
