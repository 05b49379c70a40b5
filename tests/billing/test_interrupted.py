"""A process dies between two writes, or one of many fails: what others make of it meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from services.billing.checking import check
from services.billing.commands import accounts, paid_at_booking
from services.billing.commands.correcting import correct_changed
from services.billing.commands.issuing import complete
from services.billing.commands.month_ends import run_month
from services.billing.domain.accounts import Holder
from services.billing.domain.movements import Receive, Reverse
from services.billing.state import Billing
from services.billing.store import ERASURES
from services.billing.store.invoices import INVOICES
from shared.auth import AgentScope
from shared.contracts.booking import DecidedUpTo
from shared.contracts.family import ErasureAsked
from shared.failpoints import Step
from shared.ids import new_id
from shared.web.routes import Command
from tests.billing.ledger import DAYS, OVER, Died, Ledger, ledger

NUMBERED = "billing.invoice.number.after"


async def numbered_only(town: Ledger, times: int = 1) -> None:
    """So often a process dies when a booking's invoice has its number, and is not owed yet."""
    await town.begin()
    town.fuse.lives = [2] * times
    for at in range(times):
        await town.book("sortie", [DAYS[at]], ("repas",))
    assert town.fuse.seen == {NUMBERED}


async def test_two_invoices_of_one_family_are_owed_together(
    mongodb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ledger(mongodb_url, monkeypatch) as town:
        await numbered_only(town, times=2)
        found = await town.billing.invoices.unannounced("", 9)
        await complete(town.billing, found)
        account = await town.billing.accounts.get(Holder(town.town, "VEY", town.family))
        assert sorted(account.debts) == sorted(one.id for one in found)
        assert [one async for one in check(town.parts, None)] == []


@pytest.mark.parametrize("at", ["numbered only", "reversed, and the invoice behind"])
async def test_a_family_that_owes_is_not_erased_though_its_invoice_says_nothing_of_it_yet(
    mongodb_url: str, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    async with ledger(mongodb_url, monkeypatch) as town:
        if at == "numbered only":
            await numbered_only(town)
        else:
            await town.begin()
            await town.book("sortie", DAYS[:1], ("repas",))
            holder = Holder(town.town, "VEY", town.family)
            (invoice,) = (await town.billing.accounts.get(holder)).debts
            await accounts.move(town.billing, holder, Receive("p1", 410, (invoice,)))
            await accounts.moved(town.billing, holder, Reverse("x1", "p1"))
        await town.say(ErasureAsked(erasure="e1", family=town.family, settled=()))
        (answer,) = await town.parts.store.find(ERASURES, {"town": town.town})
        (said,) = answer["pending"]
        number = f"VEY-{town.clock.now.year}-000001"
        held = [(one["money"], one["reference"]) for one in said["data"]["holds"]]
        assert ("invoice", number) in held


async def test_an_invoice_that_cannot_be_called_off_keeps_no_other_waiting(
    mongodb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One to pay is looked at a time; the oldest fails, of the next PayFiP says nothing."""
    async with ledger(mongodb_url, monkeypatch) as town:
        await town.begin()
        holder = Holder(town.town, "VEY", town.family)
        for day in DAYS:
            await town.book("sortie", [day], ("repas",))
        town.later(minutes=21)
        first, second, third = (await town.billing.accounts.get(holder)).debts
        asked = []

        async def ask(_: Billing, invoice: str, **_how: object) -> str:
            asked.append(invoice)
            if invoice == first:
                raise LookupError(invoice)
            return "unknown" if invoice == second else "unpaid"

        monkeypatch.setattr(paid_at_booking, "ask", ask)
        monkeypatch.setattr(paid_at_booking, "_MOST", 1)
        await paid_at_booking.expire_unpaid(town.billing)
        debts = (await town.billing.accounts.get(holder)).debts
        assert asked == [first, second, third]
        assert [debts[one].state for one in asked] == ["open", "open", "void"]


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
