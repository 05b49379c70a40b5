"""Charges from booking's decisions."""

from __future__ import annotations

from services.billing.domain.charges import (
    Charge,
    accepted_charges,
    cancelled_charges,
    ended_charges,
)
from services.billing.state import Billing
from shared.contracts.booking import BookingAccepted, BookingRefused, DecidedLine
from shared.contracts.family import FamilyChanged
from shared.contracts.town_file import TownFile


async def charge(billing: Billing, town: str, event: BookingAccepted) -> None:
    """Keep the charges of accepted bookings, end those of ended ones. Raises ``MissingCopy``."""
    file = (await billing.towns.need(town)).file
    card = await billing.store.family(town, event.family)
    await billing.store.record(
        [
            one
            for line in event.lines
            for one in (
                *ended_charges(line, file=file, family=event.family, decided_at=event.decided_at),
                *_charges_of(line, card, file, event),
            )
        ]
    )


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
