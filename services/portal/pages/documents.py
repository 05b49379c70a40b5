"""Supporting documents, and enrolments that ask for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from aiohttp import web

from services.portal.forms import Form
from services.portal.gateway import Problem, once_heard
from services.portal.pages.household import name_of, value_words
from services.portal.pages.people import Participant, People, people_of
from services.portal.web import Page, Visit, quoted
from shared.contracts.town_file import REQUEST_PROOFS


async def _documents(visit: Visit) -> web.Response:
    people = await people_of(visit)
    documents = await visit.get("family/documents", family=people.family)
    asked = _asked_of(people, documents["asked"], documents["items"])
    return visit.show(
        "documents.html", people=people, asked=asked, items=documents["items"],
        missing=[one for one in asked if one.starred and not one.stands],
        places={one.document["document"]: one.place for one in asked if one.document},
        chosen=visit.query.get("piece", ""),
    )  # fmt: skip


@dataclass(frozen=True)
class _Asked:
    """A document that the town asks of somebody, and the one there is."""

    kind: Mapping[str, Any]
    about: str
    who: str
    name: str
    document: Mapping[str, Any] | None

    @property
    def place(self) -> str:
        """As the form calls it."""
        return f"{self.kind['type']}.{self.about}.{self.who}"

    @property
    def title(self) -> str:
        """What it is, and of whom."""
        return f"{self.kind['title']} – {self.name}" if self.name else str(self.kind["title"])

    @property
    def starred(self) -> bool:
        """Whether the town cannot do without."""
        return bool(self.kind["starred"])

    @property
    def stands(self) -> bool:
        """Whether there is one that counts, or may."""
        return self.document is not None and self.document["state"] in ("pending", "accepted")


def _asked_of(
    people: People, kinds: Sequence[Mapping[str, Any]], items: Sequence[Mapping[str, Any]]
) -> list[_Asked]:
    """Each document by whom it may be about: a child, one's own self, or the family."""
    household = people.household
    whose: dict[str, list[Mapping[str, Any]]] = {
        "family": [{"id": "", "first_name": ""}],
        "child": household["children"],
        "guardian": [one for one in household["guardians"] if one["id"] == household["me"]],
    }
    return [
        _Asked(
            kind, kind["about"], one["id"], one["first_name"],
            next((item for item in items if item["type"] == kind["type"]
                  and (item[kind["about"]] if one["id"] else "") == one["id"]), None),
        )
        for kind in kinds for one in whose[kind["about"]]
    ]  # fmt: skip


async def _send(visit: Visit) -> web.Response:
    people = await people_of(visit)
    kind, about, who = (*visit.form.get("type").split("."), "", "")[:3]
    body: dict[str, Any] = {
        "family": people.family, "type": kind, "files": await visit.send_files(),
    }  # fmt: skip
    if who:
        body[about] = who
    await visit.send("POST", "family/documents", body)
    return visit.go("/documents", message="document-envoye")


async def send_proof(visit: Visit, people: People, person: str) -> str:
    """Keep what the form brings to go with a request about somebody; the document's id."""
    about = "child" if people.is_child(person) else "guardian"
    body = {
        "family": people.family, about: person, "type": REQUEST_PROOFS[about].id,
        "files": await visit.send_files(),
    }  # fmt: skip
    return str((await visit.send("POST", "family/documents", body, once="document"))["document"])


