"""Saying current states again, so that others' copies can be rebuilt.

Each document is saved as it is, with its state events: their sequence is higher than any said
before, so a consumer takes them whatever it holds, and the running service's relay says them.

Not so where the publisher's database went back in time: there ``lift_numbers`` comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from shared.failpoints import step
from shared.pending import town_of
from shared.runner import StatesOf
from shared.store import Document, Store

SAY_AGAIN = step("republish.say-again")
LIFT = step("republish.lift-numbers")

_BATCH = 200
_LIFTED_SINCE = datetime(2020, 1, 1, tzinfo=UTC)


async def lift_numbers(store: Store, states: Mapping[str, StatesOf], now: datetime) -> None:
    """Number the events to come above all that were said before a restoration from a dump.

    How many those were is in no database any more, but they came from one document at less than
    one a second: the seconds since 2020 are above them, also when the same dump is restored
    twice, and fit the 31 bits of CloudEvents' sequence until 2088. ``now`` is the machine's.
    """
    floor = int((now - _LIFTED_SINCE).total_seconds())
    for collection in states:
        below = {"seq": {"$not": {"$gte": floor}}}
        await store.change_many(LIFT, collection, below, {"$max": {"seq": floor}})


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
