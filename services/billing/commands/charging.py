"""Charges from booking's decisions."""

from __future__ import annotations

from services.billing.commands import paid_at_booking
from services.billing.commands.month_ends import end_once_more
from services.billing.commands.owning import charges_of, into_closed_months
from services.billing.domain.charges import Charge, cancelled_charges, ended_charges
from services.billing.domain.months import month_of
from services.billing.state import Billing
from shared.contracts.booking import BookingAccepted, BookingRefused


async def charge(billing: Billing, town: str, event: BookingAccepted) -> None:
    """Keep the charges of accepted bookings, end those of ended ones. Raises ``MissingCopy``."""
    file = (await billing.towns.need(town)).file
    household = await billing.store.households.household(town, event.family)
    charges: list[Charge] = []
    for line in event.lines:
        charges += ended_charges(
            line, file=file, family=event.family, decided_at=event.decided_at
        )  # fmt: skip
        if line.kind in ("book", "change"):
            charges += await charges_of(
                billing, household, file, line, event.request, event.decided_at
            )
    await billing.store.record(charges)
    late: dict[tuple[str, str], list[str]] = {}
    for one in charges:
        if one.accepted and one.billing == "pay_in_arrears":
            late.setdefault((one.family, month_of(one.day)), []).append(one.id)
    homes = {part.family: household.card.family for part in household.parts}
    left = await into_closed_months(billing, town, late, homes)
    await end_once_more(billing, file, left, event.request, event.decided_at)
    await paid_at_booking.accepted(billing, event, charges)


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
