"""Dossier famille: each member's fields, what waits beside them in yellow and in words."""

from __future__ import annotations

from datetime import date
from typing import Any

from aiohttp import web

from services.portal.gateway import Problem
from services.portal.pages.people import people_of
from services.portal.web import Page, Visit, quoted
from shared.french import day_digits

#: Kinds of fields that one line of text edits; the others have a form of their own.
SIMPLE = frozenset({
    "text", "long_text", "phone", "email", "date", "birth_date", "yes_no", "school", "level",
    "diet", "scheme", "tax_reference", "sex", "birth_place", "birth_country", "consent", "address",
})  # fmt: skip


async def _dossier(visit: Visit) -> web.Response:
    people = await people_of(visit)
    dossiers = [
        await visit.get(f"family/families/{quoted(one['family'])}/dossier")
        for one in people.households
    ]
    return visit.show(
        "dossier.html", people=people, dossiers=dossiers, simple=SIMPLE, name=name_of,
        value=value_words,
    )  # fmt: skip


def value_words(field: dict[str, Any], *other: Any) -> str:
    """A field's value as one reads it; or another value of the same field."""
    value = other[0] if other else field["value"]
    chosen = next((one["label"] for one in field.get("choices", ()) if one["value"] == value), None)
    if chosen is not None:
        return str(chosen)
    if value is None or value == "":
        return "à compléter"
    if isinstance(value, bool):
        return "oui" if value else "non"
    if field["kind"] in ("date", "birth_date"):
        return day_digits(date.fromisoformat(value))
    if isinstance(value, dict):
        return ", ".join(
            value_words({"kind": ""}, one) for one in value.values() if one is not None
        )
    if isinstance(value, list):
        return ", ".join(value_words({"kind": ""}, one) for one in value)
    return str(value)


def name_of(member: dict[str, Any]) -> str:
    """A member's name, from its fields."""
    values = {one["name"]: one["value"] for one in member["fields"]}
    parts = [values.get(name) for name in ("first_name", "last_name")]
    return " ".join(str(one) for one in parts if one)


async def _field(visit: Visit) -> web.Response:
    family, member, field = await _found(visit)
    return visit.show("dossier-field.html", family=family, member=member, field=field, name=name_of)


async def _found(visit: Visit) -> tuple[str, dict[str, Any], dict[str, Any]]:
    family, wanted, name = (visit.request.match_info[one] for one in ("family", "member", "field"))
    dossier = await visit.get(f"family/families/{quoted(family)}/dossier")
    for member in dossier["members"]:
        for field in member["fields"]:
            if member["member"] == wanted and field["name"] == name and field["editable"]:
                return family, member, field
    raise Problem(404, {"code": "not-found", "detail": "Cette information ne se modifie pas ici."})


async def _change(visit: Visit) -> web.Response:
    family, member, field = await _found(visit)
    change = {
        "act": "set", "member": member["member"], "field": field["name"],
        "base": int(visit.form.get("_base") or field["revision"]), "value": _value(visit, field),
    }  # fmt: skip
    await visit.send("POST", f"family/families/{quoted(family)}/changes", {"changes": [change]})
    return visit.go("/famille", message="modification-envoyee")


def _value(visit: Visit, field: dict[str, Any]) -> Any:
    if field["kind"] == "address":
        return visit.form.body().get("value", {})
    if field["kind"] in ("yes_no", "consent"):
        return visit.form.get("value") == "oui"
    return visit.form.get("value") or None


async def _take_back(visit: Visit) -> web.Response:
    family, change = (quoted(visit.request.match_info[one]) for one in ("family", "change"))
    await visit.send("DELETE", f"family/families/{family}/changes/{change}")
    return visit.go("/famille", message="modification-retiree")


PAGES = (
    Page("/famille", _dossier),
    Page("/famille/{family}/modifications/{change}/retrait", _dossier, _take_back),
    Page("/famille/{family}/{member}/{field}", _field, _change),
)
