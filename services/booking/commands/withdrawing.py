"""A family takes back what has not been decided."""

from __future__ import annotations

from services.booking.commands.settling import again, finish, finished
from services.booking.domain.request import Request, withdraw
from services.booking.schemas import WithdrawalIn
from services.booking.state import Booking, origin, participant_for
from shared.auth import Scope
from shared.contracts.booking import BookingWithdrawn
from shared.errors import not_found


async def take_back(booking: Booking, scope: Scope, request_id: str, wish: WithdrawalIn) -> Request:
    """Withdraw the lines named of a request, or all that wait for an answer or to be paid. Again,
    it changes nothing. Raises ``Refused``: 404, ``booked-together``, ``paid-together``."""
    while True:
        request = await booking.store.request_of(scope, request_id)
        if request is None:
            raise not_found("cette demande")
        card = await booking.family_of(scope, request.family)
        by = origin(scope, card, request.family, wish.on_behalf)
        chosen = [line for line in request.lines if not wish.lines or line.id in wish.lines]
        for child in {line.child for line in chosen}:
            participant_for(scope, card, child, "decide")
        if request.unfinished:
            request = await finished(booking, request.id)
        now = booking.clock.town()
        lines = withdraw(request.lines, {line.id for line in chosen}, now)
        gone = [new.id for old, new in zip(request.lines, lines, strict=True) if new != old]
        if not gone:
            return request
        event = BookingWithdrawn(
            request=request.id, number=request.number, family=request.family,
            account=by.account, **by.said, withdrawn_at=now, lines=tuple(gone),
        )  # fmt: skip
        open_ends = any(line.to_finish for line in lines)
        saved = await booking.store.save_withdrawn(
            request, lines, booking.clock.machine() if open_ends else None, event, by=by
        )
        if saved is not None:
            await finish(booking, saved)
            return await again(booking, request.id)
