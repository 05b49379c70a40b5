"""PayFiP is asked as seldom as its guide wants, and nothing that it tells meanwhile is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from deploy.simulators.payfip_rules import Behaviour
from services.billing.commands import online
from services.billing.commands.paid_at_booking import expire_unpaid
from services.billing.domain.accounts import Holder
from services.billing.domain.payfip import Detail, Fault, NoAnswer
from shared.auth import FamilyRight, FamilyScope
from shared.errors import Refused
from shared.ids import new_id
from shared.web.routes import Command
from tests.billing.ledger import DAYS, Ledger, ledger


@pytest.fixture
async def town(mongodb_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ledger]:
    async with ledger(mongodb_url, monkeypatch) as running:
        await running.begin()
        yield running


async def outing(town: Ledger) -> str:
    """One place of an outing is held for twenty minutes: its invoice."""
    await town.book("sortie", DAYS[:1], ("repas",))
    (invoice,) = (await town.billing.accounts.get(Holder(town.town, "VEY", town.family))).debts
    return invoice


async def pay(town: Ledger, invoice: str, key: str | None = None) -> tuple[str, str]:
    """A payment, and its page: PayFiP's operation."""
    anne = FamilyScope(town.town, "anne", (FamilyRight(town.family, f"{town.family}-anne"),))
    command = Command(key or new_id(), "hash")
    made = await online.pay(town.billing, anne, [invoice], "anne@famille.example", command)
    assert made.idop is not None
    town.server.open(made.idop)
    return made.id, made.idop


async def state(town: Ledger, invoice: str) -> str:
    account = await town.billing.accounts.get(Holder(town.town, "VEY", town.family))
    return account.debts[invoice].state


async def working(town: Ledger, minutes: int) -> None:
    """The jobs go on, three times a minute."""
    for _ in range(3 * minutes):
        town.later(seconds=20)
        await online.ask_due(town.billing)
        await expire_unpaid(town.billing)


async def test_a_page_that_may_be_paid_still_is_asked_about_by_the_schedule(town: Ledger) -> None:
    invoice = await outing(town)
    town.later(minutes=18)
    await pay(town, invoice)
    asked = len(town.server.asked)
    await working(town, 28)
    assert await state(town, invoice) == "open"
    assert len(town.server.asked) - asked <= 6, "after 1, 2, 5, 10, 15 and 20 minutes"
    await working(town, 4)
    assert await state(town, invoice) == "void", "it can be paid no longer, and PayFiP said so"


async def test_a_service_that_fails_is_left_alone_for_half_an_hour(town: Ledger) -> None:
    invoice = await outing(town)
    town.later(minutes=18)
    await pay(town, invoice)
    town.server.next_failures = ["dysfunction"] * 100
    await working(town, 28)
    assert 100 - len(town.server.next_failures) == 1
    await working(town, 62)
    assert await state(town, invoice) == "open"
    await working(town, 4)
    assert await state(town, invoice) == "void", "booking waits no longer"
    assert 100 - len(town.server.next_failures) <= 5


async def test_paid_at_the_last_moment_it_is_heard_before_the_place_is_given_up(
    town: Ledger,
) -> None:
    invoice = await outing(town)
    town.later(minutes=18)
    _, idop = await pay(town, invoice)
    await working(town, 28)
    town.server.act(idop, "carte", Behaviour(times=0))
    await working(town, 4)
    assert await state(town, invoice) == "settled"


async def test_what_payfip_notifies_while_it_is_asked_is_asked_about_at_once(
    town: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = await outing(town)
    payment, idop = await pay(town, invoice)
    town.later(minutes=2)
    detail = town.billing.payfip.detail

    async def then_paid(asked: str) -> Detail | Fault | NoAnswer:
        said = await detail(asked)
        town.server.act(idop, "carte", Behaviour(times=0))
        await online.hint(town.billing, town.town, idop)
        return said

    with monkeypatch.context() as patch:
        patch.setattr(town.billing.payfip, "detail", then_paid)
        await online.ask_due(town.billing)
    await online.ask_due(town.billing)
    assert (await town.billing.payments.need(payment)).state == "paid"


async def test_after_a_week_without_an_answer_a_payment_holds_nothing_up(town: Ledger) -> None:
    invoice = await outing(town)
    payment, _ = await pay(town, invoice)
    town.later(days=8)
    town.server.next_failures = ["bad-gateway"]
    await online.ask_due(town.billing)
    assert (await town.billing.payments.need(payment)).state == "expired"
    assert await town.billing.payments.under_way(town.town, [town.family]) == []


async def test_the_same_command_opens_no_page_for_a_place_that_is_held_no_longer(
    town: Ledger,
) -> None:
    invoice, key = await outing(town), new_id()
    town.later(minutes=18)
    town.server.next_failures = ["bad-gateway"]
    with pytest.raises(Refused, match="payment-not-opened"):
        await pay(town, invoice, key)
    town.later(minutes=7)
    for _ in range(2):
        with pytest.raises(Refused, match="payment-too-late"):
            await pay(town, invoice, key)
    assert len(town.server.operations) == 0
