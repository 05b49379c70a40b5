"""What the modules of this package share."""

from __future__ import annotations

from services.identity.repeats import KEPT
from shared.store import Document, Store


class Collections:
    """Queries and writes of some collections of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store


def push_done(entry: Document | None) -> dict[str, Document]:
    """The part of an update that remembers a command with its answer."""
    return {"$push": {"done": {"$each": [entry], "$slice": -KEPT}}} if entry else {}
