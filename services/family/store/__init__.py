"""Family's documents.

``families``  one family record: ``family`` repeats ``_id`` so that a scope's condition applies,
              ``search`` holds the words to find it by. Guarded by ``v``.
``erasures``  one wish to erase a family, with what each service answered. Guarded by its state.
``moves``     an agent's act on two records: merged, split, children transferred, undone; with
              what both were and are (``store.moves``).
``feed``      one request of a family, wherever it is kept: the card last said of it, and until
              when each account has read it (``store.feed``).

Each module of this package holds one kind of document with its indexes.
"""

from __future__ import annotations

from services.family.store import erasures, families, feed, moves
from services.family.store.erasures import Erasures
from services.family.store.families import FamilyStore, family_in
from services.family.store.feed import FeedStore
from services.family.store.moves import MoveStore

__all__ = [
    "INDEXES",
    "OUTBOXES",
    "STATES",
    "Erasures",
    "FamilyStore",
    "FeedStore",
    "MoveStore",
    "family_in",
]

INDEXES = families.INDEXES | erasures.INDEXES | feed.INDEXES | moves.INDEXES
OUTBOXES = (families.FAMILIES, erasures.ERASURES)
STATES = {families.FAMILIES: families.states_of}
