"""What billing does about others' events.

Copies are states: one update whose filter excludes what is as recent or newer. A decision on a
line is kept in the charge whose id derives from the line's, by one update whose filter excludes
a decision as recent: twice or in another order, the result is the same. *decided-up-to* waits
for every decision delivered before it. What is paid at booking becomes an invoice whose id derives
from the request and the attempt; lines taken back are noted by their request, so that what is heard
of them later is not asked for. An answer to an erasure is a new document named by it;
the erasure itself is as ``shared.erasure`` says.
"""

from __future__ import annotations

from functools import partial

from services.billing.commands import charging, paid_at_booking
from services.billing.commands.erasing import answer_erasure
from services.billing.erasure import ERASED
from services.billing.state import Billing
from shared.bus.consumer import Reaction, on
from shared.contracts.booking import (
    BookingAccepted,
    BookingRefused,
    BookingWithdrawn,
    DecidedUpTo,
    PaymentAwaited,
)
from shared.contracts.family import ErasureAsked, FamilyChanged
from shared.copies import KeyCopy
from shared.erasure import erasure_reactions
from shared.events import Envelope
from shared.store import Store


def reactions(billing: Billing, keys: KeyCopy, store: Store) -> list[Reaction]:
    """The table of reactions."""

    async def accepted(envelope: Envelope, event: BookingAccepted) -> None:
        await charging.charge(billing, envelope.town, event)

    async def awaited(envelope: Envelope, event: PaymentAwaited) -> None:
        await paid_at_booking.awaited(billing, envelope.town, event)

    async def withdrawn(envelope: Envelope, event: BookingWithdrawn) -> None:
        await paid_at_booking.withdrawn(billing, envelope.town, event)

    async def refused(envelope: Envelope, event: BookingRefused) -> None:
        await charging.cancel(billing, envelope.town, event)

    return [
        keys.reaction,
        billing.towns.reaction,
        on(FamilyChanged, billing.store.households.keep),
        on(BookingAccepted, accepted),
        on(PaymentAwaited, awaited),
        on(BookingRefused, refused),
        on(BookingWithdrawn, withdrawn),
        on(ErasureAsked, partial(answer_erasure, billing)),
        *erasure_reactions(store, ERASED),
        on(DecidedUpTo, billing.store.keep_decided, after_all=True),
    ]
