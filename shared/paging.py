"""Listings, page by page: each page follows a document of the page before.

A page is what comes after that document *in the order*, not after a number of documents: what
is added or taken away meanwhile neither repeats nor hides anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.errors import unknown_cursor
from shared.store import Document, Store


async def page(
    store: Store,
    collection: str,
    *,
    within: Mapping[str, Any],
    only: Mapping[str, Any],
    order: Sequence[tuple[str, int]],
    after: str | None,
    limit: int,
    projection: Mapping[str, Any] | None = None,
) -> list[Document]:
    """At most ``limit`` documents that match ``within`` and ``only``, those following ``after``.

    ``within`` is what the reader may reach: raises ``Refused`` (422) when no such document has
    the id ``after``. It need not match ``only``, which it may have done when it was listed. The
    fields of ``order`` (1 up, -1 down) are never missing; together they tell documents apart.
    """
    conditions = [within, only]
    if after is not None:
        cursor = {"$and": [{"_id": after}, within]}
        last = await store.first(collection, cursor, projection={name: 1 for name, _ in order})
        if last is None:
            raise unknown_cursor()
        conditions.append(_following(last, order))
    return await store.find(
        collection, {"$and": conditions}, sort=order, limit=limit, projection=projection
    )


def _following(last: Document, order: Sequence[tuple[str, int]]) -> Document:
    """The condition on what comes after ``last``: level on the first fields, beyond on the next."""
    beyond = []
    for position, (name, direction) in enumerate(order):
        level = {same: last[same] for same, _ in order[:position]}
        beyond.append({**level, name: {"$gt" if direction > 0 else "$lt": last[name]}})
    return {"$or": beyond}
