"""Booked, changed, cancelled, paid, refunded, expired, corrected, in any order and by processes
that die anywhere: money in = money owed settled + credit, always.

Billing's own commands, reactions and jobs, over a real MongoDB and PayFiP's simulator. Whatever
dies is asked again, delivered again, or found by a job, as in a running town.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from deploy.simulators.payfip_rules import Behaviour
from services.billing.checking import check
from services.billing.commands import accounts, desk, online
from services.billing.commands.accounts import follow_all
from services.billing.commands.correcting import correct_changed
from services.billing.commands.issuing import complete_all
from services.billing.commands.month_ends import run_month
from services.billing.commands.paid_at_booking import expire_unpaid
from services.billing.domain.accounts import Account, Holder, unbalanced
from services.billing.domain.movements import Refund
from services.billing.schemas.payments import DeskPaymentIn
from shared.auth import AgentScope, FamilyRight, FamilyScope
from shared.contracts.booking import DecidedUpTo
from shared.ids import new_id
from shared.web.routes import Command
from tests.billing.ledger import DAYS, OVER, Booked, Ledger, Request, ledger

DAY_SETS = st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True)
ACTIVITIES = st.sampled_from(["sortie", "cantine"])
UNITS = st.sampled_from([("repas",), ("viande",), ("repas", "viande")])
JOBS = (complete_all, follow_all, correct_changed, online.ask_due, expire_unpaid)
EXAMPLES, STEPS = 40, 30
_WEEK = timedelta(days=7)
#: How many fail points each command passes before its process dies; 0: it does not.
LIVES = st.lists(st.integers(0, 8), min_size=STEPS, max_size=STEPS)
T = TypeVar("T")


class Life(RuleBasedStateMachine):
    """One family's money. ``ledger`` and ``loop`` are set by the test."""

    ledger: ClassVar[Ledger]
    loop: ClassVar[asyncio.AbstractEventLoop]

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[str] = []
        self.opened: dict[str, datetime] = {}
        self.entered: list[str] = []

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize(lives=LIVES, activity=ACTIVITIES, days=DAY_SETS)
    def begin(self, lives: list[int], activity: str, days: list[Any]) -> None:
        self.do(self.ledger.begin())
        self.ledger.fuse.lives = lives
        self.agent = AgentScope(self.ledger.town, "agent", frozenset({"collection_officer"}))
        right = FamilyRight(self.ledger.family, f"{self.ledger.family}-anne")
        self.anne = FamilyScope(self.ledger.town, "anne", (right,))
        self.holder = Holder(self.ledger.town, "VEY", self.ledger.family)
        self.book(activity, days, ("repas", "viande"))

    # -- families and booking --------------------------------------------------------------

    @rule(activity=ACTIVITIES, days=DAY_SETS, units=UNITS)
    def book(self, activity: str, days: list[Any], units: tuple[str, ...]) -> None:
        self.do(self.ledger.book(activity, days, units))

    @precondition(lambda self: self.lines("accepted"))
    @rule(data=st.data(), units=st.none() | UNITS)
    def end(self, data: st.DataObject, units: tuple[str, ...] | None) -> None:
        request, line = data.draw(st.sampled_from(self.lines("accepted")))
        if units != line.units:
            self.do(self.ledger.end(request, line, units))

    @precondition(lambda self: self.lines("accepted"))
    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        self.do(self.ledger.refuse(*data.draw(st.sampled_from(self.lines("accepted")))))

    @precondition(lambda self: self.lines("refused"))
    @rule(data=st.data())
    def accept(self, data: st.DataObject) -> None:
        self.do(self.ledger.accept(*data.draw(st.sampled_from(self.lines("refused")))))

    @precondition(lambda self: self.lines("to_pay"))
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        request, _ = data.draw(st.sampled_from(self.lines("to_pay")))
        self.do(self.ledger.withdraw(request))

    @rule()
    def booking_gives_up(self) -> None:
        self.do(self.ledger.give_up())

    # -- money -----------------------------------------------------------------------------

    @precondition(lambda self: self.account().debts)
    @rule(data=st.data())
    def open_page(self, data: st.DataObject) -> None:
        self.do(self._page([data.draw(st.sampled_from(list(self.account().debts)))]))

    @precondition(lambda self: self.pages)
    @rule(data=st.data(), act=st.sampled_from(["carte", "prelevement", "carte-refusee", "abandon"]))
    def act_on_page(self, data: st.DataObject, act: str) -> None:
        self.do(self._acted(data.draw(st.sampled_from(self.pages)), act))

    @precondition(lambda self: self.unpaid())
    @rule()
    def pay_all_on_line(self) -> None:
        if (page := self.do(self._page(self.unpaid()))) is not None:
            self.do(self._acted(page, "carte"))

    async def _page(self, wanted: list[str]) -> str | None:
        command = Command(new_id(), "hash")
        email = "anne@famille.example"
        made = await self.ledger.once_more(
            lambda: online.pay(self.ledger.billing, self.anne, wanted, email, command)
        )
        if made is None or made.idop is None:
            return None
        self.ledger.server.open(made.idop)
        self.pages.append(made.idop)
        self.opened.setdefault(made.idop, self.ledger.clock.now)
        return made.idop

    async def _acted(self, idop: str, act: str) -> None:
        """Of which nobody is told: PayFiP has to be asked. It is, for a week; no page of it is
        open for that long."""
        open_for = self.ledger.clock.now - self.opened[idop]
        if open_for < _WEEK and self.ledger.server.operations[idop].letter not in ("P", "V"):
            self.ledger.server.act(idop, act, Behaviour(times=0))

    @precondition(lambda self: self.unpaid())
    @rule(data=st.data(), more=st.integers(-300, 300))
    def enter_cheque(self, data: st.DataObject, more: int) -> None:
        invoice = data.draw(st.sampled_from(self.unpaid()))
        cents = max(self.account().debts[invoice].unpaid + more, 1)
        wish = DeskPaymentIn(
            family=self.ledger.family, means="cheque", cents=cents, invoices=(invoice,)
        )
        command = Command(new_id(), "hash")
        made = self.do(self.ledger.once_more(
            lambda: desk.record(self.ledger.billing, self.agent, wish, command)
        ))  # fmt: skip
        if made is not None:
            self.entered.append(made.id)

    @precondition(lambda self: self.entered)
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        payment = data.draw(st.sampled_from(self.entered))
        self.do(self.ledger.once_more(
            lambda: desk.reverse(self.ledger.billing, self.agent, payment, "Sans provision")
        ))  # fmt: skip

    @precondition(lambda self: self.account().credit_cents > 0)
    @rule(data=st.data())
    def refund(self, data: st.DataObject) -> None:
        movement = Refund(new_id(), data.draw(st.integers(1, self.account().credit_cents)))
        family = self.ledger.family
        self.do(self.ledger.once_more(
            lambda: accounts.by_agent(self.ledger.billing, self.agent, family, movement)
        ))  # fmt: skip

    @precondition(lambda self: self.account().transfers)
    @rule()
    def hand_over(self) -> None:
        transfer, family = self.account().transfers[0].id, self.ledger.family
        self.do(self.ledger.once_more(
            lambda: accounts.hand_over(self.ledger.billing, self.agent, family, transfer)
        ))  # fmt: skip

    # -- time and jobs ---------------------------------------------------------------------

    @rule(
        minutes=st.sampled_from([1, 21, 40]), jobs=st.permutations(JOBS), place_left=st.booleans()
    )
    def time_goes_on(self, minutes: int, jobs: list[Any], place_left: bool) -> None:
        """Some jobs have their turn; booking hears what billing says, or does so later."""
        self.ledger.later(minutes=minutes)
        for job in jobs[:3]:
            self.do(self.ledger.once_more(lambda job=job: job(self.ledger.billing)))  # type: ignore[misc]
        if jobs[0] is not JOBS[0]:
            self.do(self.ledger.hear_billing(place_left))

    @rule()
    def end_month(self) -> None:
        self.do(self._end_month())

    async def _end_month(self) -> None:
        if (left := OVER - self.ledger.clock.now).total_seconds() > 0:
            self.ledger.later(seconds=left.total_seconds())
        await self.ledger.say(DecidedUpTo(instant=OVER))
        command = Command(new_id(), "hash")
        await self.ledger.once_more(
            lambda: run_month(self.ledger.billing, self.agent, "2026-09", command)
        )

    # -- what is there ---------------------------------------------------------------------

    def lines(self, state: str) -> list[tuple[Request, Booked]]:
        return [
            (request, line)
            for request in self.ledger.requests
            for line in request.lines
            if line.state == state
        ]

    def account(self) -> Account:
        return self.do(self.ledger.billing.accounts.get(self.holder))

    def unpaid(self) -> list[str]:
        """Invoices for which something is to be paid."""
        return [key for key, debt in self.account().debts.items() if debt.state == "open"]

    # -- always ----------------------------------------------------------------------------

    @invariant()
    def no_cent_is_lost(self) -> None:
        if not hasattr(self, "holder"):
            return
        account = self.account()
        assert unbalanced(account) == []
        assert account.money_in == account.settled + account.credit_cents + account.refunded_cents

    def teardown(self) -> None:
        """Every job and every event comes to its end: what is owed is what stands, what came in is
        what PayFiP and the desk say."""
        if hasattr(self, "holder"):
            self.ledger.fuse.left, self.ledger.fuse.lives = 0, []
            self.do(self._settle())
            account = self.account()
            assert sum(one.owed for one in account.debts.values()) == self.ledger.standing_cents
            assert account.money_in == self.do(self._received())
            self.no_cent_is_lost()
            assert self.do(self._checked()) == []

    async def _checked(self) -> list[Any]:
        return [one async for one in check(self.ledger.parts, None)]

    async def _settle(self) -> None:
        await self._end_month()
        for _ in range(3):
            self.ledger.later(minutes=45)
            for job in JOBS:
                await self.ledger.once_more(lambda job=job: job(self.ledger.billing))  # type: ignore[misc]
            await self.ledger.hear_billing(place_left=False)
        await self.ledger.give_up()
        for job in JOBS:
            await self.ledger.once_more(lambda job=job: job(self.ledger.billing))  # type: ignore[misc]

    async def _received(self) -> int:
        operations = self.ledger.server.operations
        online_cents = sum(
            int(operations[idop].fields["montant"])
            for idop in set(self.pages)
            if operations[idop].letter in ("P", "V")
        )
        stored = [await self.ledger.billing.payments.need(one) for one in set(self.entered)]
        return online_cents + sum(one.cents for one in stored if one.state == "paid")


def test_no_cent_is_lost_in_any_life(mongodb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.new_event_loop()
    running = ledger(mongodb_url, monkeypatch)
    try:
        Life.loop, Life.ledger = loop, loop.run_until_complete(running.__aenter__())
        run_state_machine_as_test(
            Life,
            settings=settings(
                max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, print_blob=True,
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
        assert len(Life.ledger.fuse.seen) >= 20, "processes died at many points"
    finally:
        loop.run_until_complete(running.__aexit__(None, None, None))
        loop.close()
