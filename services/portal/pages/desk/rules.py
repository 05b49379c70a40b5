"""The town's file, its rules as data: read, checked with the line of each error, tried with a
question before anybody is bound by it, published as a version that nobody else has written over
meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import yaml
from aiohttp import web

from services.portal.gateway import FieldProblem, Problem, placed
from services.portal.pages.desk import words
from services.portal.pages.desk.common import desk_page, done, show
from services.portal.web import Visit
from shared.contracts.town_file import TownFile
from shared.town_files import BadTownFile, read_town_file, read_yaml

_ERRORS_SHOWN = 30
_WHO = "enfant"


async def _rules(
    visit: Visit, file: TownFile | None = None, answer: dict[str, Any] | None = None
) -> web.Response:
    """The file in force, or what was typed, and what it answered; the versions before it."""
    gateway = visit.portal.gateway
    saved, version = await gateway.versioned(visit.caller, "identity/town-file")
    versions = await visit.get("identity/town-file/versions", limit=10)
    tried = file or TownFile.model_validate(saved["file"])
    return show(
        visit, "rules", text=_typed(visit) or _text(saved["file"]), saved=saved,
        versions=versions["items"], version=visit.form.get("_version") or version,
        checked=file is not None and answer is None, answer=answer,
        activities=[(one.id, one.name) for one in tried.activities],
        units=[
            (f"{one.id}.{unit.id}", f"{one.name} – {unit.name}")
            for one in tried.activities if len(one.units) > 1 for unit in one.units
        ],
        schools=[("", "–"), *((one.id, one.name) for one in tried.schools)],
        actions=tuple(words.ACTIONS.items()),
    )  # fmt: skip


def _text(file: dict[str, object]) -> str:
    """The file as it is written by hand, without what is usual and without the logo's picture,
    which nobody reads: it is kept as it is, and changed with the other settings."""
    written = TownFile.model_validate(file).model_dump(
        mode="json", exclude_defaults=True, exclude={"portal": {"logo"}}
    )
    return yaml.safe_dump(written, allow_unicode=True, sort_keys=False, width=96)


def _typed(visit: Visit) -> str:
    """What is in the text, or in the file that was chosen instead."""
    chosen = next((one for one in visit.form.files if one.field == "upload"), None)
    return chosen.content.decode(errors="replace") if chosen else visit.form.get("file")


async def _act(visit: Visit) -> web.Response:
    """Check what was typed; try it, or publish it, where that was asked for."""
    text = _typed(visit)
    try:
        file = await asyncio.to_thread(read_town_file, text.encode())
    except BadTownFile as bad:
        problem = Problem(422, {"code": "town-file-wrong", "detail": "Le règlement a des erreurs."})
        problem.errors = tuple(
            FieldProblem("/file", placed(f"{one.place} : {one.sentence}", one.line, one.column))
            for one in bad.errors[:_ERRORS_SHOWN]
        )
        raise problem from bad
    match visit.form.get("_act"):
        case "check":
            return await _rules(visit, file)
        case "try":
            return await _rules(visit, file, await _tried(visit, file, text))
    whole = file.model_dump(mode="json")
    if file.portal.logo is None:
        held = await visit.get("identity/town-file")
        whole["portal"]["logo"] = held["file"]["portal"]["logo"]
    await visit.send(
        "PUT", "identity/town-file", whole,
        version=visit.form.get("_version"),
    )  # fmt: skip
    visit.portal.towns.forget(visit.town.town)
    return done(visit, "/agents/reglement", ["rules-saved"])


async def _tried(visit: Visit, file: TownFile, text: str) -> dict[str, Any]:
    """What the rules would answer, and what a booking would cost."""
    asked = visit.form.get
    activity, action, day = asked("activity"), asked("action"), asked("date")
    facts = _facts(visit, file)
    priced = None
    if action == "book":
        basket = _basket(visit, facts, day)
        priced = await visit.send("POST", "billing/price-trials", {"file": text, "facts": basket})
        if priced["lines"] and not priced["unpriced"]:
            facts = facts | {"price_cents": priced["total_cents"]}
    question = {
        "file": text, "activity": activity, "action": action, "date": day, "facts": facts,
        "now": asked("now") or None,
    }  # fmt: skip
    ruled: dict[str, Any] = await visit.send("POST", "booking/rule-trials", question)
    return {"rules": ruled, "price": priced}


def _facts(visit: Visit, file: TownFile) -> dict[str, Any]:
    """Who would ask, as the form says it; without a unit, the activity's first one."""
    asked = visit.form.get
    activity = file.activity(asked("activity"))
    units = [
        unit for one in visit.form.all("facts/units")
        for chosen, _, unit in (one.partition("."),) if chosen == asked("activity")
    ]  # fmt: skip
    if not units and activity is not None:
        units = [activity.units[0].id]
    facts: dict[str, Any] = {"units": units, "family": _known(asked("facts/family"))}
    for name in ("school", "level", "age"):
        if given := asked(f"facts/{name}"):
            facts[name] = given
    return facts


def _known(text: str) -> dict[str, Any]:
    """``resident: true``, one a line. Raises ``Problem``."""
    try:
        known = read_yaml(text.encode()) if text else {}
    except BadTownFile as bad:
        detail = "Écrivez un fait par ligne, avec sa valeur : « resident: true »."
        raise Problem(
            422, {"code": "invalid-input", "field": "/facts/family", "detail": detail}
        ) from bad
    return dict(known)


def _basket(visit: Visit, facts: dict[str, Any], day: str) -> dict[str, Any]:
    """The booking as billing would price it."""
    child = {name: facts[name] for name in ("school", "level", "age") if name in facts}
    family: dict[str, Any] = {"facts": facts["family"]}
    if quotient := visit.form.get("quotient").replace(",", "."):
        family["quotients"] = [{"value": quotient, "since": day}]
    line = {
        "child": _WHO, "activity": visit.form.get("activity"), "units": facts["units"], "day": day,
    }  # fmt: skip
    return {"family": family, "children": [{"id": _WHO, **child}], "lines": [line]}


PAGES = (desk_page("/reglement", _rules, _act),)
