"""The use case that writes a town's families as a spreadsheet."""

from __future__ import annotations

import asyncio

from services.family.domain.writing import Format, written
from services.family.state import State
from shared.auth import AgentScope


async def export(state: State, scope: AgentScope, form: Format) -> bytes:
    """Every family of the town that is not part of another. Written beside the event loop, which
    goes on answering."""
    families = await state.families.all_in(scope)
    return await asyncio.to_thread(written, families, form)
