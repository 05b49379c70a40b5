"""What a family tells of one field of its dossier, from a form to the API's value.

A field's inputs are named as the API's pointer would name it; where a value has parts, each has an
input of its own under that name. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from services.portal.forms import Form


@dataclass(frozen=True)
class Part:
    """One input of a value with several; ``type`` is the input's, ``yes`` a box."""

    name: str
    label: str
    type: Literal["text", "tel", "date", "area", "yes"] = "text"
    required: bool = True


#: Kinds of fields whose value has parts.
PARTS: Final[Mapping[str, tuple[Part, ...]]] = MappingProxyType({
    "address": (
        Part("street", "Numéro et rue"), Part("postcode", "Code postal"), Part("city", "Commune"),
    ),
    "quotient": (
        Part("value", "Montant, en euros"), Part("effect", "À partir du", "date"),
    ),
    "insurance": (
        Part("company", "Compagnie"), Part("policy", "Numéro de contrat"),
        Part("until", "Valable jusqu'au", "date", required=False),
    ),
    "doctor": (Part("name", "Nom"), Part("phone", "Téléphone", "tel")),
    "care_plan": (
        Part("first", "Du", "date"), Part("last", "Au", "date"),
        Part("protocol", "Ce qu'il faut faire", "area"),
        Part("kit", "Où se trouve la trousse d'urgence", required=False),
        Part("packed_meal", "La famille fournit le panier repas", "yes", required=False),
    ),
})  # fmt: skip

#: The type of the input, for values without parts; what is left out is a text.
INPUTS: Final = MappingProxyType({
    "date": "date", "birth_date": "date", "email": "email", "phone": "tel", "file": "file",
})  # fmt: skip


def told(field: Mapping[str, Any], form: Form, name: str) -> Any:
    """What the form says of a field; nothing where it was left empty."""
    kind = field["kind"]
    if kind in PARTS:
        parts = {one.name: _part(one, form, f"{name}/{one.name}") for one in PARTS[kind]}
        given = {part: value for part, value in parts.items() if value not in ("", None)}
        return given if any(value is not False for value in given.values()) else None
    if kind == "fact" and field["choices"]:
        return form.get(name) or None
    return _READ.get(kind, _text)(field, form, name)


def touches(field: Mapping[str, Any], known: Any, form: Form, name: str) -> bool:
    """Whether the form says something else than what its inputs showed of a value."""
    return bool(told(field, form, name) != told(field, Form(_shown(field, known, name)), name))


def _shown(field: Mapping[str, Any], known: Any, name: str) -> dict[str, list[str]]:
    """What the inputs of a field hold before anybody types."""
    kind = field["kind"]
    if kind in PARTS:
        parts = known or {}
        return {f"{name}/{one.name}": [_said(parts.get(one.name))] for one in PARTS[kind]}
    if kind == "vaccinations":
        rows = known or ()
        return {f"{name}/{part}": [one[part] for one in rows] for part in ("vaccine", "on")}
    return {name: [_said(known.get("given") if isinstance(known, Mapping) else known)]}


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "oui" if value else "non"
    return "" if value is None else str(value)


def _part(part: Part, form: Form, name: str) -> Any:
    return form.get(name) == "oui" if part.type == "yes" else _lines(form.get(name))


def _text(_: Mapping[str, Any], form: Form, name: str) -> Any:
    return _lines(form.get(name)) or None


def _lines(text: str) -> str:
    """With ends of lines as they were before a browser sent them."""
    return text.replace("\r\n", "\n")


def _yes_no(_: Mapping[str, Any], form: Form, name: str) -> Any:
    return {"oui": True, "non": False}.get(form.get(name))


def _consent(field: Mapping[str, Any], form: Form, name: str) -> Any:
    given = _yes_no(field, form, name)
    if given is None:
        return None
    return {"given": given, "version": field["statement"]["version"]}


def _certificate(field: Mapping[str, Any], form: Form, name: str) -> Any:
    if form.get(name) != "oui":
        return None
    return {"certified": True, "version": field["statement"]["version"]}


def _vaccinations(_: Mapping[str, Any], form: Form, name: str) -> Any:
    rows = zip(form.all(f"{name}/vaccine"), form.all(f"{name}/on"), strict=False)
    return [{"vaccine": vaccine, "on": on} for vaccine, on in rows if vaccine and on] or None


def _iban(_: Mapping[str, Any], form: Form, name: str) -> Any:
    return "".join(form.get(name).split()).upper() or None


_READ: Final[Mapping[str, Callable[[Mapping[str, Any], Form, str], Any]]] = MappingProxyType({
    "yes_no": _yes_no, "fact": _yes_no, "consent": _consent, "certificate": _certificate,
    "vaccinations": _vaccinations, "iban": _iban,
})  # fmt: skip
