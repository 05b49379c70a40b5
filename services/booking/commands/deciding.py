"""An agent decides lines of one or many requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from services.booking.commands.batches import by_request, in_batch
from services.booking.commands.settling import (
    again,
    count_anew,
    decided_event,
    finish,
    finished,
    take_places,
)
from services.booking.domain.answers import said_with
from services.booking.domain.deciding import LineResult, Verdict, Wish, decide, together, tried
from services.booking.domain.request import Request, tied
from services.booking.schemas import DecisionIn, DecisionOut, DecisionsIn, DecisionsOut
from services.booking.state import Booking
from shared.auth import AgentScope, Scope
from shared.contracts.booking import (
    BookingAccepted,
    BookingRefused,
    DecisionsCompleted,
)
from shared.contracts.town_file import TownFile
from shared.copies import Town
from shared.events import Event
from shared.store import Document
from shared.web.routes import Command


@dataclass(frozen=True, slots=True)
class _Batch:
    """One command: who decides, at what instant, by which version of the town's rules, and under
    which name it is said."""

    id: str
    agent: str
    decided_at: datetime
    town: Town
    said_as: str | None


async def decide_many(
    booking: Booking, scope: AgentScope, wanted: DecisionsIn, command: Command
) -> DecisionsOut:
    """An agent accepts and refuses lines: one write per request, all at one instant.

    The same command again resumes, or once it is through, answers the same.
    """
    done = await in_batch(
        booking, scope, command, partial(_decide_all, booking, scope, wanted, command)
    )
    return DecisionsOut(
        version=done.version,
        decided_at=done.decided_at,
        results=[DecisionOut.model_validate(result) for result in done.results],
    )


async def _decide_all(
    booking: Booking,
    scope: AgentScope,
    wanted: DecisionsIn,
    command: Command,
    decided_at: datetime,
    town: Town,
) -> tuple[list[Document], Sequence[Event]]:
    several = len({one.request for one in wanted.decisions}) > 1
    batch = _Batch(command.id, scope.account, decided_at, town, command.id if several else None)

    async def decide_own(request_id: str, wishes: Sequence[Wish]) -> Mapping[str, str]:
        return await _decide_own(booking, scope, request_id, wishes, batch)

    results = await by_request(wanted.decisions, lambda one: _wish(one, town.file), decide_own)
    decided = sum(result["result"] in ("accepted", "refused") for result in results)
    return results, [DecisionsCompleted(batch=command.id, lines=decided)] if several else []


def _wish(one: DecisionIn, file: TownFile) -> Wish:
    """What was decided of a line."""
    said = said_with(file, one.outcome, one.answer, one.reason)
    invalid: LineResult | None = "answer-unknown" if said.unknown else None
    return Wish(one.line, said.accept, said.reason, said.answer, one.give_back, invalid)


async def _decide_own(
    booking: Booking, scope: Scope, request_id: str, wishes: Sequence[Wish], batch: _Batch
) -> Mapping[str, LineResult]:
    """Decide the lines at the agent's sites: those of other sites are not found."""
    scope, activities = await booking.at_sites(scope)
    if activities is None:
        return await _decide(booking, scope, request_id, wishes, batch)
    request = await booking.store.request_of(scope, request_id)
    lines = request.only_at(activities).lines if request else ()
    own = {line.id for line in lines}
    decided = await _decide(
        booking, scope, request_id, [wish for wish in wishes if wish.line in own], batch
    )
    return {**{wish.line: "not-found" for wish in wishes}, **decided}


async def _decide(
    booking: Booking, scope: Scope, request_id: str, wishes: Sequence[Wish], batch: _Batch
) -> Mapping[str, LineResult]:
    """Decide lines of one request, again from the start when it changed meanwhile."""
    while True:
        request = await booking.store.request_of(scope, request_id)
        if request is None:
            return {wish.line: "not-found" for wish in wishes}
        if request.unfinished:
            request = await finished(booking, request.id)
        alike = together(request.lines, wishes)
        lines = tried(request.lines, alike, batch=batch.id, now=batch.decided_at)
        trying = any(line.trying for line in lines)
        if trying:
            saved = await booking.store.save_tried(request, lines, booking.clock.machine())
            if saved is None:
                continue
            request = saved
        verdict = await _verdict(booking, request, alike, batch)
        if not trying and not verdict.accepted and not verdict.refused:
            return verdict.results
        if await _save_verdict(booking, request, verdict, batch):
            if verdict.to_free:
                await finish(booking, await again(booking, request.id))
            return verdict.results


async def _verdict(
    booking: Booking, request: Request, wishes: Sequence[Wish], batch: _Batch
) -> Verdict:
    trying = [line for line in request.lines if line.trying]
    granted = await take_places(booking, request, trying, batch.town)
    why_not, to_give_back = tied(trying, granted)
    full = {line: reason for line, reason in why_not.items() if reason is not None}
    await count_anew(booking, request, [line for line in trying if line.id not in full])
    return decide(
        request.lines, wishes, full, to_give_back, agent=batch.agent, batch=batch.id,
        now=batch.decided_at,
    )  # fmt: skip


async def _save_verdict(
    booking: Booking, request: Request, verdict: Verdict, batch: _Batch
) -> bool:
    events: list[Event] = [
        decided_event(contract, request, outcomes, verdict.lines, batch.said_as)
        for contract, outcomes in (
            (BookingAccepted, verdict.accepted), (BookingRefused, verdict.refused),
        )
        if outcomes
    ]  # fmt: skip
    unfinished = booking.clock.machine() if verdict.to_free else None
    saved = await booking.store.save_decided(request, verdict.lines, unfinished, *events)
    return saved is not None
