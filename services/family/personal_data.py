"""What family holds of the bearer's families."""

from __future__ import annotations

from typing import Any

from services.family.commands import registering
from services.family.queries import documents, letters
from services.family.queries.dossiers import dossier
from services.family.schemas.dossiers import FieldOut
from services.family.state import State
from shared.auth import FamilyScope
from shared.errors import Refused
from shared.personal_data import Section, section

_PAGE = 100
_SIDES = {"family": "famille", "town": "commune"}
_SEALED = "gardé chiffré : à lire dans le dossier"
_PARTS = {
    "guardian": "Premier responsable", "second_guardian": "Second responsable",
    "children": "Enfants", "contacts": "Contacts", "household": "Famille",
}  # fmt: skip
_TITLES = {
    "household": "Famille", "guardian": "Responsables", "child": "Enfants", "contact": "Contacts",
}  # fmt: skip


async def collect(state: State, scope: FamilyScope) -> list[Section]:
    """Every field that the bearer may see of each family, and the changes that wait."""
    entries: dict[str, list[dict[str, object]]] = {owner: [] for owner in _TITLES}
    waiting = []
    for right in scope.families:
        try:
            shown, _ = await dossier(state, scope, right.family)
        except Refused:  # a family that has gone is nobody's any more
            continue
        for member in shown.members:
            about: dict[str, object] = {"Dossier": shown.reference, "Qualité": member.kind}
            about |= {one.label: _value(one) for one in member.fields if one.filled}
            entries[member.owner].append(about)
            waiting += [
                {"Dossier": shown.reference, "Rubrique": one.label, "Envoyée le": one.waiting.at,
                 "Valeur": one.waiting.value}
                for one in member.fields
                if one.waiting
            ]  # fmt: skip
    sections = [section(title, entries[owner]) for owner, title in _TITLES.items()]
    return [
        *sections,
        section("Modifications en attente", waiting),
        section("Pièces justificatives", await _documents(state, scope)),
        section("Demandes à la commune", await _letters(state, scope)),
        section("Dossier créé en ligne", await _registration(state, scope)),
    ]


async def _documents(state: State, scope: FamilyScope) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for right in scope.families:
        try:
            _, seen = await documents.of_family(state, scope, right.family)
        except Refused:
            continue
        found += [
            {
                "Pièce": one.kind.name, "État": one.document.state,
                "Valable jusqu'au": one.document.standing.valid_until,
                "Envois": [
                    f"{sent.sent_at:%d/%m/%Y} : {sent.state}"
                    + (f" ({sent.reason})" if sent.reason else "")
                    for sent in one.document.versions
                ],
                "Fichiers": [file.name for sent in one.document.versions
                             for file in documents.files_opened(scope, one.document, sent)],
            }
            for one in seen
        ]  # fmt: skip
    return found


async def _registration(state: State, scope: FamilyScope) -> list[dict[str, object]]:
    """The form of the bearer's own, as far as it is kept."""
    document, draft = await registering.mine(state, scope)
    if document is None or "draft" not in document:
        return []
    form = draft.model_dump(mode="json", exclude_none=True)
    return [{_PARTS.get(part, part): _told(value) for part, value in form.items()}]


def _told(value: Any) -> object:
    """A part of the form, one line for each thing told."""
    if isinstance(value, dict):
        return ", ".join(f"{name} : {_told(one)}" for name, one in value.items())
    return [_told(one) for one in value] if isinstance(value, list) else value


async def _letters(state: State, scope: FamilyScope) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    after = None
    while True:
        page = await letters.own(state, scope, letters.Filter(), after, _PAGE)
        found += [
            {
                "Catégorie": one.category, "Envoyée le": one.messages[0].at, "État": one.state,
                "Formulaire": one.fields,
                "Messages": [f"{_SIDES[said.side]} : {said.text}" for said in one.messages],
            }
            for one in page
        ]  # fmt: skip
        if len(page) < _PAGE:
            return found
        after = page[-1].id


def _value(field: FieldOut) -> object:
    return _SEALED if field.sealed else field.value
