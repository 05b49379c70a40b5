"""A process dies while it notes which charges an invoice holds, and a correction comes between."""

from __future__ import annotations

from typing import Any

import pytest

from services.billing.commands.correcting import correct_changed
from services.billing.commands.month_ends import run_month
from services.billing.domain.accounts import Holder
from services.billing.store.invoices import INVOICES
from shared.auth import AgentScope
from shared.contracts.booking import DecidedUpTo
from shared.failpoints import Step
from shared.ids import new_id
from shared.web.routes import Command
from tests.billing.ledger import DAYS, OVER, Died, ledger


async def test_charges_half_noted_are_not_taken_for_cancelled_ones(
    mongodb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ledger(mongodb_url, monkeypatch) as town:
        await town.begin()
        await town.book("cantine", DAYS[:2], ("repas",))
        (request,) = town.requests
        await town.refuse(request, request.lines[0])
        await town.accept(request, request.lines[0])
        town.clock.now = OVER
        await town.say(DecidedUpTo(instant=OVER))
        agent = AgentScope(town.town, "agent", frozenset({"collection_officer"}))

        async def end_month() -> Any:
            return await run_month(town.billing, agent, "2026-09", Command(new_id(), "hash"))

        def dies(step: Step) -> None:
            if step.name == "billing.charges.mark":
                monkeypatch.setattr(Step, "after", town.fuse.passing("after"))
                raise Died

        monkeypatch.setattr(Step, "after", dies)
        with pytest.raises(Died):
            await end_month()
        for _ in range(2):
            town.later(seconds=30)
            await correct_changed(town.billing)
            await end_month()
        account = await town.billing.accounts.get(Holder(town.town, "VEY", town.family))
        assert sum(one.owed for one in account.debts.values()) == town.standing_cents == 820
        (invoice,) = await town.parts.store.find(INVOICES, {"town": town.town})
        assert invoice["total_cents"] == 820
