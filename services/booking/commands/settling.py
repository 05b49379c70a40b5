"""Takes and gives back the places of a request; resumable at every step.

The process that marks a request ``unfinished`` works on it alone. Who else needs it waits, and
after ``Booking.left_behind`` takes it over: from then on the writes of the first are refused, and
what either may have taken is given back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from services.booking.commands.sweeping import each
from services.booking.domain.acts import Act
from services.booking.domain.allowances import Claim
from services.booking.domain.history import ended as ended_by
from services.booking.domain.judging import prove_by
from services.booking.domain.places import Shape
from services.booking.domain.request import (
    FULL,
    NOT_BOOKED,
    NOT_OFFERED,
    TIED,
    TOO_OFTEN,
    Line,
    Mode,
    Request,
    freed,
    outcome_of,
    settle,
    tied,
)
from services.booking.state import Booking, names_of
from services.booking.store.places import Members
from services.booking.store.requests import LEFT_BEHIND
from shared.contracts.booking import (
    BookingAccepted,
    BookingRefused,
    BookingRequested,
    DecidedLine,
    PaymentAwaited,
    Reason,
    RequestedLine,
)
from shared.copies import Town
from shared.events import Event
from shared.traits import traits_of

_POLL = 0.05
_CLOSED_AT_ONCE = 50


async def finish(
    booking: Booking, request: Request, *, alone: bool = True, town: Town | None = None
) -> Request:
    """Carry a request that is this process's own to its end.

    ``alone`` says that no other process has tried for its places; ``town`` is the version of the
    town's file that planned it, where it is known still.
    """
    while request.unfinished:
        if any(line.state == "asked" for line in request.lines):
            saved = await _settle(booking, request, alone=alone, town=town)
        else:
            saved = await _close(booking, request)
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
        if now - request.unfinished < booking.left_behind:
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
    left = await booking.store.unfinished(booking.clock.machine() - booking.left_behind)
    await each(left, partial(finished, booking), "request-not-finished")


async def take_places(
    booking: Booking, request: Request, lines: Sequence[Line], town: Town
) -> dict[str, Reason | None]:
    """Try to take each line's place; why not, by line, None where it is held. Counted by ``town``,
    and by a later file where a session counts by one already."""
    answers: dict[str, Reason | None] = {}
    open_lines = list(lines)
    while open_lines:
        shapes = booking.shapes(town)
        gone = [line for line in open_lines if not _offered(shapes, line)]
        answers |= {line.id: NOT_OFFERED for line in gone}
        offered = [line for line in open_lines if line.id not in answers]
        if offered:
            members = await _members(booking, request, offered, shapes)
            answers |= await _grant(booking, request, offered, shapes, members)
        open_lines = [line for line in offered if line.id not in answers]
        if open_lines:
            await booking.places.prepare(
                request.town, [(line.activity, line.date) for line in open_lines], shapes, {}
            )
            await asyncio.sleep(_POLL)
            town = await booking.towns.get(request.town)
    return answers


async def _grant(
    booking: Booking,
    request: Request,
    lines: Sequence[Line],
    shapes: Mapping[str, Shape],
    members: Members,
) -> dict[str, Reason | None]:
    """Untied lines all at once; tied ones one after the other in order of their sessions, so that
    two requests never wait for each other, none beyond the first that is not to be had.

    A place that another request holds only until it knows whether it gets all it is tied to may
    come free: it is waited for, not refused.
    """
    answers: dict[str, Reason | None] = {}
    untied = [line for line in lines if line.tie is None]
    groups = [untied] if untied else []
    ordered = sorted(
        (line for line in lines if line.tie is not None), key=lambda one: (one.activity, one.date)
    )
    groups += [[line] for line in ordered]
    broken: set[str | None] = set()
    for group in groups:
        wanted = [line for line in group if line.tie is None or line.tie not in broken]
        if not wanted:
            continue
        found = await booking.places.grant(request.town, request.id, wanted, shapes, members)
        for line in wanted:
            if found.get(line.id) is FULL and await _may_come_free(booking, request, line):
                found |= await _grant_again(booking, request, line, shapes, members)
            if found.get(line.id) is not None:
                broken.add(line.tie)
        answers |= found
    return answers | {
        line.id: TIED for line in ordered if line.id not in answers and line.tie in broken
    }


async def _grant_again(
    booking: Booking,
    request: Request,
    line: Line,
    shapes: Mapping[str, Shape],
    members: Members,
) -> dict[str, Reason | None]:
    """Try until the place is had, or surely gone, or those before have had their time."""
    give_up = booking.clock.machine() + LEFT_BEHIND
    while True:
        await asyncio.sleep(_POLL)
        found = await booking.places.grant(request.town, request.id, [line], shapes, members)
        if found.get(line.id) is not FULL or booking.clock.machine() > give_up:
            return found
        if not await _may_come_free(booking, request, line):
            return found


async def _may_come_free(booking: Booking, request: Request, line: Line) -> bool:
    """Whether a place of this session is held by a request that may have to give it back."""
    holders = await booking.places.holders(request.town, line.activity, line.date)
    return await booking.store.some_tied_and_unfinished(holders - {request.id})


def _offered(shapes: Mapping[str, Shape], line: Line) -> bool:
    """Whether the town still offers what a line asks for."""
    shape = shapes.get(line.activity)
    return shape is not None and all(shape.activity.unit(unit) for unit in line.units)


async def _members(
    booking: Booking, request: Request, lines: Sequence[Line], shapes: Mapping[str, Shape]
) -> Members:
    """Which grouped counters count each child, on the day of each line; nothing is read where
    no counter has a group."""
    if not any(shapes[line.activity].on(line.date).grouped for line in lines):
        return lambda _line: ()
    card = await booking.store.family(request.town, request.family)

    def members(line: Line) -> Sequence[str]:
        child = card.participant(line.child)
        return shapes[line.activity].members(traits_of(child, line.date)) if child else ()

    return members


async def _settle(
    booking: Booking, request: Request, *, alone: bool, town: Town | None
) -> Request | None:
    """Try each line's place, then write all outcomes with the events that say them."""
    town = town or await booking.towns.get(request.town)
    modes = {a.id: booking.offer(town, a).mode for a in town.file.activities}
    no_longer_offered = Mode(automatic=False, holds=True)
    mode_of = {
        line.id: modes.get(line.activity, no_longer_offered).of(line) for line in request.lines
    }
    claimed = await _claim_bookings(booking, request)
    asked = [line for line in request.lines if line.state == "asked"]
    claimed |= await claim_allowances(booking, request, asked)
    granted = await take_places(
        booking,
        request,
        [
            line
            for line in asked
            if line.books and mode_of[line.id].needs_place_at_once and claimed.get(line.id) is None
        ],
        town,
    )
    why_not, to_give_back = tied(request.lines, {**claimed, **granted})
    now = booking.clock.town()
    lines = [
        settle(
            line,
            mode_of[line.id],
            why_not.get(line.id),
            now,
            may_hold=not alone or line.id in to_give_back,
        )
        for line in request.lines
    ]
    open_ends = any(line.to_finish for line in lines)
    unfinished = request.unfinished if open_ends else None
    return await booking.store.save_settled(
        request, lines, unfinished, *_said_at_once(request, lines)
    )


