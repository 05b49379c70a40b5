"""What the town tells: written, changed, taken away."""

from __future__ import annotations

from collections.abc import Sequence

from services.family.commands.uploads import own_files
from services.family.domain.news import NewsItem, PublishedDocument
from services.family.domain.uploads import KeptFile
from services.family.schemas.news import NewsIn, PublishedIn
from services.family.state import State
from shared.auth import AgentScope
from shared.errors import Refused, not_found
from shared.web.routes import Command


async def write(state: State, scope: AgentScope, wish: NewsIn, command: Command) -> NewsItem:
    """A news item; the same command again changes nothing. Raises ``Refused``: ``file-unknown``,
    ``invalid-input``."""
    known = await state.news.item(scope.town, command.id)
    if known is not None:
        return known[0]
    item = await _item(state, scope, command.id, wish, None)
    await state.news.save(None, item)
    return item


async def rewrite(state: State, scope: AgentScope, item: str, wish: NewsIn) -> NewsItem:
    """The item as it is wished now: the same again changes nothing. Files that nothing names any
    more are removed."""
    while True:
        found = await state.news.item(scope.town, item)
        if found is None:
            raise not_found("cette actualité")
        known, stored = found
        after = await _item(state, scope, item, wish, known)
        if after == known or await state.news.save(stored, after):
            await state.uploads.remove_unnamed([file.id for file in known.files])
            return after


async def remove(state: State, scope: AgentScope, item: str) -> None:
    """Take an item away, with its files. Raises ``Refused`` (404)."""
    found = await state.news.item(scope.town, item)
    if found is None or not await state.news.delete(found[0]):
        raise not_found("cette actualité")
    await state.uploads.remove_unnamed([file.id for file in found[0].files])


async def publish(
    state: State, scope: AgentScope, wish: PublishedIn, command: Command
) -> PublishedDocument:
    """A document for everybody; the same command again changes nothing. Raises ``Refused``:
    ``file-unknown``."""
    known = await state.news.published(scope.town, command.id)
    if known is not None:
        return known[0]
    (file,) = await own_files(state, scope, [wish.file], "/file")
    document = PublishedDocument(
        id=command.id, town=scope.town, heading=wish.heading, title=wish.title, file=file,
        published_at=state.clock.town(),
    )  # fmt: skip
    await state.news.save(None, document)
    return document


async def republish(
    state: State, scope: AgentScope, document: str, wish: PublishedIn
) -> PublishedDocument:
    """Another heading, title or file under the same address."""
    while True:
        found = await state.news.published(scope.town, document)
        if found is None:
            raise not_found("ce document")
        known, stored = found
        (file,) = await _files(state, scope, [wish.file], [known.file], "/file")
        after = known.model_copy(
            update={
                "heading": wish.heading, "title": wish.title, "file": file,
                "published_at": known.published_at if file == known.file else state.clock.town(),
            }
        )  # fmt: skip
        if after == known or await state.news.save(stored, after):
            await state.uploads.remove_unnamed([known.file.id])
            return after


async def withdraw(state: State, scope: AgentScope, document: str) -> None:
    """Take a published document away, with its file. Raises ``Refused`` (404)."""
    found = await state.news.published(scope.town, document)
    if found is None or not await state.news.delete(found[0]):
        raise not_found("ce document")
    await state.uploads.remove_unnamed([found[0].file.id])


async def _item(
    state: State, scope: AgentScope, _id: str, wish: NewsIn, known: NewsItem | None
) -> NewsItem:
    town = await state.towns.get(scope.town)
    schools = {school.id for school in town.file.schools}
    for position, school in enumerate(wish.schools):
        if school not in schools:
            field = f"/schools/{position}"
            raise Refused("invalid-input", f"{field} : école inconnue.", status=422, field=field)
    sites = {activity.site for activity in town.file.activities}
    for position, site in enumerate(wish.sites):
        if site not in sites:
            field = f"/sites/{position}"
            raise Refused("invalid-input", f"{field} : lieu inconnu.", status=422, field=field)
    files = await _files(state, scope, wish.files, known.files if known else (), "/files")
    starts = wish.starts or (known.starts if known else state.clock.town())
    return NewsItem(
        id=_id, town=scope.town, files=files, starts=starts,
        **wish.model_dump(include={"title", "text", "ends", "audience", "schools", "sites"}),
    )  # fmt: skip


async def _files(
    state: State,
    scope: AgentScope,
    wanted: Sequence[str],
    there: Sequence[KeptFile],
    field: str,
) -> tuple[KeptFile, ...]:
    """The files wished: those there already, and the bearer's own."""
    kept = {file.id: file for file in there}
    fresh = [_id for _id in wanted if _id not in kept]
    kept |= {file.id: file for file in await own_files(state, scope, fresh, field)}
    return tuple(kept[_id] for _id in wanted)
