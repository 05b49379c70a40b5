"""Dossier famille: each member's fields, what waits beside them in yellow and in words; members to
add; what is kept sealed, and who read it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web

from services.portal.answers import INPUTS, PARTS, told
from services.portal.gateway import Problem
from services.portal.web import Page, Visit, quoted
from shared.french import day_digits
from shared.roles import CARDS

#: Who may be added, and under which owner the fields are asked for.
KINDS: Final = MappingProxyType({
    "guardian": ("Nouveau responsable", "guardian"),
    "child": ("Nouvel enfant", "child"),
    "emergency": ("Nouvelle personne à prévenir", "contact"),
    "authorised_collector": ("Nouvelle personne habilitée", "contact"),
})  # fmt: skip
#: What is kept sealed of a member: the API's path, and the page's title.
SHEETS: Final = MappingProxyType({
    "fiche-sanitaire": ("children", "health-sheet", "Fiche sanitaire"),
    "banque": ("guardians", "bank-details", "Coordonnées bancaires"),
})  # fmt: skip
_CERTIFICATE = "health_certificate"
#: Parts of values that say nothing to who gave them.
_UNSAID = frozenset({"citycode", "source", "proof", "document"})


async def _dossier(visit: Visit) -> web.Response:
    household = (await visit.households())[0]
    dossier = await _of(visit, household["family"])
    return visit.show(
        "dossier.html", dossier=dossier, household=household, kinds=KINDS, name=name_of,
        value=value_words,
    )  # fmt: skip


async def _of(visit: Visit, family: str) -> dict[str, Any]:
    found: dict[str, Any] = await visit.get(f"family/families/{quoted(family)}/dossier")
    return found


def value_words(field: Mapping[str, Any], *other: Any) -> str:
    """A field's value as one reads it; or another value of the same field."""
    value = other[0] if other else field["value"]
    labels = {one["value"]: one["label"] for one in field.get("choices", ())}
    if isinstance(value, str) and value in labels:
        return str(labels[value])
    if value is None or value == "" or value == []:
        return "à compléter"
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, str) and _is_day(value):
        return day_digits(date.fromisoformat(value))
    if isinstance(value, dict) and "given" in value:
        return "oui" if value["given"] else "non"
    if isinstance(value, dict) and "until" in value and "version" in value:
        return f"certifié jusqu'au {value_words({}, value['until'])}"
    if field.get("kind") == "file":
        return "reçu"
    if isinstance(value, dict):
        kept = (one for name, one in value.items() if one is not None and name not in _UNSAID)
        return ", ".join(value_words({"choices": field.get("choices", ())}, one) for one in kept)
    if isinstance(value, list):
        return " ; ".join(value_words({"choices": field.get("choices", ())}, one) for one in value)
    return str(value)


def _is_day(text: str) -> bool:
    try:
        return len(text) == len("2026-09-01") and bool(date.fromisoformat(text))
    except ValueError:
        return False


def name_of(member: Mapping[str, Any]) -> str:
    """A member's name, from its fields."""
    values = {one["name"]: one["value"] for one in member["fields"]}
    parts = [values.get(name) for name in ("first_name", "last_name")]
    return " ".join(str(one) for one in parts if one)


# -- one field ------------------------------------------------------------------------------------


async def _field(visit: Visit) -> web.Response:
    family, member, field, certificate = await _found(visit)
    return visit.show(
        "dossier-field.html", family=family, member=member, field=field, name=name_of,
        certificate=certificate, parts=PARTS, inputs=INPUTS,
    )  # fmt: skip


async def _found(
    visit: Visit,
) -> tuple[str, dict[str, Any], dict[str, Any], dict[str, Any] | None]:
    """The family, the member, the field, and what certifies it where it is of health."""
    family, wanted, name = (visit.request.match_info[one] for one in ("family", "member", "field"))
    for member in (await _of(visit, family))["members"]:
        fields = {one["name"]: one for one in member["fields"] if one["editable"]}
        if member["member"] != wanted or name not in fields:
            continue
        field, certificate = fields[name], None
        if field["sealed"]:
            opened = (await _opened(visit, family, wanted, _sheet_of(member)))["sheet"]["fields"]
            field = next(one for one in opened if one["name"] == name)
            certificate = fields.get(_CERTIFICATE) if member["owner"] == "child" else None
        return family, member, field, certificate
    raise Problem(404, {"code": "not-found", "detail": "Cette information ne se modifie pas ici."})


async def _change(visit: Visit) -> web.Response:
    family, member, field, certificate = await _found(visit)
    value = told(field, visit.form, "changes/0/value")
    if field["kind"] == "file":
        value = next(iter(await visit.send_files("changes/0/value")), None)
    changes = [_set(member, field, value, visit.form.get("_base"))]
    if certificate is not None:
        told_so = told(certificate, visit.form, "changes/1/value")
        if told_so is not None:
            changes.append(_set(member, certificate, told_so, ""))
    await _send(visit, family, changes)
    if field["sealed"]:
        path = f"/famille/{family}/{member['member']}/{_sheet_of(member)}"
        return visit.go(path, message="modification-envoyee")
    return visit.go("/famille", message="modification-envoyee")


