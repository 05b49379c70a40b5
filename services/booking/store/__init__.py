"""Booking's documents.

``sessions``  one activity on one date. ``counters`` (by ``shape`` and ``version`` of the town
              file), per counter the places ``left``, those declared ``extra``, and by how many a
              reduction left it overfull (``over``); ``holders`` (child -> unit -> hold),
              ``freed`` (holds given back: tombstones). Shared: guarded by conditions.
``requests``  one act of a family with its lines. One writer at a time: guarded by ``v``.
              ``unfinished`` (machine instant) while places are being taken or given back;
              ``prove_by`` (towns' instant) when something is overdue unless it is proved.
``enrolments`` a child in a group of services: what was sent, what became of it. Guarded by ``v``.
              ``unfinished`` (machine instant) while its weekly pattern is to be booked.
``batches``   one command that decides: its instant, ``open`` until it is through, then the
              results it answered.
``progress``  per town, up to when every decision has been said.
``allowances`` per family, what it has used of what the town counts: by counter, child or family
              and window, the things counted with the lines that count. Shared: guarded by
              conditions.
``numbers``   per town and year, the last block of request numbers handed out.
``erasures``  one answer to whether a family may be erased, by the erasure's id.
``copy_families``  family-changed, by family.
``copy_documents`` document-changed, by supporting document.
"""

from __future__ import annotations

from pymongo import IndexModel

from services.booking.store.allowances import Allowances
from services.booking.store.documents import Documents
from services.booking.store.enrolments import ENROLMENTS, Enrolments, enrolment_states
from services.booking.store.places import Places
from services.booking.store.requests import (
    BATCHES,
    ERASURES,
    LINES_ABOUT,
    PROGRESS,
    REQUESTS,
    BookingStore,
    progress_states,
    request_states,
)
from shared.households import FAMILIES
from shared.households import INDEXES as HOUSEHOLD_INDEXES

__all__ = [
    "INDEXES",
    "OUTBOXES",
    "STATES",
    "Allowances",
    "BookingStore",
    "Documents",
    "Enrolments",
    "Places",
]

OUTBOXES = (REQUESTS, BATCHES, ENROLMENTS, PROGRESS, ERASURES)
STATES = {
    PROGRESS: progress_states,
    REQUESTS: request_states,
    ENROLMENTS: enrolment_states,
}
INDEXES = {
    REQUESTS: [
        IndexModel([("family", 1)]),
        IndexModel(LINES_ABOUT),
        IndexModel([("town", 1), ("requested_at", -1), ("_id", -1)]),
        IndexModel(
            [("town", 1), ("requested_at", -1)],
            name="waiting_for_an_agent",
            partialFilterExpression={"lines.state": "requested"},
        ),
        IndexModel(
            [("town", 1), ("requested_at", -1)],
            name="proofs_to_look_at",
            partialFilterExpression={"lines.given.state": "given"},
        ),
        IndexModel([("unfinished", 1)], partialFilterExpression={"unfinished": {"$exists": True}}),
        IndexModel(
            [("lines.hold_until", 1)],
            name="to_pay",
            partialFilterExpression={"lines.state": "to_pay"},
        ),
        IndexModel([("prove_by", 1)], partialFilterExpression={"prove_by": {"$exists": True}}),
    ],
    ENROLMENTS: [
        IndexModel([("family", 1)]),
        IndexModel([("child", 1)]),
        IndexModel([("town", 1), ("requested_at", -1), ("_id", -1)]),
        IndexModel(
            [("town", 1), ("requested_at", -1)],
            name="waiting_for_an_agent",
            partialFilterExpression={"state": "requested"},
        ),
        IndexModel([("unfinished", 1)], partialFilterExpression={"unfinished": {"$exists": True}}),
    ],
    FAMILIES: HOUSEHOLD_INDEXES,
    BATCHES: [
        IndexModel([("town", 1), ("decided_at", 1)], partialFilterExpression={"open": True}),
    ],
}
