"""Lines taken back before they are booked: heard in whatever order, nothing is asked for them;
what was paid for them all the same is credit, and an agent sees to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.simulators.payfip_rules import Behaviour
from services.billing.checking import check
from services.billing.commands import desk, online
from services.billing.commands.correcting import correct_changed
from services.billing.domain.accounts import Account, Holder, unbalanced
from services.billing.schemas.payments import DeskPaymentIn
from services.billing.store.invoices import INVOICES
from services.billing.store.tasks import TASKS
from shared.auth import AgentScope, FamilyRight, FamilyScope
from shared.ids import new_id
from shared.web.routes import Command
from tests.billing.ledger import DAYS, Booked, Ledger, Request, ledger

PRICE = 410
#: Fail points that a withdrawal, and then a payment's resolution, pass at most.
POINTS = 16


@pytest.fixture
async def town(mongodb_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ledger]:
    async with ledger(mongodb_url, monkeypatch) as running:
        await running.begin()
        yield running
        assert [one async for one in check(running.parts, None)] == []


def agent(town: Ledger) -> AgentScope:
    return AgentScope(town.town, "agent", frozenset({"collection_officer"}))


async def account(town: Ledger) -> Account:
    found = await town.billing.accounts.get(Holder(town.town, "VEY", town.family))
    assert unbalanced(found) == []
    return found


async def outing(town: Ledger) -> tuple[Request, str]:
    """One place of an outing is held: the request, and its invoice."""
    await town.book("sortie", DAYS[:1], ("repas",))
    debts = (await account(town)).debts
    return town.requests[-1], next(key for key, one in debts.items() if one.state == "open")


async def paid_on_a_page(town: Ledger, invoice: str) -> str:
    """The page is open, and paid; nobody has told the town."""
    right = FamilyRight(town.family, f"{town.family}-anne")
    anne = FamilyScope(town.town, "anne", (right,))
    command = Command(new_id(), "hash")
    made = await town.survive(
        lambda: online.pay(town.billing, anne, [invoice], "anne@famille.example", command)
    )
    assert made.idop is not None
    town.server.open(made.idop)
    town.server.act(made.idop, "carte", Behaviour(times=0))
    return made.id


async def resolved(town: Ledger) -> None:
    town.later(minutes=1)
    await town.survive(lambda: online.ask_due(town.billing))


async def corrected(town: Ledger) -> None:
    town.later(seconds=5)
    await correct_changed(town.billing)


async def tasks(town: Ledger) -> list[dict[str, Any]]:
    return await town.parts.store.find(TASKS, {"town": town.town})


async def seen_to(town: Ledger, request: Request, payment: str) -> None:
    """The money is credit, of which one agent's task tells."""
    found = await account(town)
    assert (found.money_in, found.credit_cents) == (PRICE, PRICE)
    (task,) = await tasks(town)
    assert (task["kind"], task["state"], task["cents"]) == ("paid-withdrawn", "open", PRICE)
    assert (task["request"], task["payment"]) == (request.id, payment)


@pytest.mark.parametrize("heard_first", ["the withdrawal", "the payment"])
async def test_paid_while_it_is_taken_back_it_is_credit_and_a_task_wherever_a_process_dies(
    town: Ledger, heard_first: str
) -> None:
    for dies_at in range(POINTS):
        await town.begin()
        request, invoice = await outing(town)
        payment = await paid_on_a_page(town, invoice)
        town.fuse.lives = [dies_at, dies_at]
        if heard_first == "the withdrawal":
            await town.withdraw(request)
            await resolved(town)
        else:
            await resolved(town)
            await town.withdraw(request)
        town.fuse.left = 0
        await corrected(town)
        await seen_to(town, request, payment)
        (debt,) = [one for one in (await account(town)).debts.values() if one.request]
        assert debt.unpaid == 0 or debt.void


async def test_a_payment_that_is_undone_is_no_task_any_more(town: Ledger) -> None:
    request, invoice = await outing(town)
    wish = DeskPaymentIn(family=town.family, means="cheque", cents=PRICE, invoices=(invoice,))
    entered = await desk.record(town.billing, agent(town), wish, Command(new_id(), "hash"))
    await town.withdraw(request)
    await corrected(town)
    await seen_to(town, request, entered.id)
    await desk.reverse(town.billing, agent(town), entered.id, "Sans provision")
    assert [one["state"] for one in await tasks(town)] == ["done"]


@pytest.mark.parametrize("heard_first", ["the refusal", "the booking"])
async def test_of_two_that_were_paid_the_one_refused_is_given_back_and_no_other(
    town: Ledger, heard_first: str
) -> None:
    await town.book("sortie", DAYS[:2], ("repas",))
    request = town.requests[-1]
    booked, lost = request.lines
    (invoice,) = (await account(town)).debts
    wish = DeskPaymentIn(family=town.family, means="cheque", cents=2 * PRICE, invoices=(invoice,))
    await desk.record(town.billing, agent(town), wish, Command(new_id(), "hash"))
    if heard_first == "the booking":
        await town.accept(request, booked)
        await corrected(town)
    await town.refuse(request, lost)
    await corrected(town)
    if heard_first == "the refusal":
        await town.accept(request, booked)
        await corrected(town)
    documents = await town.parts.store.find(INVOICES, {"town": town.town}, sort=[("sequence", 1)])
    assert [one["total_cents"] for one in documents] == [2 * PRICE, -PRICE]
    found = await account(town)
    assert (found.settled, found.credit_cents) == (PRICE, PRICE)


async def test_what_was_taken_back_before_it_is_heard_of_is_asked_of_nobody(town: Ledger) -> None:
    request = Request("r1", "sortie", [Booked("l0", DAYS[0], ("repas",), "to_pay")])
    await town.withdraw(request)
    await town.hold(request, request.lines)
    assert (await account(town)).debts == {}


async def test_held_and_taken_back_in_one_instant_it_is_asked_of_nobody(town: Ledger) -> None:
    for at in range(20):
        request = Request(f"r{at}", "sortie", [Booked("l0", DAYS[0], ("repas",), "to_pay")])
        await asyncio.gather(town.hold(request, list(request.lines)), town.withdraw(request))
    assert {one.state for one in (await account(town)).debts.values()} <= {"void"}
