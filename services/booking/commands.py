"""What changes something in booking: ask, settle, decide, finish what a crash left."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

from services.booking.domain.planning import dropped, plan
from services.booking.domain.request import (
    TAKEN,
    Line,
    LineResult,
    Request,
    Verdict,
    Wish,
    decide,
    freed,
    lines_needing_place,
    outcome_of,
    settle,
)
from services.booking.schemas import Asked, DecisionOut, DecisionsIn, DecisionsOut, RequestIn
from services.booking.state import Booking, asks_of
from services.booking.store import LEFT_BEHIND, counters_of
from shared.auth import AgentScope, Scope
from shared.contracts.booking import (
    BookingAccepted,
    BookingRefused,
    BookingRequested,
    DecidedLine,
    DecisionsCompleted,
    NotRetained,
    Period,
    Reason,
    RequestedLine,
)
from shared.copies import Town
from shared.errors import Refused
from shared.events import Event
from shared.web.routes import Command

#: A decision is in the store within this time of its instant, but for a store that is slow; a
#: later one goes into the next digest (``docs/decisions``).
SAYING = timedelta(seconds=2)
_AT_ONCE = 16


async def ask(booking: Booking, scope: Scope, wish: RequestIn, command: Command) -> Request:
    """Store a family's request and settle it; the same command again gives the same request.

    Raises ``Refused``: ``nothing-bookable`` when no date can become a line, with every reason.
    """
    known = await booking.store.request(command.id)
    if known is None:
        known = await _create(booking, scope, wish, command)
    if known.body_hash != command.body_hash:
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à une autre demande.", status=422
        )
    return await finish(booking, known) if known.unfinished else known


async def _create(booking: Booking, scope: Scope, wish: RequestIn, command: Command) -> Request:
    town = await booking.towns.get(scope.town)
    card = await booking.family_of(scope, wish.family)
    asks = asks_of(booking, scope, town, card, wish.asked)
    planned, not_retained = plan(asks)
    lines, taken = await _without_those_booked(booking, town, planned)
    not_retained += taken
    if not lines:
        raise Refused(
            "nothing-bookable",
            not_retained[0].reason.text if not_retained else "Aucune date ne convient.",
            not_retained=[entry.model_dump(mode="json") for entry in not_retained],
        )
    now = booking.clock.town()
    request = Request(
        id=command.id,
        town=scope.town,
        family=wish.family,
        account=scope.account,
        channel="desk" if isinstance(scope, AgentScope) else "online",
        number=await booking.store.number(
            scope.town, now.astimezone(ZoneInfo(town.file.time_zone)).year
        ),
        requested_at=now,
        body_hash=command.body_hash,
        periods=tuple(_period(one) for one in wish.asked if one.period),
        lines=tuple(replace(line, id=f"{n:x}") for n, line in enumerate(lines, start=1)),
        not_retained=tuple(not_retained),
        unfinished=True,
        v=1,
    )
    if await booking.store.create(request, booking.clock.machine()):
        return request
    return await _again(booking, command.id)


async def _without_those_booked(
    booking: Booking, town: Town, planned: Sequence[Line]
) -> tuple[list[Line], list[NotRetained]]:
    """Make sure the sessions exist; drop what the child has booked already."""
    lines: list[Line] = []
    taken: list[NotRetained] = []
    for activity in town.file.activities:
        wanted = [line for line in planned if line.activity == activity.id]
        if not wanted:
            continue
        sessions = await booking.store.sessions(
            town.file.town, activity, town.version,
            {line.date for line in wanted}, {line.child for line in wanted},
        )  # fmt: skip
        for line in wanted:
            if line.unit in sessions[line.date].holders.get(line.child, {}):
                taken.append(dropped(line, TAKEN))
            else:
                lines.append(line)
    return lines, taken


def _period(asked: Asked) -> Period:
    if asked.period is None:
        raise ValueError("no period was asked")
    return Period(
        first=asked.period.first,
        last=asked.period.last,
        weekdays=tuple(sorted(weekday.number for weekday in asked.period.weekdays)),
    )


async def _again(booking: Booking, request_id: str) -> Request:
    found = await booking.store.request(request_id)
    if found is None:
        raise RuntimeError("a stored request vanished")
    return found


# -- settling ------------------------------------------------------------------------------


async def finish(booking: Booking, request: Request) -> Request:
    """Carry an unfinished request to its end; harmless from any state and in any process."""
    while request.unfinished:
        if any(line.state == "asked" for line in request.lines):
            await _settle(booking, request)
        else:
            await _give_back(booking, request)
        request = await _again(booking, request.id)
    return request


async def _settle(booking: Booking, request: Request) -> None:
    """Try each line's place, then write all outcomes with the events that say them."""
    town = await booking.towns.get(request.town)
    modes = {a.id: booking.offer(town, a).mode for a in town.file.activities}
    asked = [line for line in request.lines if line.state == "asked"]
    why_not: Mapping[str, Reason | None] = {}
    if trying := [line for line in asked if modes[line.activity].needs_place_at_once]:
        counters = counters_of(town.file.activities)
        why_not = await booking.store.grant(request.town, request.id, trying, counters)
    now = booking.clock.town()
    lines = [
        settle(line, modes[line.activity], why_not.get(line.id), now) for line in request.lines
    ]
    await booking.store.save_settled(request, lines, *_said_at_once(request, lines))


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
            events.append(_decided(contract, request, outcomes, lines))
    return events


