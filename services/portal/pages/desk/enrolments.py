"""Enrolments: what was sent, its documents and weekly pattern; verified many at once."""

from __future__ import annotations

import asyncio

from aiohttp import web

from services.portal.pages.desk.common import (
    OFFICE,
    ROWS,
    activities_of,
    desk_page,
    done,
    has,
    names_of,
    refusing,
    show,
    ticked,
)
from services.portal.web import Visit

_STATES = ("requested", "accepted", "refused", "withdrawn")


async def _enrolments(visit: Visit) -> web.Response:
    state = visit.query.get("etat", "requested")
    state = state if state in _STATES else "requested"
    found, activities = await asyncio.gather(
        visit.get(
            "booking/enrolment-requests", state=state, limit=ROWS, after=visit.query.get("apres")
        ),
        activities_of(visit),
    )
    names = await names_of(visit, (one["family"] for one in found["items"]))
    return show(
        visit, "enrolments", items=found["items"], next=found["next"], names=names,
        activities=activities, state_asked=state, states=_STATES,
        may_decide=state == "requested" and has(visit, OFFICE),
    )  # fmt: skip


async def _decide(visit: Visit) -> web.Response:
    decision = {"reason": refusing(visit), "outcome": visit.form.get("outcome")}
    decisions = [{"enrolment": one, **decision} for one in ticked(visit, "enrolment")]
    found = await visit.send("POST", "booking/enrolment-decisions", {"decisions": decisions})
    return done(visit, "/agents/inscriptions", (one["result"] for one in found["results"]))


PAGES = (desk_page("/inscriptions", _enrolments, _decide),)
