"""Supporting documents as their readers may see them.

A document about a child is seen by the guardians who may see the child; one about a guardian by
that guardian; one about the family by all of them, but its files only by who sent them, because
they may show an address that the other parent must not learn. Agents see the town's; what is
about health only those who deal with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.family.domain.documents import About, SupportingDocument, Version
from services.family.domain.household import Family
from services.family.domain.uploads import KeptFile
from services.family.queries.households import family_of, of_bearer
from services.family.queries.uploads import content_of
from services.family.state import State
from services.family.store.documents import document_in
from shared.auth import AgentScope, Bearer, FamilyScope, Scope
from shared.contracts.town_file import DocumentType
from shared.copies import Town
from shared.errors import not_found
from shared.web.routes import File

#: Who deals with health.
HEALTH_ROLES = frozenset({"childcare_office"})
_WHAT = "ce document"


@dataclass(frozen=True, slots=True)
class Seen:
    """A document with its type, to a reader."""

    document: SupportingDocument
    kind: DocumentType


def type_of(town: Town, kind: str) -> DocumentType:
    """A type, also when the town no longer asks for it: then nobody knows whether it is about
    health."""
    return town.file.document_type(kind) or DocumentType(id=kind, name=kind, health=True)


def may_read(scope: Scope, kind: DocumentType) -> bool:
    """Whether an agent's roles reach documents of that type; a guardian's rights are by child."""
    return not (kind.health and isinstance(scope, AgentScope) and not scope.roles & HEALTH_ROLES)


def may_act_on(scope: FamilyScope, family: Family, about: About) -> bool:
    """Whether a guardian may send or take back for that person."""
    me = family.guardian(scope.guardian_of(family.id))
    if me is None:
        return False
    if about.child is not None:
        ids = {one.id for one in family.children if about.child in one.ids}
        return any(right.child in ids and right.decide for right in me.rights)
    return about.guardian is None or about.guardian in me.ids


async def of_family(state: State, scope: Scope, family: str) -> tuple[Family, list[Seen]]:
    """A family, and its documents that the bearer may see. Raises ``Refused`` (404)."""
    known, _ = await family_of(state, scope, family)
    town = await state.towns.get(scope.town)
    found = [
        Seen(one, type_of(town, one.type))
        for one in await state.documents.of_family(scope, known)
        if not one.removed
    ]
    return known, [
        one for one in found if may_read(scope, one.kind) and sees(scope, known, one.document.about)
    ]


async def one_of(state: State, scope: Scope, document: str) -> Seen:
    """A document that the bearer may see. Raises ``Refused`` (404)."""
    stored = await state.documents.one(scope, document)
    if stored is None:
        raise not_found(_WHAT)
    known = document_in(stored)
    kind = type_of(await state.towns.get(scope.town), known.type)
    shown = not known.removed and may_read(scope, kind)
    if shown and isinstance(scope, FamilyScope):
        shown = any(sees(scope, one, known.about) for one, _ in await of_bearer(state, scope))
    if not shown:
        raise not_found(_WHAT)
    return Seen(known, kind)


async def file_of(state: State, scope: Scope, bearer: Bearer, document: str, file: str) -> File:
    """A file of a document, to who may open it; that something about health is read is recorded
    first. Raises ``Refused`` (404)."""
    seen = await one_of(state, scope, document)
    kept = next(
        (f for one in seen.document.versions if opens(scope, seen.document, one)
         for f in one.files if f.id == file),
        None,
    )  # fmt: skip
    if kept is None:
        raise not_found("ce fichier")
    if seen.kind.health:
        about = seen.document.about
        await state.audit.sensitive_read(
            bearer, "health_document", family=about.family, child=about.child
        )
    return await content_of(state, kept)


async def abouts(state: State, scope: AgentScope, documents: Sequence[str]) -> list[About]:
    """Whom these documents are about, those that the agent may read or not."""
    return await state.documents.abouts(scope, documents)


async def waiting(
    state: State, scope: AgentScope, kind: str | None, after: str | None, limit: int
) -> list[Seen]:
    """A page of what waits for an agent."""
    town = await state.towns.get(scope.town)
    known = town.file.document_types().values()
    only: dict[str, Any]
    if kind is not None:
        only = {"type": {"$in": [kind] if may_read(scope, type_of(town, kind)) else []}}
    elif scope.roles & HEALTH_ROLES:
        # Also what is of types that the town's file has no more.
        only = {"type": {"$nin": [one.id for one in known if not may_read(scope, one)]}}
    else:
        only = {"type": {"$in": [one.id for one in known if may_read(scope, one)]}}
    found = await state.documents.waiting(scope, only, after, limit)
    return [Seen(one, type_of(town, one.type)) for one in found]


def opens(scope: Scope, document: SupportingDocument, version: Version) -> bool:
    """Whether a reader of the document may open the files of that version."""
    if isinstance(scope, AgentScope) or document.about.child or document.about.guardian:
        return True
    return version.account == scope.account


def files_opened(
    scope: Scope, document: SupportingDocument, version: Version
) -> Sequence[KeptFile]:
    """The files of a version that a reader may open."""
    return version.files if opens(scope, document, version) else ()


def sees(scope: Scope, family: Family, about: About) -> bool:
    """Whether a reader of the family sees the documents about that person, or about it."""
    if isinstance(scope, AgentScope):
        return True
    if about.child is not None:
        return any(about.child in child.ids for child in family.children)
    if about.guardian is None:
        return about.family in family.ids
    me = family.guardian(scope.guardian_of(family.id))
    return me is not None and about.guardian in me.ids
