"""A family's record written at the desk: a member's fields all at once, who joins and who leaves;
it counts at once, and is known by whom it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web

from services.portal.answers import INPUTS, PARTS, told, touches
from services.portal.gateway import Problem
from services.portal.pages.desk.common import desk_page, done, show
from services.portal.pages.household import KINDS, known_of, name_of, value_words, values_told
from services.portal.web import Visit, quoted

#: What is kept sealed is written by the family, who certifies it.
_SEALED = frozenset({"iban", "certificate"})


async def _member(visit: Visit) -> web.Response:
    family, member = await _found(visit)
    return show(
        visit, "member", family=family, member=member, fields=_open(member), parts=PARTS,
        inputs=INPUTS, known=known_of, name=name_of, value=value_words,
    )  # fmt: skip


async def _found(visit: Visit) -> tuple[dict[str, Any], dict[str, Any]]:
    path = f"family/families/{_wanted(visit)}"
    family, dossier = await asyncio.gather(visit.get(path), visit.get(f"{path}/dossier"))
    wanted = visit.request.match_info["member"]
    for one in dossier["members"]:
        if one["member"] == wanted:
            return family, one
    raise Problem(404, {"code": "not-found", "detail": "Cette personne n'est pas de ce dossier."})


def _open(member: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What an agent writes of a member. What the town asks for and nobody has told yet does not
    keep the rest from being written."""
    return [
        one if one["filled"] else one | {"rule": "editable"} for one in member["fields"]
        if one["editable"] and not one["sealed"] and one["kind"] not in _SEALED
    ]  # fmt: skip


async def _write(visit: Visit) -> web.Response:
    """What is told otherwise than it is known; what nobody touched stays as it is."""
    family, member = await _found(visit)
    fields = _open(member)
    changes = []
    for field in fields:
        name = f"fields/{field['name']}"
        value = told(field, visit.form, name)
        if field["kind"] == "file":
            value = next(iter(await visit.send_files(name)), None)
            touched = value is not None
        else:
            touched = touches(field, known_of(field), visit.form, name)
        if not touched:
            continue
        base = visit.form.get(f"_base/{field['name']}")
        changes.append({
            "act": "set", "member": member["member"], "field": field["name"], "value": value,
            "base": int(base) if base.isdecimal() else field["revision"],
        })  # fmt: skip
    if not changes:
        detail = "Rien n'a changé : modifiez au moins une information."
        raise Problem(422, {"code": "nothing-changed", "detail": detail})
    try:
        await _send(visit, changes)
    except Problem as problem:
        raise _beside(problem, changes) from problem
    return done(visit, f"/agents/familles/{family['family']}", ["written"] * len(changes))


def _beside(problem: Problem, changes: Sequence[Mapping[str, Any]]) -> Problem:
    """The same, with each fault beside the input of its field."""
    for place, change in enumerate(changes):
        where = f"/changes/{place}"
        problem.errors = tuple(
            replace(one, field=f"/fields/{change['field']}")
            if one.field == where or one.field.startswith(f"{where}/") else one
            for one in problem.errors
        )  # fmt: skip
    return problem


async def _new(visit: Visit) -> web.Response:
    kind, fields = await _asked(visit)
    family = await visit.get(f"family/families/{_wanted(visit)}")
    return show(
        visit, "member-new", family=family, title=KINDS[kind][0], fields=fields, parts=PARTS,
        inputs=INPUTS,
    )  # fmt: skip


async def _asked(visit: Visit) -> tuple[str, list[dict[str, Any]]]:
    kind = visit.request.match_info["kind"]
    if kind not in KINDS:
        raise Problem(404, {"code": "not-found", "detail": "Cette page n'existe pas."})
    owners = (await visit.get("family/dossier-fields"))["owners"]
    fields = next(one["fields"] for one in owners if one["owner"] == KINDS[kind][1])
    return kind, [one for one in fields if not one["sealed"] and one["kind"] not in _SEALED]


async def _add(visit: Visit) -> web.Response:
    kind, fields = await _asked(visit)
    values = await values_told(visit, fields, "changes/0/values")
    await _send(visit, [{"act": "add", "kind": kind, "values": values}])
    return done(visit, f"/agents/familles/{_wanted(visit)}", ["joined"])


async def _remove(visit: Visit) -> web.Response:
    await _send(visit, [{"act": "remove", "member": visit.request.match_info["member"]}])
    return done(visit, f"/agents/familles/{_wanted(visit)}", ["left"])


async def _send(visit: Visit, changes: Sequence[Mapping[str, Any]]) -> None:
    body: dict[str, Any] = {"changes": changes}
    if guardian := visit.form.get("guardian"):
        body["on_behalf_of"] = guardian
    await visit.send("POST", f"family/families/{_wanted(visit)}/changes", body)


def _wanted(visit: Visit) -> str:
    return quoted(visit.request.match_info["family"])


PAGES = (
    desk_page("/familles/{family}/membres/{member}", _member, _write),
    desk_page("/familles/{family}/membres/{member}/retrait", _member, _remove),
    desk_page("/familles/{family}/nouveau/{kind}", _new, _add),
)
