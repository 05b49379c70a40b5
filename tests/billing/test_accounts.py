"""A family's account: no cent appears, disappears or counts twice, whatever comes in what order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.billing.commands import accounts
from services.billing.domain.accounts import Account, Holder, Moved, move, unbalanced
from services.billing.domain.movements import (
    Collect,
    Grant,
    Keep,
    Movement,
    Owe,
    Receive,
    Reduce,
    Refund,
    Release,
    Reverse,
    Transferred,
    Void,
    release_id,
)
from shared.contracts.billing import InvoiceSettled
from shared.errors import Refused
from shared.events import Event
from tests.billing.conftest import Office

HOLDER = Holder("veyras", "VEY", "f1")


def after(*movements: Movement) -> Moved:
    """A new account after these, with what all of them said."""
    account, events = Account(HOLDER), list[Event]()
    for movement in movements:
        moved = move(account, movement)
        account = moved.account
        events += moved.events
        assert unbalanced(account) == []
    return Moved(account, tuple(events))


def told(moved: Moved) -> list[str]:
    return [event.name for event in moved.events]


def test_a_payment_settles_the_invoices_named_and_the_rest_is_credit() -> None:
    moved = after(Owe("i1", 1000), Owe("i2", 500), Receive("p1", 1700, ("i1", "i2"), payer="anne"))
    account = moved.account
    assert [debt.state for debt in account.debts.values()] == ["settled", "settled"]
    assert account.credit == {"p1": 200}
    assert told(moved) == ["payment-received", "invoice-settled", "invoice-settled"]


def test_an_invoice_paid_twice_at_once_is_settled_once() -> None:
    account = after(Owe("i1", 1000), Receive("p1", 1000, ("i1",)), Receive("p2", 1000, ("i1",)))
    assert account.account.debts["i1"].parts == {"p1": 1000}
    assert account.account.credit == {"p2": 1000}


def test_credit_is_used_by_itself_on_the_next_invoice() -> None:
    moved = after(Grant("g1", 300), Owe("i1", 1000))
    debt = moved.account.debts["i1"]
    assert (debt.used, debt.unpaid, debt.state) == (300, 700, "open")
    assert told(moved) == ["credit-granted", "credit-used"]
    assert told(after(Grant("g1", 1000), Owe("i1", 1000)))[-1] == "invoice-settled"


def test_a_rest_under_one_euro_is_carried_to_the_next_invoice() -> None:
    moved = after(Grant("g1", 950), Owe("i1", 1000, request="r1"))
    assert moved.account.debts["i1"].state == "carried"
    assert moved.events[-1].model_dump() == {
        "family": "f1", "office": "VEY", "invoice": "i1", "request": "r1", "carried_cents": 50,
    }  # fmt: skip
    following = move(moved.account, Owe("i2", 400)).account
    assert following.debts["i1"].state == "settled"
    assert (following.debts["i2"].carried_in, following.debts["i2"].unpaid) == (50, 450)


def test_nothing_is_asked_for_an_invoice_of_nothing() -> None:
    moved = after(Owe("i1", 0))
    assert (moved.account.debts["i1"].state, told(moved)) == ("settled", ["invoice-settled"])


def test_less_is_due_what_was_paid_is_credit_and_what_was_not_is_asked_no_more() -> None:
    paid = after(Owe("i1", 1000), Receive("p1", 600, ("i1",)), Reduce("n1", "i1", 700))
    assert paid.account.debts["i1"].state == "settled"
    assert paid.account.credit == {"p1": 300}
    assert told(paid) == ["payment-received", "invoice-settled", "credit-granted"]
    assert paid.account.money_in == 600


def test_what_was_carried_over_is_reduced_where_it_went() -> None:
    account = after(Owe("i1", 60), Owe("i2", 500), Reduce("n1", "i1", 60)).account
    assert (account.debts["i2"].owed, account.debts["i2"].carried_in) == (500, 0)


def test_what_an_invoice_took_over_outlives_it() -> None:
    account = after(Owe("i1", 60), Owe("i2", 500), Void("v1", "i2"), Owe("i3", 100)).account
    assert (account.debts["i2"].state, account.debts["i3"].unpaid) == ("void", 160)


def test_a_refund_by_transfer_names_where_the_money_came_from() -> None:
    moved = after(
        Owe("i1", 1000), Receive("p1", 1000, ("i1",), "anne"),
        Reduce("n1", "i1", 400, refund=True),
    )  # fmt: skip
    (transfer,) = moved.account.transfers
    assert (transfer.id, transfer.parts) == ("n1", {"p1": 400})
    assert (moved.account.credit_cents, moved.account.refunded_cents) == (0, 400)
    with pytest.raises(Refused, match="credit-too-small"):
        move(moved.account, Refund("r1", 1))


@pytest.mark.parametrize("handed_over", [False, True])
def test_a_reversed_payment_is_taken_from_wherever_it_went(handed_over: bool) -> None:
    """A refund of it that is still to be made is not; one that was made is owed back."""
    sent = [Transferred("t1", "r1")] if handed_over else []
    moved = after(
        Owe("i1", 600), Receive("p1", 1000, ("i1",)), Owe("i2", 100), Refund("r1", 200),
        *sent, Reverse("x1", "p1"),
    )  # fmt: skip
    account = moved.account
    assert [debt.unpaid for debt in account.debts.values()] == [600, 100]
    assert account.credit == ({"p1": -200} if handed_over else {})
    assert (account.money_in, account.refunded_cents) == (0, 200 if handed_over else 0)
    assert account.transfers == ()
    assert told(moved).count("invoice-reopened") == 2


def test_a_rest_under_one_euro_waits_for_the_next_invoice_whatever_it_comes_from() -> None:
    """Nobody can pay it on line."""
    desk = after(Owe("i1", 1000, "r1"), Receive("p1", 950, ("i1",)))
    assert (desk.account.debts["i1"].state, told(desk)[-1]) == ("carried", "invoice-settled")
    note = after(Owe("i1", 1000), Receive("p1", 500, ("i1",)), Reduce("n1", "i1", 450))
    assert note.account.debts["i1"].state == "carried"
    unpaid = after(Owe("i1", 1000), Reduce("n1", "i1", 950))
    assert (unpaid.account.debts["i1"].state, told(unpaid)) == ("carried", ["invoice-settled"])
    given = after(Owe("i1", 1000, "r1"), Keep("k1", "i1"), Reduce("n1", "i1", 950))
    assert given.account.debts["i1"].state == "carried"


def test_what_was_settled_once_is_not_called_off() -> None:
    account = after(
        Owe("i1", 500, "r1"), Receive("p1", 500, ("i1",)), Reverse("x1", "p1"), Void("v1", "i1")
    ).account
    assert (account.debts["i1"].state, account.debts["i1"].unpaid) == ("open", 500)


def test_what_is_given_before_it_is_paid_is_not_called_off() -> None:
    account = after(Owe("i1", 500, "r1"), Keep("k1", "i1"), Void("v1", "i1")).account
    assert (account.debts["i1"].state, account.debts["i1"].unpaid) == ("open", 500)
    late = after(Owe("i1", 500, "r1"), Void("v1", "i1"), Keep("k1", "i1")).account
    assert (late.debts["i1"].state, late.debts["i1"].kept) == ("void", False)


@pytest.mark.parametrize("way", ["given before", "paid once", "less is due"])
def test_what_waits_for_no_place_gives_none_when_it_is_settled(way: str) -> None:
    begun: list[Movement] = {
        "given before": [Keep("k1", "i1"), Receive("p1", 500, ("i1",))],
        "paid once": [
            Receive("p1", 500, ("i1",)), Reverse("x1", "p1"), Receive("p2", 500, ("i1",)),
        ],
        "less is due": [Receive("p1", 300, ("i1",)), Reduce("n1", "i1", 200)],
    }[way]  # fmt: skip
    *before, last = after(Owe("i1", 500, "r1"), *begun).events
    assert last == InvoiceSettled(family="f1", office="VEY", invoice="i1", request=None)
    settled = [one for one in before if isinstance(one, InvoiceSettled)]
    assert [one.request for one in settled] == (["r1"] if way == "paid once" else [])


def test_what_was_carried_into_an_invoice_and_is_due_no_longer_leaves_it_paid() -> None:
    moved = after(
        Owe("i0", 60), Owe("i1", 500, "r1"), Receive("p1", 450, ("i1",)), Reduce("n1", "i0", 60)
    )
    assert moved.account.debts["i1"].state == "carried"
    assert moved.events[-1] == InvoiceSettled(
        family="f1", office="VEY", invoice="i1", request="r1", carried_cents=50
    )


@pytest.mark.parametrize("set_apart_first", [True, False])
def test_nothing_is_set_apart_for_a_debit_that_was_dropped(set_apart_first: bool) -> None:
    """Two processes make one collection; the slower one has read the debit when it is dropped."""
    both = [Collect("c1", "d1", "2026-10-05", ("i1",)), Release(release_id("d1"), "d1")]
    account = after(Owe("i1", 500), *(both if set_apart_first else reversed(both))).account
    assert (account.debts["i1"].debit, account.debts["i1"].debit_on) == (None, None)


def test_a_rest_under_one_euro_of_a_payment_that_did_not_hold_is_carried_too() -> None:
    """PayFiP takes nothing so small, and no other invoice would ask for it."""
    undone = [Owe("i1", 550), Receive("p1", 500, ("i1",)), Receive("p2", 50, ("i1",))]
    moved = after(*undone, Reverse("x1", "p2"))
    assert (moved.account.debts["i1"].state, moved.account.debts["i1"].unpaid) == ("carried", 50)
    assert "invoice-reopened" not in told(moved)
    assert after(*undone, Reverse("x1", "p2"), Owe("i2", 300)).account.debts["i2"].owed == 350
    whole = after(*undone, Reverse("x1", "p1"))
    assert (whole.account.debts["i1"].state, whole.account.debts["i1"].carry) == ("open", 0)
    assert told(whole)[-1] == "invoice-reopened"


def test_a_note_on_an_invoice_voided_meanwhile_takes_nothing_off_what_it_carried_on() -> None:
    before = [Owe("i0", 60), Owe("i1", 500, "r1"), Void("v1", "i1"), Owe("i2", 300)]
    account = after(*before, Reduce("n1", "i1", 500)).account
    assert account.debts["i2"].owed == 360
    account = after(*before, Reduce("n1", "i0", 60)).account
    assert account.debts["i2"].owed == 300, "the earlier invoice's own note goes where it went"


def test_paid_after_it_was_voided_the_money_is_credit_and_it_is_said() -> None:
    moved = after(Owe("i1", 500, "r1"), Void("v1", "i1"), Receive("p1", 500, ("i1",)))
    assert moved.account.credit == {"p1": 500}
    assert told(moved) == ["payment-expired", "payment-received", "paid-late"]


# -- any story -----------------------------------------------------------------------------

AMOUNTS = st.integers(0, 2000)


class Story(RuleBasedStateMachine):
    """Everything that may happen to an account, with repetitions; ``due`` and ``paid`` are a
    book of its own: what all invoices come to, and what all payments and gifts."""

    def __init__(self) -> None:
        super().__init__()
        self.account = Account(HOLDER)
        self.past: list[Movement] = []
        self.due: dict[str, int] = {}
        self.paid: dict[str, int] = {}

    def do(self, movement: Movement) -> Moved:
        moved = move(self.account, movement)
        self.account = moved.account
        self.past.append(movement)
        return moved

    def new(self) -> str:
        return f"m{len(self.past)}"

    def invoice(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.due)))

    @rule(cents=AMOUNTS)
    def owe(self, cents: int) -> None:
        invoice, credit = self.new(), self.account.credit_cents
        self.due[invoice] = cents
        self.do(Owe(invoice, cents))
        debt = self.account.debts[invoice]
        assert debt.used == min(max(credit, 0), debt.owed)

    @rule(cents=AMOUNTS, data=st.data(), count=st.integers(0, 3))
    def receive(self, cents: int, data: st.DataObject, count: int) -> None:
        named = data.draw(st.permutations([*sorted(self.due), "unknown"]))[:count]
        payment = self.new()
        self.paid[payment] = cents
        settled = self.account.settled + self.account.credit_cents
        self.do(Receive(payment, cents, tuple(named)))
        assert self.account.settled + self.account.credit_cents == settled + cents

    @precondition(lambda self: any(self.paid))
    @rule(data=st.data())
    def reverse(self, data: st.DataObject) -> None:
        payment = data.draw(st.sampled_from(sorted(self.paid)))
        if self.account.sources[payment].granted:
            with pytest.raises(Refused, match="payment-unknown"):
                move(self.account, Reverse(self.new(), payment))
            return
        self.paid[payment] = 0
        self.do(Reverse(self.new(), payment))

    @rule(cents=AMOUNTS)
    def grant(self, cents: int) -> None:
        self.paid[self.new()] = cents
        self.do(Grant(self.new(), cents))

    @precondition(lambda self: any(self.due))
    @rule(cents=AMOUNTS, data=st.data(), refund=st.booleans())
    def reduce(self, cents: int, data: st.DataObject, refund: bool) -> None:
        invoice = self.invoice(data)
        void = self.account.debts[invoice].void
        less = cents if void else min(cents, self.due[invoice])
        self.due[invoice] -= 0 if void else less
        self.do(Reduce(self.new(), invoice, less, refund))

    @precondition(lambda self: any(self.due))
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        invoice = self.invoice(data)
        debt = self.account.debts[invoice]
        if debt.state == "open" and not debt.kept:
            self.due[invoice] = 0
        self.do(Void(self.new(), invoice))

    @rule(cents=AMOUNTS)
    def refund(self, cents: int) -> None:
        refund = Refund(self.new(), cents)
        if cents > self.account.credit_cents:
            with pytest.raises(Refused, match="credit-too-small"):
                move(self.account, refund)
        else:
            self.do(refund)

    @precondition(lambda self: self.past)
    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        movement = data.draw(st.sampled_from(self.past))
        assert move(self.account, movement) == Moved(self.account)

    @invariant()
    def every_cent_is_somewhere(self) -> None:
        account = self.account
        assert unbalanced(account) == []
        assert account.money_in == sum(self.paid.values())
        assert account.money_in == (account.settled + account.credit_cents + account.refunded_cents)

    @invariant()
    def what_is_owed_is_what_was_invoiced(self) -> None:
        assert sum(debt.owed for debt in self.account.debts.values()) == sum(self.due.values())


Story.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestStory = Story.TestCase


# -- in the database -----------------------------------------------------------------------


def _movements(random: Random) -> Sequence[Movement]:
    owed = [Owe(f"i{number}", random.randrange(0, 900)) for number in range(6)]
    paid = [
        Receive(f"p{number}", random.randrange(1, 900), (f"i{random.randrange(6)}",))
        for number in range(10)
    ]
    return [*owed, *paid]


async def test_movements_at_once_and_twice_are_each_done_once(office: Office) -> None:
    billing, random = office.billing(), Random(1)
    movements = _movements(random)
    twice = [*movements, *movements]
    random.shuffle(twice)
    await asyncio.gather(*(accounts.move(billing, HOLDER, one) for one in twice))
    account = await billing.accounts.get(HOLDER)
    assert unbalanced(account) == []
    assert account.money_in == sum(one.cents for one in movements if isinstance(one, Receive))
    assert account.done == {one.id for one in movements}
    (document,) = await office.documents("accounts")
    assert len(document["movements"]) == len(movements)
