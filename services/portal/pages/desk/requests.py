"""Bookings, changes, cancellations and absences to decide, many at once; proofs to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.pages.desk.common import (
    DIRECTOR,
    OFFICE,
    READERS,
    ROWS,
    activities_of,
    asked_by,
    desk_page,
    done,
    has,
    names_of,
    refusing,
    show,
    ticked,
)
from services.portal.pages.documents import named_by
from services.portal.pages.requests import to_prove
from services.portal.web import Visit, quoted

_STATES = ("requested", "to_pay", "accepted", "refused", "withdrawn")


async def _requests(visit: Visit) -> web.Response:
    state = visit.query.get("etat", "requested")
    state = state if state in _STATES else "requested"
    found, activities, answers = await asyncio.gather(
        visit.get("booking/requests", state=state, limit=ROWS, after=visit.query.get("apres")),
        activities_of(visit),
        visit.get("booking/answers"),
    )
    groups = [
        (request, [line for line in request["lines"] if line["state"] == state])
        for request in found["items"]
    ]
    names = await names_of(visit, (one["family"] for one in found["items"]))
    return show(
        visit, "requests", groups=groups, named=_named, next=found["next"], names=names,
        activities=activities,
        answers=answers["items"], state_asked=state, states=_STATES,
        may_decide=state == "requested" and has(visit, OFFICE | DIRECTOR),
        gives_back=any(_gives_back(lines) for _, lines in groups),
    )  # fmt: skip


def _gives_back(lines: Sequence[Mapping[str, Any]]) -> bool:
    return any(line["give_back_asked"] for line in lines)


def _named(request: Mapping[str, Any], *lines: Mapping[str, Any]) -> str:
    """Lines of a request, as one tick sends them."""
    return ",".join(
        f"{request['id']}:{one['line']}{':asks' if one['give_back_asked'] else ''}" for one in lines
    )


async def _decide(visit: Visit) -> web.Response:
    return done(visit, "/agents/demandes", await _decided(visit))


async def _decided(visit: Visit) -> list[str]:
    """One answer for all that is ticked; what a cancellation gives back goes with those lines that
    ask for it."""
    outcome = visit.form.get("outcome")
    decision: dict[str, Any] = {"reason": refusing(visit)}
    if outcome.startswith("answer:"):
        decision["answer"] = outcome.removeprefix("answer:")
    else:
        decision["outcome"] = outcome
    give_back = visit.form.get("give_back")
    decisions = []
    for one in dict.fromkeys(",".join(ticked(visit, "line")).split(",")):
        request, line, asks = (*one.split(":"), "", "")[:3]
        given = {"give_back": give_back} if asks == "asks" and give_back else {}
        decisions.append({"request": request, "line": line, **decision, **given})
    found = await visit.send("POST", "booking/decisions", {"decisions": decisions})
    return [one["result"] for one in found["results"]]


async def _request(visit: Visit) -> web.Response:
    wanted = _wanted(visit)
    request, activities, answers = await asyncio.gather(
        visit.get(f"booking/requests/{wanted}"), activities_of(visit), visit.get("booking/answers")
    )
    names = await names_of(visit, [request["family"]])
    documents = await named_by(visit, request) if has(visit, READERS) else []
    waiting = [line for line in request["lines"] if line["state"] == "requested"]
    return show(
        visit, "request", request=request, activities=activities, names=names, documents=documents,
        answers=answers["items"], named=_named, gives_back=_gives_back(waiting),
        may_decide=bool(waiting) and has(visit, OFFICE | DIRECTOR),
        to_prove=to_prove(request) if has(visit, OFFICE) else [],
        may_withdraw=has(visit, OFFICE)
        and any(line["state"] in ("requested", "to_pay") for line in request["lines"]),
    )  # fmt: skip


async def _decide_here(visit: Visit) -> web.Response:
    return done(visit, f"/agents/demandes/{_wanted(visit)}", await _decided(visit))


async def _withdraw(visit: Visit) -> web.Response:
    """For the family, which has said so: all that waits, for an answer or to be paid."""
    body = {"on_behalf": asked_by(visit)}
    await visit.send("POST", f"booking/requests/{_wanted(visit)}/withdrawals", body)
    return done(visit, f"/agents/demandes/{_wanted(visit)}", ["taken-back"])


async def _prove(visit: Visit) -> web.Response:
    """A proof that the agent has seen on paper, for all that waits for one."""
    body = {"kind": visit.form.get("kind"), "documents": [], "on_behalf": asked_by(visit)}
    await visit.send("POST", f"booking/requests/{_wanted(visit)}/proofs", body)
    return done(visit, f"/agents/demandes/{_wanted(visit)}", ["proved"])


def _wanted(visit: Visit) -> str:
    return quoted(visit.request.match_info["request"])


async def _proofs(visit: Visit) -> web.Response:
    found, activities = await asyncio.gather(
        visit.get("booking/requests", proof="given", limit=ROWS, after=visit.query.get("apres")),
        activities_of(visit),
    )
    rows = [
        (request, line) for request in found["items"] for line in request["lines"]
        if line["given"] and line["given"]["state"] == "given"
    ]  # fmt: skip
    names = await names_of(visit, (one["family"] for one in found["items"]))
    return show(visit, "proofs", rows=rows, next=found["next"], names=names, activities=activities)


async def _judge(visit: Visit) -> web.Response:
    reason = refusing(visit)
    outcome = visit.form.get("outcome")
    decisions = []
    for one in ticked(visit, "line"):
        request, _, rest = one.partition(":")
        line, _, revision = rest.partition(":")
        decisions.append({
            "request": request, "line": line, "revision": revision, "outcome": outcome,
            "reason": reason,
        })  # fmt: skip
    found = await visit.send("POST", "booking/proof-decisions", {"decisions": decisions})
    return done(visit, "/agents/justificatifs", (one["result"] for one in found["results"]))


async def _document(visit: Visit) -> web.Response:
    """The first file of a document, to be looked at beside the list."""
    document = quoted(visit.request.match_info["document"])
    found = await visit.get(f"family/documents/{document}")
    files = found["versions"][-1]["files"] if found["versions"] else []
    if not files:
        raise Problem(404, {"code": "not-found", "detail": "Cette pièce n'a plus de fichier."})
    file = quoted(files[0]["file"])
    return visit.hand(await visit.file(f"family/documents/{document}/files/{file}"), inline=True)


PAGES = (
    desk_page("/demandes", _requests, _decide),
    desk_page("/demandes/{request}", _request, _decide_here),
    desk_page("/demandes/{request}/retrait", _request, _withdraw),
    desk_page("/demandes/{request}/justificatif", _request, _prove),
    desk_page("/justificatifs", _proofs, _judge),
    desk_page("/justificatifs/{document}", _document),
)
