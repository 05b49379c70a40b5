"""When X happened, do Y. All of it keeps copies: each is one guarded write, older ones skipped."""

from __future__ import annotations

from services.booking.state import Booking
from shared.bus.consumer import Reaction, on
from shared.contracts.family import FamilyChanged


def reactions(booking: Booking) -> list[Reaction]:
    """Booking's table."""
    return [
        booking.keys.reaction,
        booking.towns.reaction,
        on(FamilyChanged, booking.store.keep_family),
    ]
