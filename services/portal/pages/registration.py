"""A family without key or dossier builds it on line: part after part, then sent to the town."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web

from services.portal.answers import INPUTS, PARTS
from services.portal.gateway import Problem
from services.portal.pages.household import value_words, values_told
from services.portal.web import Page, Visit, Who

#: Each part of the form: its title, and under which owner its fields are asked for.
_PARTS: Final = MappingProxyType({
    "guardian": ("Vous", "guardian"),
    "second_guardian": ("Second responsable", "guardian"),
    "child": ("Nouvel enfant", "child"),
    "emergency": ("Personne à prévenir en cas d'urgence", "contact"),
    "authorised_collector": ("Personne habilitée à venir chercher l'enfant", "contact"),
    "household": ("Compléments", "household"),
})  # fmt: skip
#: What the town cannot do without of the first parent, whatever its rules.
_OF_THE_FIRST = frozenset({"first_name", "last_name", "birth_date", "phone", "address"})


async def _overview(visit: Visit) -> web.Response:
    """What is filled in so far; once the town has accepted it, the family's own pages."""
    form, fields = await _form(visit)
    if form["state"] == "accepted":
        if not visit.families:
            await visit.renew()
        if visit.families:
            return visit.go("", message="famille-liee")
    draft = form["draft"]
    people = [("guardian", "", "Vous", draft["guardian"])]
    if draft["second_guardian"] is not None:
        people.append(("second_guardian", "0", "Second responsable", draft["second_guardian"]))
    people += [("child", str(n), "Enfant", one) for n, one in enumerate(draft["children"])]
    people += [
        (one["kind"], str(n), _PARTS[one["kind"]][0], one["values"])
        for n, one in enumerate(draft["contacts"])
    ]
    missing = [_missing(place, fields) for place in form["missing"]]
    return visit.show(
        "registration.html", form=form, people=people, parts=_PARTS, missing=missing,
        fields=fields, owner=lambda part: _PARTS[part][1], value=value_words,
    )  # fmt: skip


async def _form(visit: Visit) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """The form as far as it is filled, and the town's fields by owner."""
    form, asked = await asyncio.gather(
        visit.get("family/registration"), visit.get("family/dossier-fields")
    )
    return form, {one["owner"]: one["fields"] for one in asked["owners"]}


def _missing(place: str, fields: Mapping[str, list[dict[str, Any]]]) -> str:
    """« Vous : Téléphone », for a place of the form that has to be filled."""
    if place == "/children":
        return "Au moins un enfant"
    part, _, rest = place.strip("/").partition("/")
    owner = {"children": "child", "contacts": "contact"}.get(part, "guardian")
    name = rest.rpartition("/")[2]
    label = next((one["label"] for one in fields[owner] if one["name"] == name), name)
    whom = {"guardian": "Vous", "second_guardian": "Second responsable", "children": "Enfant"}
    return f"{whom.get(part, 'Contact')} : {label}"


async def _part(visit: Visit) -> web.Response:
    part, form, fields = await _asked(visit)
    known = form["draft"][part] if part in ("guardian", "second_guardian", "household") else None
    return visit.show(
        "registration-part.html", title=_PARTS[part][0], fields=fields, known=known or {},
        parts=PARTS, inputs=INPUTS,
    )  # fmt: skip


async def _asked(visit: Visit) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
    part = visit.request.match_info["part"]
    if part not in _PARTS:
        raise Problem(404, {"code": "not-found", "detail": "Cette page n'existe pas."})
    form, fields = await _form(visit)
    # Bank details are asked for once there is a family.
    of = [one for one in fields[_PARTS[part][1]] if one["kind"] != "iban"]
    if part == "guardian":
        of = [one | {"rule": "required"} if one["name"] in _OF_THE_FIRST else one for one in of]
    return part, form, of


async def _keep(visit: Visit) -> web.Response:
    part, form, fields = await _asked(visit)
    values = await values_told(visit, fields, "draft")
    draft = form["draft"]
    if part == "child":
        draft["children"] = [*draft["children"], values]
    elif part in ("emergency", "authorised_collector"):
        draft["contacts"] = [*draft["contacts"], {"kind": part, "values": values}]
    else:
        draft[part] = values
    await _put(visit, form)
    return visit.go("/dossier-en-ligne", message="dossier-garde")


async def _put(visit: Visit, form: Mapping[str, Any]) -> None:
    kept = {"draft": form["draft"], "version": form["version"]}
    await visit.send("PUT", "family/registration", kept)


async def _take_out(visit: Visit) -> web.Response:
    """One whom one has put in, by part and place."""
    part, _, place = visit.form.get("who").partition(":")
    form, _ = await _form(visit)
    draft = form["draft"]
    if part == "second_guardian":
        draft[part] = None
    elif place.isdecimal():
        of = "children" if part == "child" else "contacts"
        draft[of] = [one for n, one in enumerate(draft[of]) if n != int(place)]
    await _put(visit, form)
    return visit.go("/dossier-en-ligne", message="dossier-garde")


async def _send(visit: Visit) -> web.Response:
    await visit.send("PUT", "family/registration/sent")
    return visit.go("/dossier-en-ligne", message="dossier-envoye")


PAGES = (
    Page("/dossier-en-ligne", _overview, None, Who.ACCOUNT),
    Page("/dossier-en-ligne/envoi", _overview, _send, Who.ACCOUNT),
    Page("/dossier-en-ligne/retrait", _overview, _take_out, Who.ACCOUNT),
    Page("/dossier-en-ligne/{part}", _part, _keep, Who.ACCOUNT),
)
