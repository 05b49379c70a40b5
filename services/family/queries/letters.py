"""Letters as their readers may see them.

A letter is its writer's. Where it is about a child and shared, the guardians who may see the
child see it too. Agents see those of the categories that their role answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.family.domain.letters import Letter, LetterState
from services.family.queries import households
from services.family.queries.uploads import content_of
from services.family.state import State
from services.family.store.letters import letter_in
from shared.auth import AgentScope, FamilyScope, Scope
from shared.contracts.town_file import LetterCategory
from shared.copies import Town
from shared.errors import not_found
from shared.web.routes import File

_WHAT = "cette demande"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which letters of the town."""

    state: LetterState | None = None
    category: str | None = None
    family: str | None = None
    unread: bool | None = None


async def categories(state: State, town: str) -> Sequence[LetterCategory]:
    """What families may write about."""
    return (await state.towns.get(town)).file.letter_categories()


def category_of(town: Town, category: str) -> LetterCategory:
    """A letter's category, also when the town has none of that id any more: then administrators
    answer, and nothing is told of it."""
    found = town.file.letter(category)
    return found or LetterCategory(
        id=category, label=category, role="administrator", sensitive=True
    )


def answers(scope: AgentScope, category: LetterCategory) -> bool:
    """Whether an agent deals with letters of a category."""
    return bool(scope.roles & {category.role, "administrator"})


async def own(
    state: State, scope: FamilyScope, wanted: Filter, after: str | None, limit: int
) -> list[Letter]:
    """A page of a guardian's letters, newest first; of all their families, or of the ``wanted``
    one. Raises ``Refused`` (404)."""
    mine = [family for family, _ in await households.of_bearer(state, scope)]
    own: dict[str, Any] = {"account": scope.account}
    if wanted.family is not None:
        mine = [family for family in mine if wanted.family in family.ids]
        if not mine:
            raise not_found("ce dossier")
        own["family"] = {"$in": sorted(mine[0].ids)}
    shared = [
        {
            "family": {"$in": sorted(family.ids)}, "shared": True,
            "child": {"$in": sorted(_id for one in family.children for _id in one.ids)},
        }
        for family in mine
    ]  # fmt: skip
    return await state.letters.of_families(scope, [own, *shared], wanted.state, after, limit)


async def of_town(
    state: State, scope: AgentScope, wanted: Filter, after: str | None, limit: int
) -> list[Letter]:
    """A page of the letters that an agent deals with, newest first."""
    town = await state.towns.get(scope.town)
    within: dict[str, Any]
    if "administrator" in scope.roles:
        # Also letters of categories that the town's file has no more.
        within = {} if wanted.category is None else {"category": wanted.category}
    else:
        known = [
            one.id
            for one in town.file.letter_categories()
            if answers(scope, one) and wanted.category in (None, one.id)
        ]
        within = {"category": {"$in": known}}
    only: dict[str, Any] = {
        name: getattr(wanted, name)
        for name in ("state", "unread")
        if getattr(wanted, name) is not None
    }
    if wanted.family is not None:
        only["family"] = {"$in": await state.families.records(scope, wanted.family)}
    return await state.letters.of_town(scope, within, only, after, limit)


async def one_of(state: State, scope: Scope, letter: str) -> Letter:
    """A letter that the bearer may see. Raises ``Refused`` (404)."""
    stored = await state.letters.one(scope, letter)
    if stored is None or not await sees(state, scope, letter_in(stored)):
        raise not_found(_WHAT)
    return letter_in(stored)


async def sees(state: State, scope: Scope, letter: Letter) -> bool:
    """Whether the bearer may see a letter within their scope."""
    if isinstance(scope, AgentScope):
        return answers(scope, category_of(await state.towns.get(scope.town), letter.category))
    mine = [family for family, _ in await households.of_bearer(state, scope)]
    family = next((one for one in mine if letter.family in one.ids), None)
    if family is None:
        return False
    if letter.account == scope.account:
        return True
    return letter.shared and any(letter.child in child.ids for child in family.children)


async def file_of(state: State, scope: Scope, letter: str, file: str) -> File:
    """An attachment. Raises ``Refused`` (404)."""
    kept = (await one_of(state, scope, letter)).file(file)
    if kept is None:
        raise not_found("ce fichier")
    return await content_of(state, kept)
