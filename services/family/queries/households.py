"""Use cases that only read: a guardian's household, an agent's search."""

from __future__ import annotations

from services.family.domain.household import Family, words
from services.family.state import State
from shared.auth import AgentScope, FamilyScope, Scope
from shared.errors import not_found

_WHAT = "ce dossier"


async def of_bearer(state: State, scope: FamilyScope) -> list[tuple[Family, str]]:
    """Each family of the bearer as they may see it, with the guardian that they are in it."""
    return [
        (seen, scope.guardian_of(family.id))
        for family in await state.families.all_in(scope)
        if (seen := _seen(family, scope))
    ]


async def family_of(state: State, scope: Scope, family: str) -> Family:
    """One family as the bearer may see it. Raises ``Refused`` (404)."""
    found = await state.families.one(scope, family)
    if found is not None and isinstance(scope, FamilyScope):
        found = _seen(found, scope)
    if found is None:
        raise not_found(_WHAT)
    return found


async def search(state: State, scope: AgentScope, text: str) -> list[Family]:
    """Families of the town whose reference and names have words beginning like ``text``'s."""
    wanted = words(text)
    return await state.families.matching(scope, wanted) if wanted else []


def _seen(family: Family, scope: FamilyScope) -> Family | None:
    """None when the bearer is no longer a guardian there, whatever their token still says."""
    guardian = family.guardian(scope.guardian_of(family.id))
    return None if guardian is None else family.seen_by(guardian)
