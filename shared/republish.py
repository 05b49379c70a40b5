"""Saying current states again, so that others' copies can be rebuilt.

Each document is saved as it is, with its state events: their sequence is higher than any said
before, so a consumer takes them whatever it holds, and the running service's relay says them.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.failpoints import step
from shared.runner import StatesOf
from shared.store import Document, Store, town_of

SAY_AGAIN = step("republish.say-again")

_BATCH = 200


async def republish(store: Store, states: Mapping[str, StatesOf], town: str | None = None) -> int:
    """Say every document's states again, or only those of ``town``; how many documents did."""
    said = 0
    for collection, states_of in states.items():
        last = ""
        while documents := await store.find(
            collection, {"_id": {"$gt": last}}, sort=[("_id", 1)], limit=_BATCH
        ):
            for document in documents:
                said += await _say_again(store, collection, document, states_of, town)
            last = documents[-1]["_id"]
    return said


async def _say_again(
    store: Store, collection: str, read: Document, states_of: StatesOf, town: str | None
) -> bool:
    document: Document | None = read
    while document is not None:
        events = [
            event for event in states_of(document) if town in (None, town_of(event, document))
        ]
        if not events:
            return False
        if await store.save(SAY_AGAIN, collection, document, {}, *events):
            return True
        document = await store.get(collection, document["_id"])
    return False
