"""News for whom it is; published documents for everybody."""

from __future__ import annotations

from collections.abc import Callable

from services.family.domain.news import NewsItem, PublishedDocument
from services.family.queries import households
from services.family.queries.sites import attended
from services.family.queries.uploads import content_of
from services.family.state import State
from shared.auth import AgentScope, Scope
from shared.errors import not_found
from shared.web.routes import File


async def page(
    state: State, scope: Scope, *, everything: bool, after: str | None, limit: int
) -> tuple[list[NewsItem], str | None]:
    """A page of news for the bearer, and after which item the next begins. A page may hold fewer
    than ``limit``: what is for others is left out of it."""
    now = state.clock.town()
    whole = everything and isinstance(scope, AgentScope)
    found = await state.news.listed(scope.town, None if whole else now, after, limit)
    seen = await _reader(state, scope)
    following = found[-1].id if len(found) == limit else None
    return [one for one in found if seen(one)], following


async def one_of(state: State, scope: Scope, item: str) -> NewsItem:
    """An item, to whom it is for. Raises ``Refused`` (404)."""
    found = await state.news.item(scope.town, item)
    if found is None:
        raise not_found("cette actualité")
    known, _ = found
    if isinstance(scope, AgentScope):
        return known
    if not known.shown(state.clock.town()) or not (await _reader(state, scope))(known):
        raise not_found("cette actualité")
    return known


async def file_of(state: State, scope: Scope, item: str, file: str) -> File:
    """An attachment. Raises ``Refused`` (404)."""
    kept = (await one_of(state, scope, item)).file(file)
    if kept is None:
        raise not_found("ce fichier")
    return await content_of(state, kept)


async def published(state: State, town: str) -> list[PublishedDocument]:
    """What everybody may download."""
    await state.towns.get(town)
    return await state.news.all_published(town)


async def published_file(state: State, town: str, document: str) -> File:
    """A published document's file. Raises ``Refused`` (404)."""
    found = await state.news.published(town, document)
    if found is None:
        raise not_found("ce document")
    return await content_of(state, found[0].file)


async def _reader(state: State, scope: Scope) -> Callable[[NewsItem], bool]:
    """Tells what is for the bearer."""
    if isinstance(scope, AgentScope):
        return lambda _: True
    families = await households.of_bearer(state, scope)
    children = [child for family, _ in families for child in family.children]
    at = await attended(state, scope.town, children)
    return lambda item: item.is_for(linked=bool(families), at=at)
