"""Enrolments: what was sent, its documents and weekly pattern; verified many at once."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.pages.desk.common import (
    OFFICE,
    ROWS,
    activities_of,
    asked_by,
    check_reason,
    desk_page,
    done,
    has,
    names_of,
    refusing,
    show,
    ticked,
)
from services.portal.pages.desk.on_behalf import people_at_desk
from services.portal.pages.documents import enrol, group_of, groups_of, kept_for
from services.portal.web import Visit, quoted

#: What the form calls the fields of the API.
_FIELDS = {"override/reason": "override", "override": "override", "on_behalf": "guardian"}
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
    names, groups = await asyncio.gather(
        names_of(visit, (one["family"] for one in found["items"])), _groups(visit, found["items"])
    )
    return show(
        visit, "enrolments", items=found["items"], next=found["next"], names=names,
        activities=activities, groups=groups, state_asked=state, states=_STATES,
        may_decide=state == "requested" and has(visit, OFFICE),
    )  # fmt: skip


async def _groups(visit: Visit, sent: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By id: the name of each group, and of the documents it asks for, as it is shown to one of
    the children; by their ids where the group or the child is no more."""
    groups = {one["group"]: {"name": one["group"], "documents": {}} for one in sent}
    for one in {one["group"]: one for one in sent}.values():
        try:
            found = await visit.get(
                "booking/enrolments", family=one["family"], child=one["child"]
            )  # fmt: skip
        except Problem as problem:
            if problem.status != 404:
                raise
            continue
        groups |= {
            group["id"]: {
                "name": group["name"],
                "documents": {asked["id"]: asked["name"] for asked in group["documents"]},
            }
            for group in found["items"]
        }
    return groups


async def _decide(visit: Visit) -> web.Response:
    decision = {"reason": refusing(visit), "outcome": visit.form.get("outcome")}
    decisions = [{"enrolment": one, **decision} for one in ticked(visit, "enrolment")]
    found = await visit.send("POST", "booking/enrolment-decisions", {"decisions": decisions})
    return done(visit, "/agents/inscriptions", (one["result"] for one in found["results"]))


async def _withdraw(visit: Visit) -> web.Response:
    """For the family, which has said so."""
    enrolment = quoted(visit.request.match_info["enrolment"])
    body = {"on_behalf": asked_by(visit)}
    await visit.send("POST", f"booking/enrolments/{enrolment}/withdrawals", body)
    return done(visit, "/agents/inscriptions", ["taken-back"])


async def _of_family(visit: Visit) -> web.Response:
    """What each child may be enrolled in, and is."""
    people = await people_at_desk(visit)
    return show(
        visit, "family-enrolments", family=people.household,
        children=await groups_of(visit, people), may_enrol=has(visit, OFFICE),
    )  # fmt: skip


async def _enrolment(visit: Visit) -> web.Response:
    people = await people_at_desk(visit)
    participant, group = await group_of(visit, people)
    return show(
        visit, "family-enrolment", family=people.household, participant=participant, group=group,
        kept=await kept_for(visit, participant), activities=people.activities,
    )  # fmt: skip


async def _enrol(visit: Visit) -> web.Response:
    """For the family; what is missing or late may be set aside, with a reason."""
    check_reason(visit)
    people = await people_at_desk(visit)
    participant, group = await group_of(visit, people)
    guardians = people.household["guardians"]
    holder = next(one["id"] for one in guardians if one["role"] == "holder")
    more: dict[str, Any] = {"on_behalf": asked_by(visit)}
    if rules := visit.form.all("rules"):
        more["override"] = {"rules": rules, "reason": visit.form.get("override")}
    guardian = visit.form.get("guardian") or holder
    await enrol(visit, participant, group, guardian, **more)
    return done(visit, f"/agents/familles/{quoted(people.family)}/inscriptions", ["sent"])


PAGES = (
    desk_page("/familles/{family}/inscriptions", _of_family),
    desk_page("/familles/{family}/inscriptions/{group}", _enrolment, _enrol, **_FIELDS),
    desk_page("/inscriptions", _enrolments, _decide),
    desk_page("/inscriptions/{enrolment}/retrait", _enrolments, _withdraw),
)
