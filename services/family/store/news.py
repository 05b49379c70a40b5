"""``news`` and ``published``: what the town tells, one document each. Guarded by ``v``.

Neither says an event: they are read where they are kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from pymongo import IndexModel

from services.family.domain.news import NewsItem, PublishedDocument
from shared.failpoints import Step, step
from shared.paging import page
from shared.store import Document, Store

NEWS, PUBLISHED = "news", "published"
INDEXES = {
    NEWS: [
        IndexModel([("town", 1), ("starts", -1), ("_id", -1)]),
        IndexModel([("files.id", 1)]),
    ],
    PUBLISHED: [IndexModel([("town", 1), ("heading", 1)]), IndexModel([("file.id", 1)])],
}

WRITE_NEWS = step("family.news.write")
PUBLISH = step("family.published.write")
DELETE = step("family.news.delete")

_ORDER = (("starts", -1), ("_id", -1))
_MOST = 500
ItemT = TypeVar("ItemT", NewsItem, PublishedDocument)


class NewsStore:
    """Every query and write about what the town tells."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def item(self, town: str, item: str) -> tuple[NewsItem, Document] | None:
        """A news item of the town with what is stored of it."""
        return await self._one(NewsItem, NEWS, town, item)

    async def published(self, town: str, item: str) -> tuple[PublishedDocument, Document] | None:
        """A published document of the town with what is stored of it."""
        return await self._one(PublishedDocument, PUBLISHED, town, item)

    async def listed(
        self, town: str, now: datetime | None, after: str | None, limit: int
    ) -> list[NewsItem]:
        """A page of the town's news, newest first: all, or those shown at an instant."""
        only: Document = {}
        if now is not None:
            only = {"starts": {"$lte": now}, "$or": [{"ends": None}, {"ends": {"$gt": now}}]}
        found = await page(
            self._store, NEWS, within={"town": town}, only=only, order=_ORDER, after=after,
            limit=limit,
        )  # fmt: skip
        return [_read(NewsItem, document) for document in found]

    async def all_published(self, town: str) -> list[PublishedDocument]:
        """The town's published documents, by heading and title."""
        found = await self._store.find(
            PUBLISHED, {"town": town},
            sort=[("heading", 1), ("title", 1), ("_id", 1)], limit=_MOST,
        )  # fmt: skip
        return [_read(PublishedDocument, document) for document in found]

    async def save(self, before: Document | None, after: NewsItem | PublishedDocument) -> bool:
        """Keep an item, new or as it was read; False when another was there before."""
        news = isinstance(after, NewsItem)
        at: Step = WRITE_NEWS if news else PUBLISH
        collection = NEWS if news else PUBLISHED
        fields = after.model_dump(exclude={"id"})
        if before is None:
            return await self._store.insert(at, collection, {"_id": after.id, **fields})
        return await self._store.save(at, collection, before, {"$set": fields})

    async def delete(self, item: NewsItem | PublishedDocument) -> bool:
        """Remove an item; False when it is gone already."""
        news = isinstance(item, NewsItem)
        collection = NEWS if news else PUBLISHED
        return bool(await self._store.delete(DELETE, collection, {"_id": item.id}))

    async def _one(
        self, model: type[ItemT], collection: str, town: str, item: str
    ) -> tuple[ItemT, Document] | None:
        document = await self._store.first(collection, {"_id": item, "town": town})
        return (_read(model, document), document) if document else None


def _read(model: type[ItemT], document: Document) -> ItemT:
    return model.model_validate({**document, "id": document["_id"]})