async def _claim_bookings(booking: Booking, request: Request) -> dict[str, Reason | None]:
    """Make sure that each booking to be ended stands, and that no other line ends it."""
    return {
        line.id: None
        if await booking.store.claim_booking(request.town, line.of, ref_of(request, line))
        else NOT_BOOKED
        for line in request.lines
        if line.state == "asked" and line.of is not None
    }


async def claim_allowances(
    booking: Booking, request: Request, lines: Sequence[Line]
) -> dict[str, Reason | None]:
    """Count what the town counts of these lines; one that would be one too many is refused."""
    claims = [(line, claim) for line in lines for claim in line.claims]
    if not claims:
        return {}
    card = await booking.store.family(request.town, request.family)
    others = {card.family, *card.parts} - {request.family}
    elsewhere = await booking.allowances.of(request.town, others, names_of(card.participants))
    return {
        line.id: TOO_OFTEN
        for line, claim in claims
        if not await booking.allowances.claim(
            request.town, request.family, claim, ref_of(request, line),
            elsewhere.used.get(claim.key, ()),
        )
    }  # fmt: skip


async def count_anew(booking: Booking, request: Request, lines: Sequence[Line]) -> None:
    """Count again what these lines have given up, however many there are: an agent books them
    after all."""
    for line in lines:
        for claim in line.claims:
            if claim.given_up:
                await booking.allowances.claim(
                    request.town, request.family, replace(claim, most=None), ref_of(request, line)
                )


