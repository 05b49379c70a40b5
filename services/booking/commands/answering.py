"""An agent decides enrolments; what is said of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from services.booking.commands.batches import AT_ONCE, in_batch
from services.booking.commands.patterns import book_pattern
from services.booking.domain.answers import said_with
from services.booking.domain.enrolled import activities_of
from services.booking.domain.enrolment import (
    Enrolment,
    EnrolmentResult,
    EnrolmentWish,
    books_from,
    decided,
    result_of,
)
from services.booking.enrolment_schemas import (
    EnrolmentDecisionIn,
    EnrolmentDecisionOut,
    EnrolmentDecisionsIn,
    EnrolmentDecisionsOut,
)
from services.booking.state import Booking
from services.booking.store.enrolments import DECIDE_ENROLMENT
from shared.auth import AgentScope
from shared.contracts.booking import (
    EnrolmentAccepted,
    EnrolmentDocument,
    EnrolmentRefused,
    EnrolmentRequested,
)
from shared.contracts.family import Participant
from shared.contracts.town_file import EnrolmentGroup, TownFile
from shared.copies import Town
from shared.events import Event
from shared.store import Document
from shared.web.routes import Command


@dataclass(frozen=True, slots=True)
class _Batch:
    """One command: who decides, and at what instant."""

    id: str
    agent: str
    decided_at: datetime


async def decide_many(
    booking: Booking, scope: AgentScope, wanted: EnrolmentDecisionsIn, command: Command
) -> EnrolmentDecisionsOut:
    """An agent accepts and refuses enrolments: one write each, all at one instant.

    The same command again resumes, or once it is through, answers the same.
    """
    done = await in_batch(
        booking, scope, command, partial(_decide_all, booking, scope, wanted, command)
    )
    return EnrolmentDecisionsOut(
        version=done.version,
        decided_at=done.decided_at,
        results=[EnrolmentDecisionOut.model_validate(result) for result in done.results],
    )


async def _decide_all(
    booking: Booking,
    scope: AgentScope,
    wanted: EnrolmentDecisionsIn,
    command: Command,
    decided_at: datetime,
    town: Town,
) -> tuple[list[Document], Sequence[Event]]:
    batch = _Batch(command.id, scope.account, decided_at)
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(_id: str, wish: EnrolmentWish) -> Document:
        async with limit:
            result = await _decide(booking, scope, town, _id, wish, batch)
            return {"enrolment": _id, "result": result}

    wishes = [(each.enrolment, _wish(each, town.file)) for each in wanted.decisions]
    return list(await asyncio.gather(*(one(*pair) for pair in wishes))), ()


def _wish(one: EnrolmentDecisionIn, file: TownFile) -> EnrolmentWish:
    """What was decided of an enrolment."""
    said = said_with(file, one.outcome, one.answer, one.reason)
    invalid: EnrolmentResult | None = "answer-unknown" if said.unknown else None
    return EnrolmentWish(said.accept, said.reason, said.answer, invalid)


async def _decide(
    booking: Booking,
    scope: AgentScope,
    town: Town,
    _id: str,
    wish: EnrolmentWish,
    batch: _Batch,
) -> EnrolmentResult:
    """Decide one enrolment, again from the start when it changed meanwhile."""
    while True:
        known = await booking.enrolments.one_of(scope, _id)
        group = town.file.enrolment(known.group) if known else None
        result = result_of(known, wish, batch.id, batch.decided_at, offered=group is not None)
        if known is None or result not in ("accepted", "refused"):
            return result
        if known.batch != batch.id:
            after = decided(
                known, wish, agent=batch.agent, batch=batch.id, now=batch.decided_at,
                machine_now=booking.clock.machine(),
            )  # fmt: skip
            event = await _answer(booking, town, group, after)
            saved = await booking.enrolments.save(DECIDE_ENROLMENT, known, after, event)
            if saved is None:
                continue
            known = saved
        await book_pattern(booking, known)
        return result


async def _answer(
    booking: Booking, town: Town, group: EnrolmentGroup | None, after: Enrolment
) -> Event:
    """What is said of a decision."""
    if after.state == "accepted" and group is not None:
        card = await booking.store.family(after.town, after.family)
        child = card.participant(after.child)
        return _accepted(booking, town, group, child, after, receipted=False)
    if after.reason is None or after.agent is None or after.decided_at is None:
        raise ValueError("a refusal has its reason")
    return EnrolmentRefused(
        **about(after), decided_at=after.decided_at, agent=after.agent, reason=after.reason,
        answer=after.answer,
    )  # fmt: skip


def about(one: Enrolment) -> Document:
    """What every event about an enrolment says."""
    return {
        "enrolment": one.id, "number": one.number, "family": one.family,
        "account": one.sent.account, "child": one.child, "group": one.group,
        "requested_at": one.requested_at,
    }  # fmt: skip


def said_at_once(
    booking: Booking, town: Town, group: EnrolmentGroup, child: Participant, one: Enrolment
) -> list[Event]:
    """The receipt, and the answer where the town's rule gives it."""
    accepted = one.state == "accepted"
    requested = EnrolmentRequested(
        **about(one),
        **one.sent.origin.said,
        overridden=one.sent.overridden,
        pattern=one.sent.pattern,
        first=group.first,
        last=group.last,
        state="accepted" if accepted else "requested",
        book_from=_book_from(booking, town, group, child, one.requested_at) if accepted else None,
        regulations=one.sent.regulations,
        documents=tuple(
            EnrolmentDocument(asked=asked, files=files)
            for asked, files in one.sent.documents.items()
        ),
        comment=one.sent.comment is not None,
    )
    if not accepted:
        return [requested]
    return [requested, _accepted(booking, town, group, child, one, receipted=True)]


def _accepted(
    booking: Booking,
    town: Town,
    group: EnrolmentGroup,
    child: Participant | None,
    one: Enrolment,
    *,
    receipted: bool,
) -> EnrolmentAccepted:
    if one.decided_at is None or one.decided_by is None:
        raise ValueError("an answer has its instant")
    return EnrolmentAccepted(
        **about(one),
        pattern=one.sent.pattern,
        first=group.first,
        last=group.last,
        decided_at=one.decided_at,
        decided_by=one.decided_by,
        agent=one.agent,
        answer=one.answer,
        book_from=_book_from(booking, town, group, child, one.decided_at) if child else None,
        receipted=receipted,
    )


def _book_from(
    booking: Booking, town: Town, group: EnrolmentGroup, child: Participant, now: datetime
) -> datetime | None:
    covered = activities_of(booking.rulebooks.of(town).book, group)
    offers = [replace(booking.offer(town, activity), now=now) for activity in covered]
    return books_from(offers, group, child, now)
