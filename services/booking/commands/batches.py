"""One command of an agent that decides many things: one instant, one answer, resumed when it is
repeated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from services.booking.state import Booking
from shared.auth import AgentScope
from shared.errors import Refused
from shared.events import Event
from shared.store import Document
from shared.web.routes import Command

#: How many documents one command works on at a time.
AT_ONCE = 16
#: Decides everything at one instant: each result as it is kept, and what is said once it is done.
DecideAll = Callable[[datetime], Awaitable[tuple[list[Document], Sequence[Event]]]]


async def in_batch(
    booking: Booking, scope: AgentScope, command: Command, decide_all: DecideAll
) -> tuple[datetime, list[Document]]:
    """The instant of a command and its results; once it is through, it answers the same.

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
        results, events = await decide_all(kept["decided_at"])
        kept["results"] = await booking.store.close_batch(command.id, scope.town, results, *events)
    return kept["decided_at"], kept["results"]