def ref_of(request: Request, line: Line) -> str:
    """The id by which another request names a line."""
    return f"{request.id}-{line.id}"


async def _close(booking: Booking, request: Request) -> Request | None:
    """Give back the places of refused lines, and those of acceptances that were not written; end
    the bookings whose end was accepted, let those stand whose end was refused.

    So many lines at a time, with a sign of life after each: nobody takes over what goes on."""
    lines = list(request.lines)
    to_do = [position for position, line in enumerate(lines) if line.to_finish]
    for position in to_do[:_CLOSED_AT_ONCE]:
        line = lines[position]
        if line.gives_back:
            await booking.places.free(request.town, request.id, line)
            lines[position] = freed(line)
        if line.to_close:
            await _end(booking, request, line)
            lines[position] = replace(lines[position], closed=True)
        if given_up := line.gives_up:
            await _give_up(booking, request, line, given_up)
            claims = tuple(
                replace(one, given_up=True) if one in given_up else one for one in line.claims
            )
            lines[position] = replace(lines[position], claims=claims)
    left = len(to_do) > _CLOSED_AT_ONCE
    return await booking.store.save_freed(request, lines, booking.clock.machine() if left else None)


async def _give_up(booking: Booking, request: Request, line: Line, claims: Iterable[Claim]) -> None:
    """What a line has claimed of the family's allowance is free again."""
    for claim in claims:
        await booking.allowances.give_up(request.town, request.family, claim, ref_of(request, line))


async def _end(booking: Booking, request: Request, line: Line) -> None:
    """Carry out what was decided about the end of a booking."""
    if line.of is None:
        raise ValueError("the line ends no booking")
    by = ref_of(request, line)
    ended, _, ended_line = line.of.rpartition("-")
    booked = await again(booking, ended)
    held = next(one for one in booked.lines if one.id == ended_line)
    over = line.frees or line.books
    due = prove_by([replace(held, ending=None)])
    marks: dict[str, str] = {}
    act: Act | None = None
    if line.state == "accepted":
        marks = {"ended" if over else "absent": by}
        act = ended_by(request, line, ended_line)
        due = None if over else due
        if line.books:
            await booking.places.hand_over(request.town, held.hold_id(ended), request.id, line)
        elif line.frees:
            await booking.places.free(request.town, ended, held)
        if over:
            await _give_up(booking, booked, held, [one for one in held.claims if one.kept])
    await booking.store.end_booking(request.town, line.of, by, marks, act, due)


def _said_at_once(request: Request, lines: Sequence[Line]) -> list[Event]:
    events: list[Event] = [
        BookingRequested(
            request=request.id,
            number=request.number,
            family=request.family,
            account=request.account,
            **request.origin.said,
            requested_at=request.requested_at,
            periods=request.periods,
            lines=tuple(_requested_line(line) for line in lines),
            not_retained=request.not_retained,
            comment=request.comment is not None,
            attachments=request.attachments,
            version=request.version,
        )
    ]
    for state, contract in (("accepted", BookingAccepted), ("refused", BookingRefused)):
        outcomes = [outcome_of(line) for line in lines if line.state == state]
        if outcomes:
            events.append(decided_event(contract, request, outcomes, lines))
    return [*events, *awaited(request, lines)]


def awaited(request: Request, lines: Sequence[Line], attempt: int = 1) -> list[Event]:
    """The event that says which lines hold places until they are paid, if any do."""
    waiting = [line for line in lines if line.state == "to_pay"]
    if not waiting or waiting[0].pay_until is None:
        return []
    return [
        PaymentAwaited(
            request=request.id, number=request.number, family=request.family,
            account=request.account, attempt=attempt, asked_at=request.requested_at,
            pay_until=waiting[0].pay_until, lines=tuple(outcome_of(line) for line in waiting),
        )
    ]  # fmt: skip


def _requested_line(line: Line) -> RequestedLine:
    receipt = line.receipted
    return RequestedLine(
        line=line.id, kind=line.kind, of=line.of, was=line.was, effect=line.effect,
        give_back=line.give_back, surcharge=line.surcharge, overridden=line.overridden,
        proof_until=line.proof_until, **line.booked,
        state="requested" if receipt.state == "to_pay" else receipt.state, reason=receipt.reason,
        cancel_until=line.cancel_until, cancel_from=line.cancel_from,
        cancel_always=line.cancel_always, pay_until=line.pay_until,
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
