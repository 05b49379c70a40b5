"""Answering whether a family may be erased."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from services.booking.domain.holding_back import holds_back
from services.booking.state import Booking
from shared.contracts.booking import ErasureAnswered
from shared.contracts.family import ErasureAsked
from shared.events import Envelope


async def answer_erasure(booking: Booking, envelope: Envelope, event: ErasureAsked) -> None:
    """Say what holds the erasure back. A new document named by the erasure (first form)."""
    town = await booking.towns.need(envelope.town)
    today = booking.clock.town().astimezone(ZoneInfo(town.file.time_zone)).date()
    records = await booking.store.households.records(event.family)
    holds = holds_back(
        await booking.store.requests_of_family(envelope.town, records),
        await booking.enrolments.of_family(envelope.town, records),
        today,
    )
    answer = ErasureAnswered(erasure=event.erasure, family=event.family, holds=holds)
    await booking.store.answer_erasure(event.erasure, envelope.town, event.family, answer)
