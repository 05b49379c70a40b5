"""Dossier famille: each member's fields, what waits beside them in yellow and in words; members to
add; what is kept sealed, and who read it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from aiohttp import web

from services.portal.answers import INPUTS, PARTS, told, touches
from services.portal.gateway import Problem
from services.portal.web import Page, Visit, quoted, safe_path
from services.portal.words import LEVELS
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
_HEALTH = "fiche-sanitaire"
_CERTIFICATE = "health_certificate"
#: What the town cannot do without of the first parent, whatever its rules.
_OF_THE_HOLDER = frozenset({"first_name", "last_name", "birth_date", "phone", "address"})
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
    labels |= LEVELS if field.get("name") == "level" else {}
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


# -- one member -----------------------------------------------------------------------------------


async def _member(visit: Visit) -> web.Response:
    """What the family may change of one of its own, in one form."""
    family, member = await _found(visit)
    fields = [one for one in member["fields"] if _plain(one)]
    return _form(visit, family, member, fields, _back(visit, member))


async def _sealed(visit: Visit) -> web.Response:
    """A sheet that is kept sealed, in one form."""
    family, member = await _found(visit)
    fields = await _sealed_fields(visit, family, member)
    return _form(visit, family, member, fields, visit.path(_sheet_of(visit)))


def _back(visit: Visit, member: Mapping[str, Any], **query: str) -> str:
    """Where a member's form leads: where it was opened from, or to the member."""
    if wanted := visit.query.get("retour"):
        return safe_path(visit, wanted)
    return visit.path("/famille", **query) + f"#m{member['member']}"


def _form(
    visit: Visit, family: str, member: Mapping[str, Any], fields: Sequence[Mapping[str, Any]],
    back: str,
) -> web.Response:  # fmt: skip
    starred = _OF_THE_HOLDER if member["kind"] == "holder" else frozenset()
    sheet = SHEETS.get(visit.request.match_info.get("sheet", ""))
    return visit.show(
        "dossier-member.html", family=family, member=member, name=name_of, value=value_words,
        fields=[{**one, "rule": "required"} if one["name"] in starred else one for one in fields],
        back=back, known=known_of, parts=PARTS, inputs=INPUTS, title=sheet[2] if sheet else "",
    )  # fmt: skip


async def _found(visit: Visit) -> tuple[str, dict[str, Any]]:
    """The family and its member; who may change nothing of them finds nothing here."""
    family, wanted = (visit.request.match_info[one] for one in ("family", "member"))
    for member in (await _of(visit, family))["members"]:
        if member["member"] == wanted and any(one["editable"] for one in member["fields"]):
            return family, member
    raise Problem(404, {"code": "not-found", "detail": "Ces informations ne se modifient pas ici."})


def _plain(field: Mapping[str, Any]) -> bool:
    return bool(field["editable"] and not field["sealed"] and field["kind"] != "certificate")


async def _sealed_fields(
    visit: Visit, family: str, member: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """What is sealed, opened; and what certifies it where it is of health."""
    what = visit.request.match_info["sheet"]
    opened = (await _opened(visit, family, member["member"], what))["sheet"]["fields"]
    fields = [one for one in opened if one["editable"]]
    return fields + [one for one in member["fields"] if _certifies(one, what)]


def _certifies(field: Mapping[str, Any], what: str) -> bool:
    return bool(what == _HEALTH and field["kind"] == "certificate" and field["editable"])


async def _change(visit: Visit) -> web.Response:
    family, member = await _found(visit)
    fields = [one for one in member["fields"] if _plain(one)]
    message = await _send_changed(visit, family, member, fields)
    return visit.go_to(_back(visit, member, message=message))


async def _change_sealed(visit: Visit) -> web.Response:
    family, member = await _found(visit)
    fields = await _sealed_fields(visit, family, member)
    message = await _send_changed(visit, family, member, fields)
    return visit.go(_sheet_of(visit), message=message)


async def _certify(visit: Visit) -> web.Response:
    """What the sheet says is right as it stands."""
    family, member = await _found(visit)
    what = visit.request.match_info["sheet"]
    fields = [one for one in member["fields"] if _certifies(one, what)]
    if not any(told(one, visit.form, one["name"]) for one in fields):
        detail = "Cochez la case qui certifie les informations sur la santé de l'enfant."
        wrong = {"code": "certificate-missing", "field": f"/{_CERTIFICATE}", "detail": detail}
        raise Problem(422, wrong)
    await _send_changed(visit, family, member, fields)
    return visit.go(_sheet_of(visit), message="sante-certifiee")


def _sheet_of(visit: Visit) -> str:
    family, member, what = (visit.request.match_info[one] for one in ("family", "member", "sheet"))
    return f"/famille/{family}/{member}/{what}"


async def _send_changed(
    visit: Visit, family: str, member: Mapping[str, Any], fields: Sequence[Mapping[str, Any]]
) -> str:
    """Send what was changed, and nothing else; the message to say. Raises ``Problem`` with the
    fields as the form calls them."""
    starred = _OF_THE_HOLDER if member["kind"] == "holder" else frozenset()
    changes: list[dict[str, Any]] = []
    for field in fields:
        name = field["name"]
        value = told(field, visit.form, name)
        if value is None and name in starred:
            detail = f"{field['label']} : champ obligatoire."
            raise Problem(422, {"code": "invalid-input", "field": f"/{name}", "detail": detail})
        if field["kind"] == "file":
            value = next(iter(await visit.send_files(name)), None)
            touched = value is not None
        else:
            touched = touches(field, known_of(field), visit.form, name)
        if touched and not field["waiting"]:
            changes.append(_set(member, field, value, visit.form.get(f"_base/{name}")))
    if not changes:
        return "modification-aucune"
    names = {f"changes/{place}": one["field"] for place, one in enumerate(changes)}
    try:
        await _send(visit, family, changes)
    except Problem as problem:
        if problem.code == "certificate-missing":
            names = dict.fromkeys(names, _CERTIFICATE)
        raise problem.named(names) from None
    return "modification-envoyee"


def known_of(field: Mapping[str, Any]) -> Any:
    """What a form shows of a field: of what is added to, or kept from eyes, nothing."""
    return None if field["kind"] in ("iban", "quotient") else field["value"]


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
        certificates=[one for one in held["fields"] if _certifies(one, what)], what=what,
        parts=PARTS, inputs=INPUTS,
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
    Page("/famille/{family}/{member}", _member, _change),
    Page("/famille/{family}/{member}/{sheet:fiche-sanitaire|banque}", _sheet, _certify),
    Page(
        "/famille/{family}/{member}/{sheet:fiche-sanitaire|banque}/modifier",
        _sealed,
        _change_sealed,
    ),
)
