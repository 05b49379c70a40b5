"""Use cases that only read: a guardian's household, an agent's search, a dossier."""

from __future__ import annotations

from services.family.domain.household import Family, words
from services.family.state import State
from services.family.store.families import family_in
from shared.auth import AgentScope, FamilyScope, Scope
from shared.errors import not_found

_WHAT = "ce dossier"


async def of_bearer(state: State, scope: FamilyScope) -> list[tuple[Family, str]]:
    """Each family of the bearer as they may see it, with the guardian that they are in it."""
    return [
        (seen, scope.guardian_of(family.id))
        for family in await state.families.all_in(scope)
        if (seen := await state.seen(scope, family))
    ]


async def family_of(
    state: State, scope: Scope, family: str, *, sealed: bool = False
) -> tuple[Family, int]:
    """One family as the bearer may see it, with its version. Raises ``Refused`` (404)."""
    document = await state.families.document(scope, family)
    if document is None:
        raise not_found(_WHAT)
    seen = await state.seen(scope, family_in(document), sealed=sealed)
    if seen is None:
        raise not_found(_WHAT)
    return seen, document["v"]


async def search(state: State, scope: AgentScope, text: str) -> list[Family]:
    """Families of the town whose reference and names have words beginning like ``text``'s."""
    wanted = words(text)
    return await state.families.matching(scope, wanted) if wanted else []


async def waiting(state: State, scope: AgentScope, after: str | None, limit: int) -> list[Family]:
    """Families whose changes wait for an agent, the longest waiting first, as the agent may see
    them. Raises ``Refused``: ``cursor-unknown``."""
    found = await state.families.waiting(scope, after, limit)
    seen = [await state.seen(scope, family_in(document)) for document in found]
    return [family for family in seen if family is not None]
