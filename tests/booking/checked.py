"""``preau check``, in the test's own process."""

from __future__ import annotations

from services.booking.checking import check
from shared.findings import Finding
from tests.world import World


async def findings(world: World, town: str | None = None) -> list[Finding]:
    """What ``preau check`` prints of booking."""
    return [one async for one in check(world.runner.running[0].parts, town)]


async def kinds(world: World) -> set[str]:
    """The kinds of what it finds."""
    return {one.kind for one in await findings(world)}
