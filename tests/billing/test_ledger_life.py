"""Booked, changed, cancelled, paid, refunded, expired, corrected, in any order, by processes that
die between any two writes: what is due is what stands, and no cent is lost.

Billing in memory: its rules, with every write as one step that waits its turn, may come twice, and
may be preceded by any other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.billing.domain.accounts import Account, Holder, move, unbalanced
from services.billing.domain.corrections import Billed, Difference, Link, difference, entries_of
from services.billing.domain.movements import Movement, Owe, Receive, Reduce, Refund, Void
from services.billing.domain.prices.basket import price
from services.billing.domain.prices.facts import ChildFacts, Facts, Line
from tests.billing.test_corrections import BOOK, DAYS

CHILDREN = (ChildFacts(id="zoe"), ChildFacts(id="tom"))
#: What a meal costs in this town.
MEAL = 410


@dataclass
class Bill:
    """An invoice with what came after it; ``standing`` are the lines that are booked now.
    ``paid_at_once``: places wait for it."""

    name: str
    standing: set[int]
    paid_at_once: bool = False
    chain: list[Link] = field(default_factory=list)

    def lines(self) -> list[Line]:
        return [_line(self.name, number) for number in sorted(self.standing)]


def _line(bill: str, number: int) -> Line:
    child = CHILDREN[number % 2].id
    return Line(
        ref=f"{bill}-{number}", child=child, activity="cantine", units=("repas",),
        day=DAYS[number // 2],
    )  # fmt: skip


NUMBERS = st.sets(st.integers(0, 2 * len(DAYS) - 1), max_size=6)


class Life(RuleBasedStateMachine):
    """``steps`` wait to be written; ``done`` ones may be written again."""

    def __init__(self) -> None:
        super().__init__()
        self.account = Account(Holder("veyras", "VEY", "f1"))
        self.bills: list[Bill] = []
        self.steps: list[Movement] = []
        self.done: list[Movement] = []
        self.received = 0
        self.made = 0

    @initialize()
    def begin(self) -> None:
        self.book({0, 1, 2}, paid_at_once=False)

    def name(self) -> str:
        self.made += 1
        return f"n{self.made}"

    # -- what families and agents do -------------------------------------------------------

    @rule(numbers=NUMBERS, paid_at_once=st.booleans())
    def book(self, numbers: set[int], paid_at_once: bool) -> None:
        """A month is over, or a basket is validated: it is billed."""
        bill = Bill(self.name(), set(numbers), paid_at_once)
        facts = Facts(children=CHILDREN, lines=tuple(bill.lines()))
        entries = entries_of(price(BOOK, facts))
        bill.chain = [Link(bill.name, Billed(basis=bill.name, position=0, facts=facts,
                                             entries=entries))]  # fmt: skip
        self.bills.append(bill)
        self.steps.append(Owe(bill.name, MEAL * len(numbers), request=f"r-{bill.name}"))

    @precondition(lambda self: any(self.open()))
    @rule(data=st.data(), numbers=NUMBERS)
    def change(self, data: st.DataObject, numbers: set[int]) -> None:
        """Days are booked, cancelled or changed after the bill."""
        data.draw(st.sampled_from(self.open())).standing = set(numbers)

    @precondition(lambda self: self.owed())
    @rule(data=st.data(), more=st.integers(-300, 300))
    def pay(self, data: st.DataObject, more: int) -> None:
        """Somebody pays an invoice, or more than it, or less, or one that is void."""
        invoice = data.draw(st.sampled_from(self.owed()))
        cents = max(self.account.debts[invoice].unpaid + more, 1)
        self.steps.append(Receive(self.name(), cents, (invoice,)))
        self.received += cents

    @precondition(lambda self: self.account.credit_cents > 0)
    @rule(data=st.data())
    def refund(self, data: st.DataObject) -> None:
        cents = data.draw(st.integers(1, self.account.credit_cents))
        refund = Refund(self.name(), cents)
        self.write(refund)

    # -- what the jobs do ------------------------------------------------------------------

    @precondition(lambda self: any(self.open()))
    @rule(data=st.data())
    def correct(self, data: st.DataObject) -> None:
        """A bill is brought up to what stands; its invoices are owed before (``chain``)."""
        bill = data.draw(st.sampled_from(self.open()))
        if {step.id for step in self.steps} & {link.document for link in bill.chain}:
            return
        found = difference(bill.chain, bill.lines(), CHILDREN, BOOK, ())
        if found.billed.entries:
            self.correction(bill, found)

    def correction(self, bill: Bill, found: Difference) -> None:
        document = self.name()
        if found.cents > 0:
            self.steps.append(Owe(document, found.cents))
        self.steps += [
            Reduce(f"{document}-{at}", one.invoice, one.cents, refund=one.refund)
            for at, one in enumerate(found.reductions)
        ]
        bill.chain.append(Link(document, found.billed, found.reductions))

    @precondition(lambda self: any(bill.paid_at_once for bill in self.bills))
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        """What was to be paid at once was not: void, as long as nothing else became of it."""
        bill = data.draw(st.sampled_from([one for one in self.bills if one.paid_at_once]))
        if len(bill.chain) > 1 or bill.name not in self.account.debts:
            return
        self.write(Void(f"v-{bill.name}", bill.name))
        if self.account.debts[bill.name].void:
            bill.standing = set()

    @precondition(lambda self: self.steps)
    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        """One write is made, whichever; those that wait may wait for ever so long."""
        step = data.draw(st.sampled_from(self.steps))
        if isinstance(step, Reduce) and step.invoice not in self.account.debts:
            return
        self.steps.remove(step)
        self.write(step)

    @precondition(lambda self: self.done)
    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        """A process that died before it knew writes once more."""
        before = self.account
        self.account = move(before, data.draw(st.sampled_from(self.done))).account
        assert self.account == before

    def write(self, step: Movement) -> None:
        self.account = move(self.account, step).account
        self.done.append(step)

    def open(self) -> list[Bill]:
        """Bills that are not void."""
        debts = self.account.debts
        return [one for one in self.bills if one.name not in debts or not debts[one.name].void]

    def owed(self) -> list[str]:
        return sorted(self.account.debts)

    # -- always ----------------------------------------------------------------------------

    @invariant()
    def no_cent_is_lost(self) -> None:
        account = self.account
        assert unbalanced(account) == []
        waiting = sum(step.cents for step in self.steps if isinstance(step, Receive))
        assert account.money_in == self.received - waiting
        assert account.money_in == (account.settled + account.credit_cents + account.refunded_cents)

    def teardown(self) -> None:
        """Every job comes to its end: what is owed is what stands."""
        for _ in range(3):
            while self.steps:
                self.write(self.steps.pop(0))
            for bill in self.open():
                found = difference(bill.chain, bill.lines(), CHILDREN, BOOK, ())
                if found.billed.entries:
                    self.correction(bill, found)
        assert not self.steps
        stands = MEAL * sum(len(bill.standing) for bill in self.open())
        assert sum(debt.owed for debt in self.account.debts.values()) == stands
        self.no_cent_is_lost()


Life.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestLife = Life.TestCase
