"""Family's documents.

``families``  one family record: ``family`` repeats ``_id`` so that a scope's condition applies,
              ``search`` holds the words to find it by, ``files`` what its fields name. Guarded
              by ``v``.
``erasures``  one wish to erase a family, with what each service answered. Guarded by its state.
``moves``     an agent's act on two records: merged, split, children transferred, undone; with
              what both were and are (``store.moves``).
``feed``      one request of a family, wherever it is kept: the card last said of it, and until
              when each account has read it (``store.feed``).
``imports``   what a file of families that an agent sent came to; forgotten after three days.
``uploads``   a file received, kept in GridFS (``files``), sealed; written once.
``documents`` a supporting document of a family, a child or a guardian, with its versions.
              Guarded by ``v``.
``letters``   a letter to the town with its thread. Guarded by ``v``.
``news``, ``published`` what the town tells, and what everybody may download.
``registrations``  a dossier that an adult builds on line, its form sealed. Guarded by ``v``.

Each module of this package holds one kind of document with its indexes.
"""

from __future__ import annotations

from services.family.store import (
    documents,
    erasures,
    families,
    feed,
    imports,
    letters,
    moves,
    news,
    registrations,
    uploads,
)
from services.family.store.documents import DocumentStore
from services.family.store.erasures import Erasures
from services.family.store.families import FamilyStore, family_in
from services.family.store.feed import FeedStore
from services.family.store.imports import ImportStore
from services.family.store.letters import LetterStore
from services.family.store.moves import MoveStore
from services.family.store.news import NewsStore
from services.family.store.registrations import Registrations
from services.family.store.uploads import UploadStore

__all__ = [
    "INDEXES",
    "OUTBOXES",
    "REFERENCES",
    "STATES",
    "DocumentStore",
    "Erasures",
    "FamilyStore",
    "FeedStore",
    "ImportStore",
    "LetterStore",
    "MoveStore",
    "NewsStore",
    "Registrations",
    "UploadStore",
    "family_in",
]

INDEXES = {
    **families.INDEXES,
    **erasures.INDEXES,
    **feed.INDEXES,
    **moves.INDEXES,
    **imports.INDEXES,
    **uploads.INDEXES,
    **documents.INDEXES,
    **letters.INDEXES,
    **news.INDEXES,
    **registrations.INDEXES,
}
OUTBOXES = (
    families.FAMILIES,
    erasures.ERASURES,
    documents.DOCUMENTS,
    letters.LETTERS,
    registrations.REGISTRATIONS,
)
STATES = {
    families.FAMILIES: families.states_of,
    documents.DOCUMENTS: documents.states_of,
    letters.LETTERS: letters.states_of,
}
#: Where documents name files: whatever is named nowhere is removed after a day.
REFERENCES = {
    families.FAMILIES: "files",
    registrations.REGISTRATIONS: "files",
    documents.DOCUMENTS: "versions.files.id",
    letters.LETTERS: "messages.files.id",
    news.NEWS: "files.id",
    news.PUBLISHED: "file.id",
}
