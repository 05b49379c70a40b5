"""A proof is given for what is free once proved, an agent accepts or refuses it, and what is not
proved in time is settled by the town's rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from services.booking.attached import check_attached, check_shown
from services.booking.commands.batches import by_request, in_batch
from services.booking.commands.settling import again, decided_event, finish, finished
from services.booking.commands.sweeping import each
from services.booking.domain.judging import (
    Judged,
    ProofResult,
    ProofWish,
    give,
    judge,
    overdue,
)
from services.booking.domain.justifying import WRONG_PROOF
from services.booking.domain.request import Request
from services.booking.proof_schemas import (
    ProofDecisionIn,
    ProofDecisionOut,
    ProofDecisionsIn,
    ProofDecisionsOut,
    ProofsIn,
)
from services.booking.state import Booking, given_of, origin, participant_for
from shared.auth import AgentScope, Scope
from shared.contracts.booking import BookingAccepted, BookingRefused, ProofGiven, Reason
from shared.copies import Town
from shared.errors import Refused, not_found
from shared.events import Event
from shared.store import Document
from shared.web.routes import Command


async def justify(
    booking: Booking, scope: Scope, request_id: str, wish: ProofsIn, command: Command
) -> Request:
    """Keep a proof of some lines of a request, or of all that wait for one; the same command again
    changes nothing.

    Raises ``Refused``: ``nothing-to-prove``, ``wrong-proof``, ``proof-too-late``,
    ``document-unknown``, ``document-not-valid``, ``idempotency-key-reused``.
    """
    town = await booking.towns.get(scope.town)
    while True:
        request = await booking.store.request_of(scope, request_id)
        if request is None:
            raise not_found("cette demande")
        card = await booking.family_of(scope, request.family)
        chosen = [line for line in request.lines if not wish.lines or line.id in wish.lines]
        for child in {line.child for line in chosen}:
            participant_for(scope, card, child, "decide")
        if _gave_before(request, command):
            return request
        if request.unfinished:
            request = await finished(booking, request.id)
        check_shown(scope, wish, "")
        by = origin(scope, card, request.family, wish.on_behalf)
        given = given_of(by, wish, booking.clock.town(), command)
        lines = give(request.lines, wish.lines, given)
        if isinstance(lines, Reason):
            raise _refused(lines)
        fresh = [new for new in lines if new.given and new.given.command == command.id]
        named = {line.child for line in fresh}
        children = [child for child in card.participants if child.ids & named]
        await check_attached(booking, town, card, children, wish.documents, field="/documents")
        event = ProofGiven(
            request=request.id, number=request.number, family=request.family, **by.said,
            account=by.account, given_at=given.given_at, documents=len(given.documents),
            lines=tuple(new.id for new in fresh),
        )  # fmt: skip
        saved = await booking.store.save_proofs(request, lines, None, event)
        if saved is not None:
            return saved


def _gave_before(request: Request, command: Command) -> bool:
    """Whether this command has given its proof. Refuses (422) one of another body."""
    act = next((one for one in request.history if one.command == command.id), None)
    if act is not None and act.body_hash != command.body_hash:
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à un autre justificatif.", status=422
        )
    return act is not None


def _refused(why_not: Reason) -> Refused:
    if why_not is WRONG_PROOF:
        return Refused(why_not.code, why_not.text, status=422, field="/kind")
    return Refused(why_not.code, why_not.text)


# -- an agent decides ------------------------------------------------------------------------


async def decide_proofs(
    booking: Booking, scope: AgentScope, wanted: ProofDecisionsIn, command: Command
) -> ProofDecisionsOut:
    """An agent accepts and refuses proofs: one write per request, all at one instant. The same
    command again resumes, or once it is through, answers the same."""
    done = await in_batch(
        booking, scope, command, partial(_decide_all, booking, scope, wanted, command)
    )
    return ProofDecisionsOut(
        version=done.version,
        decided_at=done.decided_at,
        results=[ProofDecisionOut.model_validate(result) for result in done.results],
    )


async def _decide_all(
    booking: Booking,
    scope: AgentScope,
    wanted: ProofDecisionsIn,
    command: Command,
    decided_at: datetime,
    _town: Town,
) -> tuple[list[Document], Sequence[Event]]:
    def wish_of(one: ProofDecisionIn) -> ProofWish:
        return ProofWish(one.line, one.revision, one.outcome == "accepted", one.reason)

    async def decide(request_id: str, wishes: Sequence[ProofWish]) -> Mapping[str, str]:
        return await _decide(booking, scope, request_id, wishes, command.id, decided_at)

    return await by_request(wanted.decisions, wish_of, decide), ()


async def _decide(
    booking: Booking,
    scope: AgentScope,
    request_id: str,
    wishes: Sequence[ProofWish],
    batch: str,
    decided_at: datetime,
) -> dict[str, ProofResult]:
    """Decide proofs of one request, again from the start when it changed meanwhile."""
    while True:
        request = await booking.store.request_of(scope, request_id)
        if request is None:
            return {wish.line: "not-found" for wish in wishes}
        if request.unfinished:
            request = await finished(booking, request.id)
        judged = judge(request.lines, wishes, agent=scope.account, batch=batch, now=decided_at)
        if judged.lines == request.lines or await _save(booking, request, judged):
            return judged.results


async def _save(booking: Booking, request: Request, judged: Judged) -> bool:
    """Write what proofs came to, with the events that say it; what is given back, is."""
    events = [
        decided_event(contract, request, outcomes, judged.lines)
        for contract, outcomes in (
            (BookingAccepted, judged.accepted), (BookingRefused, judged.refused),
        )
        if outcomes
    ]  # fmt: skip
    unfinished = booking.clock.machine() if judged.to_free else None
    saved = await booking.store.save_proofs(request, judged.lines, unfinished, *events)
    if saved is None:
        return False
    await finish(booking, saved)
    return True


# -- the time is over ------------------------------------------------------------------------


async def settle_unproved(booking: Booking) -> None:
    """Settle what was to be proved by now and is not: the sweeper behind every such line."""
    found = await booking.store.unproved(booking.clock.town())
    await each(found, partial(_settle, booking), "proof-not-settled")


async def _settle(booking: Booking, request_id: str) -> None:
    """Settle what is overdue of a request, and note when to look at it again."""
    while True:
        request = await again(booking, request_id)
        if request.unfinished:
            request = await finished(booking, request.id)
        judged = overdue(request.lines, booking.clock.town())
        if await _save(booking, request, judged):
            return
