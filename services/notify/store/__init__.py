"""Notify's documents.

``contacts``   account-changed, by town and account: how to write to an adult, and to whom else
               in which families.
``copy_families``  family-changed, by family.
``cut_offs``   per town: the timeline of its cut-offs, and ``closed_until``, the boundary up to
               which every window has been frozen.
``outcomes``   one accepted or refused line; ``open`` until a digest holds it (a cache: the digest
               is the authority).
``batches``    how many lines a bulk decision decided.
``progress``   per town, up to when booking has said every decision.
``runs``       per town and window: when it was first tried, what it came to.
``digests``    one family's outcomes of one window, whole from the first write. A unique index
               on ``outcomes`` makes one outcome in two digests impossible. ``open`` until a mail
               holds it.
``mails``      everything that is written, by state. A unique index on ``covers`` (digest and
               account) makes one digest twice in the mails of one adult impossible.
"""

from __future__ import annotations

from pymongo import IndexModel

from services.notify.store.digests import DIGESTS, OUTCOMES, RUNS, Digests
from services.notify.store.directory import CONTACTS, Directory
from services.notify.store.mails import MAILS, Mails
from shared.households import FAMILIES
from shared.households import INDEXES as HOUSEHOLD_INDEXES

__all__ = ["INDEXES", "OUTBOXES", "Digests", "Directory", "Mails"]

OUTBOXES = (RUNS, MAILS)
_OPEN = {"open": True}
INDEXES = {
    CONTACTS: [IndexModel([("town", 1), ("families.family", 1)])],
    FAMILIES: HOUSEHOLD_INDEXES,
    OUTCOMES: [
        IndexModel([("town", 1), ("decided_at", 1)], partialFilterExpression=_OPEN, name="open"),
        IndexModel([("batch", 1)], sparse=True),
        IndexModel([("request", 1)]),
    ],
    RUNS: [IndexModel([("state", 1)])],
    DIGESTS: [
        IndexModel([("outcomes", 1)], unique=True, name="outcome_in_one_digest"),
        IndexModel([("town", 1)], partialFilterExpression=_OPEN, name="open"),
        IndexModel([("run", 1)]),
    ],
    MAILS: [
        IndexModel(
            [("covers", 1)],
            unique=True,
            name="digest_once_per_account",
            partialFilterExpression={"covers.0": {"$exists": True}},
        ),
        IndexModel([("state", 1), ("due", 1)]),
        IndexModel([("run", 1), ("state", 1)], sparse=True),
        IndexModel([("town", 1), ("created_at", -1), ("_id", -1)]),
        IndexModel([("town", 1), ("account", 1), ("created_at", -1)]),
    ],
}
