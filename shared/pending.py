"""What a write carries of the events that it says: the outbox of its document.

A document has ``seq``, which counts its events, and ``pending``, those the relay has not yet
published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared import context
from shared.clock import Clock
from shared.driver import Document
from shared.events import ALL_TOWNS, Event
from shared.ids import new_id

#: Beyond this many unpublished events on one document, commands on it are answered 503.
MAX_PENDING = 500
OUTBOX = {"seq": 1, "pending": 1}
ROOM_FOR_EVENTS = {f"pending.{MAX_PENDING - 1}": {"$exists": False}}


def town_of(event: Event, document: Mapping[str, Any]) -> str:
    """The town an event said by this document belongs to."""
    return getattr(event, "town", None) or document.get("town") or ALL_TOWNS


def entry(
    clock: Clock, collection: str, _id: str, document: Mapping[str, Any], event: Event
) -> Document:
    """An event as it waits to be published."""
    waiting = {
        "id": new_id(),
        "type": event.type,
        "subject": f"{collection}/{_id}",
        "time": clock.town(),
        "saved": clock.machine(),
        "town": town_of(event, document),
        "correlation": context.correlation.get() or new_id(),
        "data": event.model_dump(mode="json"),
    }
    if cause := context.causation.get():
        waiting["causation"] = cause
    return waiting


def with_events(
    clock: Clock,
    collection: str,
    _id: str,
    town: str | None,
    update: Mapping[str, Mapping[str, Any]],
    events: Sequence[Event],
) -> Document:
    """An update that counts as one write and carries these events."""
    merged: Document = {operator: dict(fields) for operator, fields in update.items()}
    merged.setdefault("$inc", {})["v"] = 1
    if events:
        entries = [entry(clock, collection, _id, {"town": town}, event) for event in events]
        merged["$inc"]["seq"] = len(events)
        merged.setdefault("$push", {})["pending"] = {"$each": entries}
    return merged
