"""Takes and gives back the places of a request; resumable at every step.

The process that marks a request ``unfinished`` works on it alone. Who else needs it waits, and
after ``LEFT_BEHIND`` takes it over: from then on the writes of the first are refused, and what
either may have taken is given back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from services.booking.domain.places import shape_of
from services.booking.domain.request import (
    NOT_OFFERED,
    Line,
    Mode,
    Request,
    freed,
    outcome_of,
    settle,
)
from services.booking.state import Booking
from services.booking.store.requests import LEFT_BEHIND
from shared.contracts.booking import (
    BookingAccepted,
    BookingRefused,
    BookingRequested,
    DecidedLine,
    Reason,
    RequestedLine,
)
from shared.errors import StoreUnavailable
from shared.events import Event
from shared.logs import get_logger

_POLL = 0.05
_log = get_logger()


async def finish(booking: Booking, request: Request, *, alone: bool = True) -> Request:
    """Carry a request that is this process's own to its end.

    ``alone`` says that no other process has tried for its places.
    """
    while request.unfinished:
        if any(line.state == "asked" for line in request.lines):
            saved = await _settle(booking, request, alone=alone)
        else:
            saved = await _give_back(booking, request)
        if saved is None:
            return await finished(booking, request.id)
        request = saved
    return request


async def finished(booking: Booking, request_id: str) -> Request:
    """The request once nobody works on it; what a crash left is taken over."""
    while True:
        request = await again(booking, request_id)
        if request.unfinished is None:
            return request
        now = booking.clock.machine()
        if now - request.unfinished < LEFT_BEHIND:
            await asyncio.sleep(_POLL)
        elif await booking.store.claim(request, now):
            return await finish(booking, await again(booking, request_id), alone=False)


async def again(booking: Booking, request_id: str) -> Request:
    """The request as it is now."""
    found = await booking.store.request(request_id)
    if found is None:
        raise RuntimeError("a stored request vanished")
    return found


async def finish_left_behind(booking: Booking) -> None:
    """Finish what a crash left half done: the sweeper behind every command."""
    for request_id in await booking.store.unfinished(booking.clock.machine() - LEFT_BEHIND):
        try:
            await finished(booking, request_id)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - one request must not keep the others waiting
            _log.error("request-not-finished", request=request_id, exc_info=error)


async def take_places(
    booking: Booking, request: Request, lines: Sequence[Line]
) -> dict[str, Reason | None]:
    """Try to take each line's place; why not, by line, None where it is held."""
    answers: dict[str, Reason | None] = {}
    open_lines = list(lines)
    while open_lines:
        town = await booking.towns.get(request.town)
        shapes = {a.id: shape_of(a, town.heard) for a in town.file.activities}
        gone = [
            line
            for line in open_lines
            if line.activity not in shapes or not shapes[line.activity].bound(line.unit)
        ]
        answers |= {line.id: NOT_OFFERED for line in gone}
        offered = [line for line in open_lines if line.id not in answers]
        if offered:
            answers |= await booking.places.grant(request.town, request.id, offered, shapes)
        open_lines = [line for line in offered if line.id not in answers]
        if open_lines:
            await booking.places.prepare(
                request.town, [(line.activity, line.date) for line in open_lines], shapes, ()
            )
            await asyncio.sleep(_POLL)
    return answers


async def _settle(booking: Booking, request: Request, *, alone: bool) -> Request | None:
    """Try each line's place, then write all outcomes with the events that say them."""
    town = await booking.towns.get(request.town)
    modes = {a.id: booking.offer(town, a).mode for a in town.file.activities}
    no_longer_offered = Mode(automatic=False, holds=True)
    mode_of = {line.id: modes.get(line.activity, no_longer_offered) for line in request.lines}
    why_not: Mapping[str, Reason | None] = await take_places(
        booking,
        request,
        [
            line
            for line in request.lines
            if line.state == "asked" and mode_of[line.id].needs_place_at_once
        ],
    )
    now = booking.clock.town()
    lines = [
        settle(line, mode_of[line.id], why_not.get(line.id), now, alone=alone)
        for line in request.lines
    ]
    unfinished = request.unfinished if any(line.gives_back for line in lines) else None
    return await booking.store.save_settled(
        request, lines, unfinished, *_said_at_once(request, lines)
    )


async def _give_back(booking: Booking, request: Request) -> Request | None:
    """Give back the places of refused lines, and those of acceptances that were not written."""
    lines = list(request.lines)
    for position, line in enumerate(lines):
        if line.gives_back:
            await booking.places.free(request.town, request.id, line)
            lines[position] = freed(line)
    return await booking.store.save_freed(request, lines)


def _said_at_once(request: Request, lines: Sequence[Line]) -> list[Event]:
    events: list[Event] = [
        BookingRequested(
            request=request.id,
            number=request.number,
            family=request.family,
            account=request.account,
            channel="desk" if request.channel == "desk" else "online",
            requested_at=request.requested_at,
            periods=request.periods,
            lines=tuple(_requested_line(line) for line in lines),
            not_retained=request.not_retained,
        )
    ]
    for state, contract in (("accepted", BookingAccepted), ("refused", BookingRefused)):
        outcomes = [outcome_of(line) for line in lines if line.state == state]
        if outcomes:
            events.append(decided_event(contract, request, outcomes, lines))
    return events


def _requested_line(line: Line) -> RequestedLine:
    receipt = line.receipted
    return RequestedLine(
        line=line.id, child=line.child, activity=line.activity, date=line.date, unit=line.unit,
        state=receipt.state, reason=receipt.reason, cancel_until=line.cancel_until,
    )  # fmt: skip


def decided_event(
    contract: type[BookingAccepted] | type[BookingRefused],
    request: Request,
    outcomes: Sequence[DecidedLine],
    lines: Sequence[Line],
    batch: str | None = None,
) -> Event:
    """The event that says these outcomes of one request, decided at one instant."""
    decided = next(line for line in lines if line.id == outcomes[0].line)
    if decided.decided_at is None or decided.decided_by is None:
        raise ValueError("an outcome has its instant")
    return contract(
        request=request.id,
        number=request.number,
        requested_at=request.requested_at,
        family=request.family,
        account=request.account,
        decided_at=decided.decided_at,
        decided_by=decided.decided_by,
        agent=decided.agent,
        batch=batch,
        lines=tuple(outcomes),
    )
