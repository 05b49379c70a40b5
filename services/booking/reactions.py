"""When X happened, do Y. Copies are one guarded write each, older ones skipped; an answer is a new
document named by what is answered; what billing says of payments is one write of the request,
guarded by its version, on lines that still wait for it; an erasure is as ``shared.erasure``
says."""

from __future__ import annotations

from functools import partial

from services.booking.commands import paying
from services.booking.commands.erasing import answer_erasure
from services.booking.erasure import ERASED
from services.booking.state import Booking
from shared.bus.consumer import Reaction, on
from shared.contracts.billing import InvoiceSettled, PaidLate, PaymentExpired
from shared.contracts.family import DocumentChanged, ErasureAsked, FamilyChanged
from shared.erasure import erasure_reactions
from shared.store import Store


def reactions(booking: Booking, store: Store) -> list[Reaction]:
    """Booking's table."""
    return [
        booking.keys.reaction,
        booking.towns.reaction,
        on(FamilyChanged, booking.store.households.keep),
        on(DocumentChanged, booking.documents.keep),
        on(ErasureAsked, partial(answer_erasure, booking)),
        on(InvoiceSettled, partial(paying.settled, booking)),
        on(PaymentExpired, partial(paying.expired, booking)),
        on(PaidLate, partial(paying.paid_late, booking)),
        *erasure_reactions(store, ERASED),
    ]
