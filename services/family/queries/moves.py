"""Use cases that read what was moved between family records."""

from __future__ import annotations

from collections.abc import Sequence

from services.family.domain.moves import Move
from services.family.state import State
from shared.auth import AgentScope


async def of_family(state: State, scope: AgentScope, family: str) -> Sequence[Move]:
    """The moves done on a record, latest first."""
    return await state.moves.of_family(scope, family)
