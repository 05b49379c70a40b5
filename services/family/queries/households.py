"""Use cases that only read: a guardian's household, an agent's search, a dossier."""

from __future__ import annotations

from collections.abc import Sequence

from services.family.domain.duplicates import ALIKE, Likeness, likeness, strong_keys_of
from services.family.domain.finding import wanted
from services.family.domain.household import Family
from services.family.state import State, actor_in
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


async def held_by(state: State, scope: Scope, family: str) -> tuple[Family, int]:
    """One family whole, with its version: to be shown through ``State.seen`` or a ``Sheet``.

    Raises ``Refused`` (404) when the bearer is nobody there.
    """
    document = await state.families.document(scope, family)
    if document is None:
        raise not_found(_WHAT)
    held = family_in(document)
    if actor_in(scope, held) is None:
        raise not_found(_WHAT)
    return held, document["v"]


async def family_of(state: State, scope: Scope, family: str) -> tuple[Family, int]:
    """One family as the bearer may see it, with its version. Raises ``Refused`` (404)."""
    held, version = await held_by(state, scope, family)
    seen = await state.seen(scope, held)
    if seen is None:
        raise not_found(_WHAT)
    return seen, version


async def search(state: State, scope: AgentScope, text: str) -> list[Family]:
    """Families of the town that answer all that an agent typed, the closest first: beginnings of
    names and references, telephones, e-mails, dates of birth; a slip in a name does not matter."""
    things = wanted(text)
    return await state.families.matching(scope, things) if things else []


async def named(state: State, scope: AgentScope, families: Sequence[str]) -> list[Family]:
    """Those of these families that the town has, as the agent may see them."""
    found = await state.families.reached(scope, families)
    return [seen for one in found if (seen := await state.seen(scope, one))]


async def alike(state: State, scope: AgentScope, family: Family) -> list[tuple[Family, Likeness]]:
    """Other records that may be the same family's, the likeliest first."""
    found = await state.families.with_keys(scope.town, strong_keys_of(family))
    scored = [(other, likeness(family, other)) for other in found if other.id != family.id]
    shown = [pair for pair in scored if pair[1].points >= ALIKE]
    return sorted(shown, key=lambda pair: (-pair[1].points, pair[0].reference))


async def waiting(state: State, scope: AgentScope, after: str | None, limit: int) -> list[Family]:
    """Families whose changes wait for an agent, whole, the longest waiting first: to be shown
    through a ``Sheet``. Raises ``Refused``: ``cursor-unknown``."""
    found = await state.families.waiting(scope, after, limit)
    return [family_in(document) for document in found]
