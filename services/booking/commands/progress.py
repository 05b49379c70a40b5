"""Says how far decisions are known, for who waits for all of them."""

from __future__ import annotations

from datetime import timedelta

from services.booking.state import Booking

#: A decision is in the store within this time of its instant, but for a store that is slow; a
#: later one goes into the next digest (``docs/decisions``).
SAYING = timedelta(seconds=2)


async def say_progress(booking: Booking) -> None:
    """Say, once a minute and town, up to when every decision has been published."""
    settled = booking.clock.town() - SAYING
    minute = settled.replace(second=0, microsecond=0)
    for town in await booking.towns.all():
        slug = town.file.town
        said = await booking.store.progress(slug)
        if (said is None or said < minute) and await booking.store.says_nothing_before(
            slug, minute, booking.clock.machine()
        ):
            await booking.store.say_progress(slug, minute)
