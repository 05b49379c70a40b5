"""What billing says of payments, done to the lines that wait for them.

Each is one write of the request on lines that still wait: twice, it does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from services.booking.commands.settling import (
    again,
    awaited,
    claim_allowances,
    decided_event,
    finish,
    finished,
    take_places,
)
from services.booking.commands.sweeping import each
from services.booking.domain.paying import PAID_LATE, changed, paid, to_try, tried, unpaid
from services.booking.domain.request import Line, Request, outcome_of, tied
from services.booking.state import Booking
from shared.contracts.billing import InvoiceSettled, PaidLate, PaymentExpired
from shared.contracts.booking import BookingAccepted, BookingRefused, Reason
from shared.events import Envelope, Event


async def settled(booking: Booking, envelope: Envelope, event: InvoiceSettled) -> None:
    """What an invoice was for is paid: its lines are accepted; their places, if they were given
    back meanwhile, are tried for again."""
    if event.request is None:
        return
    while (request := await _request(booking, event.request)) is not None:
        lines = paid(request.lines, booking.clock.town())
        if lines == request.lines or await _save(booking, request, lines):
            break
    await _try_again(booking, event.request, paid_by_credit=False)


async def expired(booking: Booking, envelope: Envelope, event: PaymentExpired) -> None:
    """Nobody paid: the places are given back, but those that are held anew since."""
    if event.request is not None:
        await _free(booking, event.request, "pay_until", envelope.time)


async def paid_late(booking: Booking, envelope: Envelope, event: PaidLate) -> None:
    """The money of what was given back has become credit: the places are tried for again, and
    paid from it. That they were to be given back may be heard later, and changes nothing then."""
    await _free(booking, event.request, "pay_until", envelope.time)
    await _try_again(booking, event.request, paid_by_credit=True)


async def free_unpaid(booking: Booking) -> None:
    """The job: places held too long are given back, whatever billing may say later."""
    now = booking.clock.town()

    async def free(request: str) -> None:
        await _free(booking, request, "hold_until", now)

    await each(await booking.store.unpaid_since(now), free, "unpaid-not-freed")


async def _free(
    booking: Booking, request_id: str, until: Literal["pay_until", "hold_until"], at: datetime
) -> None:
    while (request := await _request(booking, request_id)) is not None:
        lines = unpaid(request.lines, booking.clock.town(), until, at)
        if lines == request.lines or await _save(booking, request, lines):
            return


async def _try_again(booking: Booking, request_id: str, *, paid_by_credit: bool) -> None:
    while (request := await _request(booking, request_id)) is not None:
        lines = to_try(request.lines)
        if lines == request.lines:
            return
        trying = await booking.store.save_tried(request, lines, booking.clock.machine())
        if trying is None:
            continue
        town = await booking.towns.need(request.town)
        now = booking.clock.town()
        today = now.astimezone(ZoneInfo(town.file.time_zone)).date()
        wanted = [line for line in trying.lines if line.trying]
        why_not: dict[str, Reason | None] = {
            line.id: PAID_LATE for line in wanted if line.date < today
        }
        why_not |= await claim_allowances(booking, trying, _left(wanted, why_not))
        granted = await take_places(booking, trying, _left(wanted, why_not), town)
        had = {line for line, reason in granted.items() if reason is None}
        why_not, _ = tied(wanted, {**why_not, **granted})
        holds = {one.id: timedelta(minutes=one.hold_minutes) for one in town.file.activities}
        after = tried(trying.lines, why_not, had, now, holds if paid_by_credit else None)
        attempt = 1 + sum(act.what == "refused" for act in request.history)
        waits = awaited(trying, after, attempt) if paid_by_credit else []
        if await _save(booking, trying, after, *waits):
            return


def _left(lines: Sequence[Line], why_not: Mapping[str, Reason | None]) -> list[Line]:
    """Those that nothing is known against."""
    return [line for line in lines if why_not.get(line.id) is None]


async def _request(booking: Booking, request_id: str) -> Request | None:
    request = await booking.store.request(request_id)
    if request is not None and request.unfinished:
        return await finished(booking, request_id)
    return request


async def _save(booking: Booking, request: Request, lines: Sequence[Line], *more: Event) -> bool:
    """Write the lines with their outcomes, and give back the places of those refused."""
    before = {line.id: line for line in request.lines}
    events: list[Event] = []
    for state, contract in (("accepted", BookingAccepted), ("refused", BookingRefused)):
        outcomes = [
            outcome_of(line, before[line.id]) for line in changed(request.lines, lines, (state,))
        ]
        if outcomes:
            events.append(decided_event(contract, request, outcomes, lines))
    to_free = any(line.gives_back or line.gives_up for line in lines)
    unfinished = booking.clock.machine() if to_free else None
    saved = await booking.store.save_decided(request, lines, unfinished, *events, *more)
    if saved is not None and to_free:
        await finish(booking, await again(booking, request.id))
    return saved is not None