def _sheet_of(member: Mapping[str, Any]) -> str:
    return "fiche-sanitaire" if member["owner"] == "child" else "banque"


def _set(
    member: Mapping[str, Any], field: Mapping[str, Any], value: Any, base: str
) -> dict[str, Any]:
    return {
        "act": "set", "member": member["member"], "field": field["name"],
        "base": int(base) if base.isdecimal() else field["revision"], "value": value,
    }  # fmt: skip


async def _send(visit: Visit, family: str, changes: Sequence[dict[str, Any]]) -> None:
    await visit.send("POST", f"family/families/{quoted(family)}/changes", {"changes": changes})


async def _take_back(visit: Visit) -> web.Response:
    family, change = (quoted(visit.request.match_info[one]) for one in ("family", "change"))
    await visit.send("DELETE", f"family/families/{family}/changes/{change}")
    return visit.go("/famille", message="modification-retiree")


# -- members --------------------------------------------------------------------------------------


async def _new(visit: Visit) -> web.Response:
    kind, fields = await _asked(visit)
    return visit.show(
        "dossier-new.html", title=KINDS[kind][0], fields=fields, parts=PARTS, inputs=INPUTS
    )


async def _asked(visit: Visit) -> tuple[str, list[dict[str, Any]]]:
    kind = visit.request.match_info["kind"]
    if kind not in KINDS:
        raise Problem(404, {"code": "not-found", "detail": "Cette page n'existe pas."})
    owners = (await visit.get("family/dossier-fields"))["owners"]
    return kind, next(one["fields"] for one in owners if one["owner"] == KINDS[kind][1])


async def values_told(
    visit: Visit, fields: Sequence[Mapping[str, Any]], under: str
) -> dict[str, Any]:
    """What the form says of somebody, by field; its inputs are named ``under/field``. Files are
    sent on the way."""
    values: dict[str, Any] = {}
    for field in fields:
        name = f"{under}/{field['name']}"
        value = told(field, visit.form, name)
        if field["kind"] == "file":
            value = next(iter(await visit.send_files(name)), None)
        if value is not None:
            values[field["name"]] = value
    return values


async def _add(visit: Visit) -> web.Response:
    kind, fields = await _asked(visit)
    values = await values_told(visit, fields, "changes/0/values")
    family = (await visit.households())[0]["family"]
    await _send(visit, family, [{"act": "add", "kind": kind, "values": values}])
    return visit.go("/famille", message="modification-envoyee")


async def _remove(visit: Visit) -> web.Response:
    family, member = (visit.request.match_info[one] for one in ("family", "member"))
    await _send(visit, family, [{"act": "remove", "member": member}])
    return visit.go("/famille", message="modification-envoyee")


# -- what is kept sealed --------------------------------------------------------------------------


async def _sheet(visit: Visit) -> web.Response:
    """A child's health sheet, or one's bank details, and who read them: reading is recorded."""
    family, member, what = (visit.request.match_info[one] for one in ("family", "member", "sheet"))
    sheet, dossier, reads = await asyncio.gather(
        _opened(visit, family, member, what),
        _of(visit, family),
        visit.get(f"family/families/{quoted(family)}/sensitive-reads", limit=50),
    )
    held = next(one for one in dossier["members"] if one["member"] == member)
    read = [one for one in reads["items"] if _about(one, member, what)]
    return visit.show(
        "dossier-sheet.html", family=family, member=held, sheet=sheet, title=SHEETS[what][2],
        reads=read, name=name_of, value=value_words, account=visit.claims.get("sub"), roles=CARDS,
    )  # fmt: skip


def _about(read: Mapping[str, Any], member: str, what: str) -> bool:
    if what == "banque":
        return bool(read["what"] == "bank_details")
    return bool(read["what"] != "bank_details" and read["child"] in (None, member))


async def _opened(visit: Visit, family: str, member: str, what: str) -> dict[str, Any]:
    of, path, _ = SHEETS[what]
    base = f"family/families/{quoted(family)}/{of}/{quoted(member)}/{path}"
    found: dict[str, Any] = await visit.get(base)
    return found


PAGES = (
    Page("/famille", _dossier),
    Page("/famille/nouveau/{kind}", _new, _add),
    Page("/famille/{family}/modifications/{change}/retrait", _dossier, _take_back),
    Page("/famille/{family}/{member}/retrait", _dossier, _remove),
    Page("/famille/{family}/{member}/{sheet:fiche-sanitaire|banque}", _sheet),
    Page("/famille/{family}/{member}/{field}", _field, _change),
)
