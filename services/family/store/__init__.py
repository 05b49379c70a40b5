"""Family's documents.

``families``  one family record: ``family`` repeats ``_id`` so that a scope's condition applies,
              ``search`` holds the words to find it by. Guarded by ``v``.
``erasures``  one wish to erase a family, with what each service answered. Guarded by its state.

Each module of this package holds one kind of document with its indexes.
"""

from __future__ import annotations

from services.family.store import erasures, families
from services.family.store.erasures import Erasures
from services.family.store.families import FamilyStore

__all__ = ["INDEXES", "OUTBOXES", "STATES", "Erasures", "FamilyStore"]

INDEXES = families.INDEXES | erasures.INDEXES
OUTBOXES = (families.FAMILIES, erasures.ERASURES)
STATES = {families.FAMILIES: families.states_of}
