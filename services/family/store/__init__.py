"""Family's documents.

``families``  one family record: ``family`` repeats ``_id`` so that a scope's condition applies,
              ``search`` holds the words to find it by. Guarded by ``v``.

Each module of this package holds one kind of document with its indexes.
"""

from __future__ import annotations

from services.family.store import families
from services.family.store.families import FamilyStore

__all__ = ["INDEXES", "OUTBOXES", "STATES", "FamilyStore"]

INDEXES = families.INDEXES
OUTBOXES = (families.FAMILIES,)
STATES = {families.FAMILIES: families.states_of}
