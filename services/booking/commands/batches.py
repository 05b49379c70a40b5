"""One command of an agent that decides many things: one instant, one answer, resumed when it is
repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from services.booking.state import Booking
from shared.auth import AgentScope
from shared.copies import Town
from shared.errors import Refused
from shared.events import Event
from shared.store import Document
from shared.web.routes import Command

#: How many documents one command works on at a time.
AT_ONCE = 16
#: Decides everything at one instant, by one version of the town's file: each result as it is kept,
#: and what is said once it is done.
DecideAll = Callable[[datetime, Town], Awaitable[tuple[list[Document], Sequence[Event]]]]


@dataclass(frozen=True, slots=True)
class Done:
    """What a command answers: its instant, the version of the town's file, its results."""

    decided_at: datetime
    version: int
    results: list[Document]


async def in_batch(
    booking: Booking, scope: AgentScope, command: Command, decide_all: DecideAll
) -> Done:
    """What a command comes to; once it is through, it answers the same.

    Raises ``Refused``: ``idempotency-key-reused``.
    """
    kept = await booking.store.open_batch(
        command.id, scope.town, scope.account, command.body_hash, booking.clock.town(),
        booking.clock.machine(),
    )  # fmt: skip
    if kept["body_hash"] != command.body_hash:
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à d'autres décisions.", status=422
        )
    if "results" not in kept:
        town = await booking.towns.get(scope.town)
        results, events = await decide_all(kept["decided_at"], town)
        kept |= await booking.store.close_batch(
            command.id, scope.town, town.version, results, *events
        )
    return Done(kept["decided_at"], kept["version"], kept["results"])


class OfLine(Protocol):
    """A decision on a line of a request."""

    @property
    def request(self) -> str:
        """The request's id."""

    @property
    def line(self) -> str:
        """The line's id in it."""


OneT = TypeVar("OneT", bound=OfLine)
WishT = TypeVar("WishT")


async def by_request(
    decisions: Sequence[OneT],
    wish_of: Callable[[OneT], WishT],
    decide: Callable[[str, Sequence[WishT]], Awaitable[Mapping[str, str]]],
) -> list[Document]:
    """The result of each decision, in their order: what is wanted of one request is decided
    together, so many requests at a time."""
    wishes: dict[str, list[WishT]] = {}
    for one in decisions:
        wishes.setdefault(one.request, []).append(wish_of(one))
    limit = asyncio.Semaphore(AT_ONCE)

    async def one_request(request_id: str) -> tuple[str, Mapping[str, str]]:
        async with limit:
            return request_id, await decide(request_id, wishes[request_id])

    found = dict(await asyncio.gather(*(one_request(request_id) for request_id in wishes)))
    return [
        {"request": one.request, "line": one.line, "result": found[one.request][one.line]}
        for one in decisions
    ]