def _requested_line(line: Line) -> RequestedLine:
    state, reason = line.receipted
    if state == "asked":
        raise ValueError("a line is settled before it is said")
    return RequestedLine(
        line=line.id, child=line.child, activity=line.activity, date=line.date, unit=line.unit,
        state=state, reason=reason, cancel_until=line.cancel_until,
    )  # fmt: skip


def _decided(
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


async def _give_back(booking: Booking, request: Request) -> None:
    """Free the places that refused lines still hold."""
    town = await booking.towns.get(request.town)
    counters = counters_of(town.file.activities)
    lines = list(request.lines)
    for position, line in enumerate(lines):
        if line.state == "refused" and line.held:
            await booking.store.free(request.town, request.id, line, counters)
            lines[position] = freed(line)
    await booking.store.save_freed(request, lines)


async def finish_left_behind(booking: Booking) -> None:
    """Finish what a crash left half done: the sweeper behind every command."""
    for request_id in await booking.store.unfinished(booking.clock.machine() - LEFT_BEHIND):
        await finish(booking, await _again(booking, request_id))


# -- deciding ------------------------------------------------------------------------------


async def decide_many(
    booking: Booking, scope: AgentScope, wanted: DecisionsIn, command: Command
) -> DecisionsOut:
    """An agent accepts and refuses lines: one write per request, all at one instant.

    The same command again resumes: lines it has decided keep their results.
    """
    batch = await booking.store.open_batch(
        command.id, scope.town, scope.account, command.body_hash, booking.clock.town()
    )
    if batch["body_hash"] != command.body_hash:
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à d'autres décisions.", status=422
        )
    wishes: dict[str, list[Wish]] = {}
    for one in wanted.decisions:
        reason = Reason(code="agent", text=one.reason) if one.reason else None
        wish = Wish(one.line, one.outcome == "accepted", reason)
        wishes.setdefault(one.request, []).append(wish)
    single = len(wishes) == 1
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one_request(request_id: str) -> tuple[str, Mapping[str, LineResult]]:
        async with limit:
            return request_id, await _decide(
                booking, scope, request_id, wishes[request_id], batch, single
            )

    results = dict(await asyncio.gather(*(one_request(request_id) for request_id in wishes)))
    if not single:
        decided = sum(
            result in ("accepted", "refused") for one in results.values() for result in one.values()
        )
        await booking.store.close_batch(
            command.id, scope.town, decided, DecisionsCompleted(batch=command.id, lines=decided)
        )
    return DecisionsOut(
        decided_at=batch["decided_at"],
        results=[
            DecisionOut(request=d.request, line=d.line, result=results[d.request][d.line])
            for d in wanted.decisions
        ],
    )


async def _decide(
    booking: Booking,
    scope: AgentScope,
    request_id: str,
    wishes: Sequence[Wish],
    batch: Mapping[str, object],
    single: bool,
) -> Mapping[str, LineResult]:
    """Decide lines of one request, again from the start when it changed meanwhile."""
    while True:
        request = await booking.store.request_of(scope, request_id)
        if request is None:
            return {wish.line: "not-found" for wish in wishes}
        if request.unfinished:
            request = await finish(booking, request)
        verdict = await _verdict(booking, request, wishes, scope.account, batch)
        if not verdict.changed or await _save_verdict(booking, request, verdict, batch, single):
            if verdict.to_free:
                await finish(booking, await _again(booking, request.id))
            return verdict.results


async def _verdict(
    booking: Booking,
    request: Request,
    wishes: Sequence[Wish],
    agent: str,
    batch: Mapping[str, object],
) -> Verdict:
    town = await booking.towns.get(request.town)
    full: dict[str, Reason] = {}
    if needing := lines_needing_place(request.lines, wishes):
        counters = counters_of(town.file.activities)
        granted = await booking.store.grant(request.town, request.id, needing, counters)
        full = {line: reason for line, reason in granted.items() if reason is not None}
    return decide(
        request.lines, wishes, full,
        agent=agent, batch=str(batch["_id"]), now=batch["decided_at"],  # type: ignore[arg-type]
    )  # fmt: skip


async def _save_verdict(
    booking: Booking,
    request: Request,
    verdict: Verdict,
    batch: Mapping[str, object],
    single: bool,
) -> bool:
    name = None if single else str(batch["_id"])
    events = [
        _decided(contract, request, outcomes, verdict.lines, name)
        for contract, outcomes in (
            (BookingAccepted, verdict.accepted), (BookingRefused, verdict.refused),
        )
        if outcomes
    ]  # fmt: skip
    unfinished = booking.clock.machine() if verdict.to_free else None
    return await booking.store.save_decided(request, verdict.lines, unfinished, *events)


# -- saying how far decisions are known ----------------------------------------------------


async def say_progress(booking: Booking) -> None:
    """Say, once a minute and town, up to when every decision has been published."""
    settled = booking.clock.town() - SAYING
    minute = settled.replace(second=0, microsecond=0)
    for town in await booking.towns.all():
        slug = town.file.town
        said = await booking.store.progress(slug)
        if (said is None or said < minute) and await booking.store.says_nothing_before(
            slug, minute
        ):
            await booking.store.say_progress(slug, minute)
