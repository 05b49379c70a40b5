"""Wiring of booking."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import services.booking as room
from services.booking.api import ROUTES
from services.booking.commands.justifying import settle_unproved
from services.booking.commands.patterns import book_left_behind
from services.booking.commands.paying import free_unpaid
from services.booking.commands.progress import say_progress
from services.booking.commands.settling import finish_left_behind
from services.booking.reactions import reactions
from services.booking.state import Booking
from services.booking.store import (
    INDEXES,
    OUTBOXES,
    STATES,
    Allowances,
    BookingStore,
    Documents,
    Enrolments,
    Places,
)
from services.booking.store.requests import LEFT_BEHIND
from shared.copies import KeyCopy, TownCopy
from shared.runner import Job, Parts, Service


def build(parts: Parts) -> Service:
    """The service, ready to be run."""
    booking = Booking(
        store=BookingStore(parts.store),
        places=Places(parts.store),
        allowances=Allowances(parts.store),
        enrolments=Enrolments(parts.store),
        documents=Documents(parts.store),
        clock=parts.clock,
        towns=TownCopy(parts.store, parts.clock),
        keys=KeyCopy(parts.store, parts.keys),
        press=parts.press,
        left_behind=min(LEFT_BEHIND, timedelta(seconds=parts.settings.lease_seconds)),
    )
    return Service(
        name="booking",
        purpose=(room.__doc__ or "").partition("\n")[0],
        state=booking,
        routes=ROUTES,
        reactions=reactions(booking, parts.store),
        indexes=INDEXES,
        outboxes=OUTBOXES,
        states=STATES,
        jobs=[
            Job("finish-requests", 2.0, partial(finish_left_behind, booking)),
            Job("book-enrolments", 2.0, partial(book_left_behind, booking)),
            Job("unpaid-places", 2.0, partial(free_unpaid, booking)),
            Job("settle-unproved", 10.0, partial(settle_unproved, booking)),
            Job("decided-up-to", 0.5, partial(say_progress, booking)),
            booking.keys.job,
        ],
        warm=booking.keys.load,
    )