async def named_by(visit: Visit, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The documents that a request names, those that its reader may see."""
    if not request["document_states"]:
        return []
    found = await visit.get("family/documents", family=request["family"])
    return [one for one in found["items"] if one["document"] in request["document_states"]]


async def _withdraw(visit: Visit) -> web.Response:
    document = quoted(visit.request.match_info["document"])
    await visit.send("POST", f"family/documents/{document}/withdrawal", {})
    return visit.go("/documents", message="document-retire")


async def _file(visit: Visit) -> web.Response:
    document, file = (quoted(visit.request.match_info[name]) for name in ("document", "file"))
    path = f"family/documents/{document}/files/{file}"
    return visit.hand(await visit.file(path))


async def _enrolments(visit: Visit) -> web.Response:
    return visit.show("enrolments.html", groups=await groups_of(visit, await people_of(visit)))


async def groups_of(visit: Visit, people: People) -> list[tuple[Participant, list[Any]]]:
    """What each of them may be enrolled in, and is."""
    found = await asyncio.gather(
        *(
            visit.get("booking/enrolments", family=one.family, child=one.id)
            for one in people.participants
        )
    )
    return [(one, groups["items"]) for one, groups in zip(people.participants, found, strict=True)]


async def group_of(visit: Visit, people: People) -> tuple[Participant, dict[str, Any]]:
    """Whom the address names, and the group as it stands for them. Raises ``Problem``."""
    participant = people.find(visit.query.get("enfant"))
    found = await visit.get("booking/enrolments", family=participant.family, child=participant.id)
    wanted = visit.request.match_info["group"]
    group = next((one for one in found["items"] if one["id"] == wanted), None)
    if group is None:
        raise Problem(404, {"code": "not-found", "detail": "Cette inscription n'existe pas."})
    return participant, group


#: Whose fields each step of the review shows.
_REVIEWED = MappingProxyType({
    "household": ("household",), "guardians": ("guardian",), "children": ("child",),
    "complements": ("contact",),
})  # fmt: skip
#: What the form of the last step brings; the rest is chosen before, and stands in the address.
_LAST = ("documents/", "files/", "regulations", "comment")


async def _enrolment(visit: Visit) -> web.Response:
    """Step by step, what was chosen standing in the address: the dossier is reviewed, then how one
    books, then documents and regulations, with which all is sent."""
    people = await people_of(visit)
    participant, group = await group_of(visit, people)
    visit.form = _chosen(visit)
    steps = [*group["steps"], "pattern", "documents"]
    step = _step(visit, steps)
    kept, dossier = await asyncio.gather(
        kept_for(visit, participant),
        visit.get(f"family/families/{quoted(participant.family)}/dossier"),
    )
    members = [one for one in dossier["members"] if one["owner"] in _REVIEWED.get(step, ())]
    chosen = [
        (name, value) for name in visit.form.values if not name.startswith("_")
        for value in visit.form.all(name)
    ]  # fmt: skip
    return visit.show(
        "enrolment.html", participant=participant, group=group, kept=kept,
        activities=people.activities, steps=steps, step=step, members=members, name=name_of,
        value=value_words, chosen=[one for one in chosen if not one[0].startswith(_LAST)],
        sent=[one for one in chosen if one[0].startswith(_LAST)],
    )  # fmt: skip


async def kept_for(visit: Visit, participant: Participant) -> list[dict[str, Any]]:
    """The documents that somebody's enrolment may name."""
    documents = await visit.get("family/documents", family=participant.family)
    return [
        one for one in documents["items"]
        if one["state"] in ("pending", "accepted") and one["child"] in (None, participant.id)
    ]  # fmt: skip


def _chosen(visit: Visit) -> Form:
    """What the address says was chosen so far, and the form."""
    query = visit.request.query
    asked = {name: query.getall(name) for name in query if name not in ("enfant", "etape")}
    return replace(visit.form, values={**asked, **visit.form.values})


def _step(visit: Visit, steps: Sequence[str]) -> str:
    """The step that was asked for, or the one before, where something of it is to be put right."""
    asked = visit.query.get("etape", "")
    step = steps[min(int(asked), len(steps)) - 1] if asked.isdecimal() and int(asked) else steps[0]
    if visit.form.get("pattern") == "weekly" and not weekly_of(visit.form) and step == "documents":
        visit.problem = _no_day()
    errors = visit.problem.errors if visit.problem else ()
    wrong = any(one.field.startswith(("/weekly", "/pattern")) for one in errors)
    return "pattern" if wrong else step


def _no_day() -> Problem:
    detail = "Cochez au moins un jour de la semaine."
    return Problem(422, {"code": "invalid-input", "field": "/weekly", "detail": detail})


async def _enrol(visit: Visit) -> web.Response:
    people = await people_of(visit)
    participant, group = await group_of(visit, people)
    await enrol(visit, participant, group, people.household["me"])
    return visit.go("/inscriptions", message="inscription-envoyee")


async def enrol(
    visit: Visit, participant: Participant, group: Mapping[str, Any], guardian: str, **more: Any
) -> None:
    """Send what the form says whole: documents given with it are kept by family first; what is
    asked of an adult is this guardian's. ``more`` goes with it."""
    enrolment: dict[str, Any] = {
        "family": participant.family, "child": participant.id, "group": group["id"],
        "pattern": visit.form.get("pattern", "casual"), **more,
    }  # fmt: skip
    if visit.form.get("regulations"):
        enrolment["regulations"] = visit.form.get("regulations")
    if comment := visit.form.get("comment"):
        enrolment["comment"] = comment
    people_asked = {"child": participant.id, "guardian": guardian}
    fresh = await _send_documents(visit, group["documents"], participant.family, people_asked)
    named = {one["id"]: _named(visit, one["id"]) for one in group["documents"]}
    enrolment["documents"] = {kind: given for kind, given in named.items() if given}
    if enrolment["pattern"] == "weekly":
        enrolment["weekly"] = weekly_of(visit.form)
        if not enrolment["weekly"]:
            raise _no_day()
    await once_heard(lambda: visit.send("POST", "booking/enrolments", enrolment), fresh=fresh)


def _named(visit: Visit, kind: str) -> list[str]:
    """The documents of this type that the form names."""
    return [one for one in visit.form.all(f"documents/{kind}") if one]


async def _send_documents(
    visit: Visit, asked: Sequence[Mapping[str, Any]], family: str, people: Mapping[str, str]
) -> bool:
    """Send what the form brings; whether there was any. Each is about whom the town asks it of,
    and the form names it from then on: whatever is refused next, it need not be sent again."""
    known = (await visit.get("family/documents", family=family))["asked"] if asked else ()
    about = {one["type"]: one["about"] for one in known}
    fresh = False
    for kind in (one["id"] for one in asked):
        if not (files := await visit.send_files(f"files/{kind}")):
            continue
        body: dict[str, Any] = {"family": family, "type": kind, "files": files}
        body |= {whom: one for whom, one in people.items() if whom == about.get(kind)}
        kept = await visit.send("POST", "family/documents", body, once=kind)
        given = [*dict.fromkeys((kept["document"], *_named(visit, kind)))]
        visit.form = replace(visit.form, values={**visit.form.values, f"documents/{kind}": given})
        fresh = True
    return fresh


def weekly_of(form: Form) -> list[dict[str, Any]]:
    """``activity.unit.weekday`` ticked, as the API's pattern: what is ticked on one day of one
    activity is one choice, and the days that have the same are together. A unit whose times the
    family chooses has them under ``activity.unit.starts`` and ``.ends``."""
    days: dict[tuple[str, str], list[str]] = {}
    for text in form.all("weekly"):
        activity, unit, weekday = (*text.split("."), "", "")[:3]
        days.setdefault((activity, weekday), []).append(unit)
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (activity, weekday), units in days.items():
        alike.setdefault((activity, tuple(units)), []).append(weekday)
    return [
        {"activity": activity, "units": list(units), "weekdays": weekdays}
        | _times_of(form, activity, units)
        for (activity, units), weekdays in alike.items()
    ]


def _times_of(form: Form, activity: str, units: Sequence[str]) -> dict[str, str]:
    for unit in units:
        times = {one: form.get(f"weekly/{activity}.{unit}.{one}") for one in ("starts", "ends")}
        if all(times.values()):
            return times
    return {}


PAGES = (
    Page("/documents", _documents, _send),
    Page("/documents/{document}/retrait", _documents, _withdraw),
    Page("/documents/{document}/{file}", _file),
    Page("/inscriptions", _enrolments),
    Page("/inscriptions/{group}", _enrolment, _enrol, fields={"weekly": "weekly"}),
)
