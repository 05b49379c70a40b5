"""Supporting documents, and enrolments that ask for them."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from services.portal.gateway import Problem, once_heard
from services.portal.pages.people import People, people_of
from services.portal.web import Page, Visit, quoted


async def _documents(visit: Visit) -> web.Response:
    people = await people_of(visit)
    documents = await visit.get("family/documents", family=people.family)
    return visit.show(
        "documents.html", people=people, asked=documents["asked"], items=documents["items"]
    )


async def _send(visit: Visit) -> web.Response:
    people = await people_of(visit)
    about, _, who = visit.form.get("about").partition(":")
    body: dict[str, Any] = {
        "family": people.family, "type": visit.form.get("type"),
        "files": await visit.send_files(),
    }  # fmt: skip
    if about in ("child", "guardian"):
        body[about] = who
    await visit.send("POST", "family/documents", body)
    return visit.go("/documents", message="document-envoye")


async def _withdraw(visit: Visit) -> web.Response:
    document = quoted(visit.request.match_info["document"])
    await visit.send("POST", f"family/documents/{document}/withdrawal", {})
    return visit.go("/documents", message="document-retire")


async def _file(visit: Visit) -> web.Response:
    document, file = (quoted(visit.request.match_info[name]) for name in ("document", "file"))
    path = f"family/documents/{document}/files/{file}"
    return visit.hand(await visit.file(path))


async def _enrolments(visit: Visit) -> web.Response:
    people = await people_of(visit)
    groups = await asyncio.gather(
        *(
            visit.get("booking/enrolments", family=one.family, child=one.id)
            for one in people.participants
        )
    )
    shown = [
        (participant, group["items"])
        for participant, group in zip(people.participants, groups, strict=True)
    ]
    return visit.show("enrolments.html", groups=shown)


async def _group(visit: Visit, people: People) -> tuple[Any, dict[str, Any]]:
    participant = people.find(visit.query.get("enfant"))
    found = await visit.get("booking/enrolments", family=participant.family, child=participant.id)
    wanted = visit.request.match_info["group"]
    group = next((one for one in found["items"] if one["id"] == wanted), None)
    if group is None:
        raise Problem(404, {"code": "not-found", "detail": "Cette inscription n'existe pas."})
    return participant, group


async def _enrolment(visit: Visit) -> web.Response:
    people = await people_of(visit)
    participant, group = await _group(visit, people)
    documents = await visit.get("family/documents", family=participant.family)
    kept = [
        one for one in documents["items"]
        if one["state"] in ("pending", "accepted") and one["child"] in (None, participant.id)
    ]  # fmt: skip
    return visit.show("enrolment.html", participant=participant, group=group, kept=kept)


async def _enrol(visit: Visit) -> web.Response:
    """Send it whole: documents given with it are kept by family first."""
    people = await people_of(visit)
    participant, group = await _group(visit, people)
    documents: dict[str, list[str]] = {}
    fresh = False
    for asked in group["documents"]:
        given = [one for one in visit.form.all(f"documents/{asked['id']}") if one]
        if files := await visit.send_files(f"files/{asked['id']}"):
            body = {
                "family": participant.family, "type": asked["id"], "files": files,
                "child": participant.id,
            }  # fmt: skip
            kept = await visit.send("POST", "family/documents", body, once=asked["id"])
            given.append(kept["document"])
            fresh = True
        if given:
            documents[asked["id"]] = given
    enrolment: dict[str, Any] = {
        "family": participant.family, "child": participant.id, "group": group["id"],
        "pattern": visit.form.get("pattern", "casual"), "documents": documents,
    }  # fmt: skip
    if visit.form.get("regulations"):
        enrolment["regulations"] = visit.form.get("regulations")
    if comment := visit.form.get("comment"):
        enrolment["comment"] = comment
    if enrolment["pattern"] == "weekly":
        enrolment["weekly"] = _weekly(visit)
    await once_heard(lambda: visit.send("POST", "booking/enrolments", enrolment), fresh=fresh)
    return visit.go("/inscriptions", message="inscription-envoyee")


def _weekly(visit: Visit) -> list[dict[str, Any]]:
    """``activity.unit.weekday`` ticked, as the API's pattern."""
    ticked: dict[tuple[str, str], list[str]] = {}
    for text in visit.form.all("weekly"):
        activity, unit, weekday = (*text.split("."), "", "")[:3]
        ticked.setdefault((activity, unit), []).append(weekday)
    return [
        {"activity": activity, "units": [unit], "weekdays": weekdays}
        for (activity, unit), weekdays in ticked.items()
    ]


PAGES = (
    Page("/documents", _documents, _send),
    Page("/documents/{document}/retrait", _documents, _withdraw),
    Page("/documents/{document}/{file}", _file),
    Page("/inscriptions", _enrolments),
    Page("/inscriptions/{group}", _enrolment, _enrol),
)
