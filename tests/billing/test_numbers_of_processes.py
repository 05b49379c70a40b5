"""Numbers without gaps: four processes number one month, each is killed on the way, and others
take over."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from services.billing.checking import check
from services.billing.commands.accounts import follow_all
from services.billing.commands.issuing import complete_all
from services.billing.store.invoices import INVOICES
from shared.contracts.booking import DecidedUpTo
from tests.billing.data import accepted, card
from tests.billing.ledger import DAYS, OVER, Ledger, ledger

FAMILIES, AT_ONCE = 60, 4
#: Each dies early: however they follow one another, none finds everything done by the others.
POINTS = (
    "billing.invoice.number.before:2", "billing.invoice.number.after:2",
    "billing.account.open.before:1", "billing.invoice.announce.after:1",
)  # fmt: skip
PROCESS = f"""
import sys
from services.billing.commands import month_ends
from services.cli import app
from shared import failpoints
month_ends._TAKEN = {AT_ONCE}
point, *arguments = sys.argv[1:]
if point:
    failpoints.arm(point)
app(arguments)
"""


async def ended(town: Ledger, point: str) -> int:
    """The exit code of a process that ends the month."""
    settings = town.parts.settings
    environment = {
        **os.environ, "PREAU_NAMESPACE": settings.namespace,
        "MONGODB_URL": settings.mongodb_url.get_secret_value(),
    }  # fmt: skip
    command = ["invoices", "run", "--town", town.town, "--month", "2026-09"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROCESS, point, *command, env=environment,
    )  # fmt: skip
    return await process.wait()


async def test_four_processes_leave_no_gap_when_they_are_killed(
    mongodb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ledger(mongodb_url, monkeypatch) as town:
        await town.begin()
        for number in range(FAMILIES):
            family = f"n{number}"
            await town.say(card(family))
            await town.say(accepted([(f"l{number}", "zoe", DAYS[0])], family=family))
        town.clock.now = OVER
        await town.say(DecidedUpTo(instant=OVER))
        killed = await asyncio.gather(*(ended(town, point) for point in POINTS))
        assert list(killed) == [-signal.SIGKILL] * 4
        assert list(await asyncio.gather(ended(town, ""), ended(town, ""))) == [0, 0]
        for job in (complete_all, follow_all):
            await job(town.billing)
        found = await town.parts.store.find(INVOICES, {"town": town.town})
        assert sorted(one["sequence"] for one in found) == list(range(1, FAMILIES + 1))
        assert len({one["family"] for one in found}) == FAMILIES
        assert [one async for one in check(town.parts, None)] == []
