"""Charges from booking's decisions."""

from __future__ import annotations

from collections.abc import Sequence

from services.billing.commands import paid_at_booking
from services.billing.domain.charges import (
    Charge,
    accepted_charges,
    cancelled_charges,
    ended_charges,
)
from services.billing.domain.invoicing import invoice_id
from services.billing.domain.months import month_of
from services.billing.state import Billing
from shared.contracts.booking import BookingAccepted, BookingRefused, DecidedLine
from shared.contracts.family import FamilyChanged
from shared.contracts.town_file import TownFile


async def charge(billing: Billing, town: str, event: BookingAccepted) -> None:
    """Keep the charges of accepted bookings, end those of ended ones. Raises ``MissingCopy``."""
    file = (await billing.towns.need(town)).file
    card = await billing.store.family(town, event.family)
    charges = [
        one
        for line in event.lines
        for one in (
            *ended_charges(line, file=file, family=event.family, decided_at=event.decided_at),
            *_charges_of(line, card, file, event),
        )
    ]
    await billing.store.record(charges)
    await _into_closed_months(billing, charges)
    await paid_at_booking.accepted(billing, event, charges)


async def _into_closed_months(billing: Billing, charges: Sequence[Charge]) -> None:
    """Bookings in a month that is invoiced are differences to its invoice."""
    late: dict[str, list[str]] = {}
    for one in charges:
        if one.accepted and one.billing == "pay_in_arrears":
            basis = invoice_id(one.town, one.family, month_of(one.day))
            late.setdefault(basis, []).append(one.id)
    for invoice in await billing.invoices.existing(list(late)) if late else ():
        await billing.store.mark(invoice, late[invoice], late=True)


def _charges_of(
    line: DecidedLine, card: FamilyChanged, file: TownFile, event: BookingAccepted
) -> list[Charge]:
    if line.kind not in ("book", "change"):
        return []
    return accepted_charges(
        line, card=card, file=file, request=event.request, decided_at=event.decided_at
    )


async def cancel(billing: Billing, town: str, event: BookingRefused) -> None:
    """Cancel the charges of lines that had been accepted, heard of or not yet."""
    charges = [
        one
        for line in event.lines
        for one in cancelled_charges(
            line, town=town, family=event.family, request=event.request,
            decided_at=event.decided_at,
        )
    ]  # fmt: skip
    await billing.store.record(charges)
    await paid_at_booking.not_booked(billing, town, event)
