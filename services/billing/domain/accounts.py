"""A family's account with a collection office: what it owes, what it paid, what it is owed.

Money is followed from its source, a payment or a grant, to where it went: every cent of a source
settles an invoice, is credit, or was refunded. So, always, in this one document::

    money in = debts settled + credit + refunded        (for each source, and so in all)

A movement has an id; the same id again does nothing. Ids are keys of the document: no dot or
dollar sign in them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

from services.billing.domain.movements import (
    MINIMUM_CENTS,
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
from shared.contracts.billing import (
    CreditGranted,
    CreditRefunded,
    CreditUsed,
    InvoiceReopened,
    InvoiceSettled,
    PaidLate,
    PaymentExpired,
    PaymentReceived,
    PaymentReversed,
    Settled,
)
from shared.errors import Refused
from shared.events import Event
from shared.money import euros

DebtState = Literal["open", "settled", "carried", "void"]
Parts = Mapping[str, int]
_NO_PARTS: Parts = {}


class Holder(NamedTuple):
    """Whose account: one for each town, collection office (its code) and family."""

    town: str
    office: str
    family: str


# -- the account ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Debt:
    """What an invoice comes to, in cents: ``owed``, settled by ``parts`` (source: cents).

    ``carry`` of the rest waits for the next invoice, to which it moves (``carried_to``);
    ``carried_in`` came so from earlier ones. ``used``: the credit taken when it was issued.
    ``kept``: what it was for is given, for nothing was to be paid of it once, or by an agent
    before it was paid; it stands whatever follows.
    ``debit`` collects the rest on the day ``debit_on`` (ISO).
    """

    owed: int
    parts: Parts = field(default_factory=dict)
    carry: int = 0
    carried_in: int = 0
    carried_to: str | None = None
    used: int = 0
    void: bool = False
    kept: bool = False
    request: str | None = None
    debit: str | None = None
    debit_on: str | None = None

    @property
    def settled(self) -> int:
        return sum(self.parts.values())

    @property
    def unpaid(self) -> int:
        return self.owed - self.settled

    @property
    def state(self) -> DebtState:
        """``carried``: nothing is asked for it, the next invoice will."""
        if self.void:
            return "void"
        if self.unpaid == 0:
            return "settled"
        return "carried" if self.carry == self.unpaid else "open"


@dataclass(frozen=True, slots=True)
class Source:
    """Where money came from: a payment, or a ``granted`` credit. ``cents`` is 0 once reversed."""

    cents: int
    payer: str | None = None
    granted: bool = False


@dataclass(frozen=True, slots=True)
class Transfer:
    """A refund that the Treasury has to make: its parts by source."""

    id: str
    parts: Parts

    @property
    def cents(self) -> int:
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Account:
    """``credit`` and ``refunded`` are cents by source; a reversed payment that was refunded leaves
    its source's credit below zero: the family owes it back."""

    holder: Holder
    sources: Mapping[str, Source] = field(default_factory=dict)
    debts: Mapping[str, Debt] = field(default_factory=dict)
    credit: Parts = field(default_factory=dict)
    refunded: Parts = field(default_factory=dict)
    transfers: tuple[Transfer, ...] = ()
    done: frozenset[str] = frozenset()

    @property
    def money_in(self) -> int:
        return sum(one.cents for one in self.sources.values())

    @property
    def settled(self) -> int:
        return sum(one.settled for one in self.debts.values())

    @property
    def credit_cents(self) -> int:
        return sum(self.credit.values())

    @property
    def refunded_cents(self) -> int:
        return sum(self.refunded.values())

    def owed_back(self, payment: str) -> int:
        """What was refunded of a payment that was reversed, and no other credit makes up for."""
        return max(0, min(-self.credit.get(payment, 0), -self.credit_cents))


@dataclass(frozen=True, slots=True)
class Moved:
    """An account after a movement, and what is to be said; the same account, if nothing moved."""

    account: Account
    events: tuple[Event, ...] = ()


def unbalanced(account: Account) -> list[str]:
    """What is wrong with an account: sources whose cents are not where they should be, debts
    settled beyond what is owed. Always empty."""
    faults = []
    placed = dict.fromkeys(account.sources, 0)
    everywhere = [*(one.parts for one in account.debts.values()), account.credit, account.refunded]
    for parts in everywhere:
        for source, cents in parts.items():
            placed[source] = placed.get(source, 0) + cents
    for source, cents in placed.items():
        known = account.sources.get(source, Source(0))
        if known.cents != cents:
            faults.append(f"source {source}: {known.cents} in, {cents} placed")
    for invoice, debt in account.debts.items():
        if not 0 <= debt.settled <= debt.owed or not 0 <= debt.carry <= debt.unpaid:
            faults.append(f"invoice {invoice}: {debt.settled} settled of {debt.owed}")
    return faults


def move(account: Account, movement: Movement) -> Moved:
    """The account after a movement. Raises ``Refused``: ``payment-unknown``, ``credit-too-small``;
    ``LookupError`` when what is called off, or kept, is not owed yet: done once, it would be no
    more."""
    if movement.id in account.done:
        return Moved(account)
    moved = _RULES[type(movement)](account, movement)
    return Moved(replace(moved.account, done=account.done | {movement.id}), moved.events)


def _owe(account: Account, owe: Owe) -> Moved:
    carried = {key: one for key, one in account.debts.items() if one.carry}
    debts = dict(account.debts)
    for key, one in carried.items():
        debts[key] = replace(
            one, owed=one.owed - one.carry, carried_in=max(one.carried_in - one.carry, 0), carry=0,
            carried_to=owe.id,
        )  # fmt: skip
    carried_in = sum(one.carry for one in carried.values())
    owed = owe.cents + carried_in
    parts, credit = _take(account.credit, min(owed, max(account.credit_cents, 0)))
    used = sum(parts.values())
    rest = owed - used
    debts[owe.id] = debt = Debt(
        owed, parts, carry=rest if rest < owe.minimum_cents else 0, carried_in=carried_in,
        used=used, request=owe.request,
    )  # fmt: skip
    events: list[Event] = []
    if used:
        events.append(CreditUsed(**_of(account), invoice=owe.id, cents=used))
    if debt.state != "open":
        debts[owe.id] = replace(debt, kept=True)
        events.append(_settled(account, owe.id, debt))
    return Moved(replace(account, debts=debts, credit=credit), tuple(events))


def _receive(account: Account, payment: Receive) -> Moved:
    debts, left = dict(account.debts), payment.cents
    told: list[Settled] = []
    events: list[Event] = []
    for invoice in payment.invoices:
        debt = debts.get(invoice)
        if debt is None:
            continue
        if debt.debit == payment.id:
            debts[invoice] = debt = _released(debt)
        if debt.void and debt.request:
            events.append(PaidLate(**_of(account), invoice=invoice, request=debt.request))
        taken = min(left, debt.unpaid)
        if not taken or debt.void:
            continue
        left -= taken
        was = debt.state
        debt = _rested(replace(debt, parts=_plus(debt.parts, {payment.id: taken})))
        debts[invoice] = debt
        told.append(Settled(invoice=invoice, cents=taken))
        if was == "open" and debt.state != "open":
            events.append(_settled(account, invoice, debt))
    received = PaymentReceived(
        **_of(account), payment=payment.id, cents=payment.cents, settled=tuple(told),
        credit_cents=left, payer=payment.payer,
    )  # fmt: skip
    source = Source(payment.cents, payer=payment.payer)
    return Moved(
        replace(
            account, debts=debts, sources={**account.sources, payment.id: source},
            credit=_plus(account.credit, {payment.id: left}),
        ),
        (received, *events),
    )  # fmt: skip


def _reverse(account: Account, reverse: Reverse) -> Moved:
    source = account.sources.get(reverse.payment)
    if source is None or source.granted:
        raise Refused("payment-unknown", "Ce paiement n'est pas sur le compte de la famille.")
    debts = dict(account.debts)
    events: list[Event] = [PaymentReversed(**_of(account), payment=reverse.payment)]
    for invoice, debt in account.debts.items():
        if reverse.payment not in debt.parts:
            continue
        parts = {key: cents for key, cents in debt.parts.items() if key != reverse.payment}
        debts[invoice] = debt = _rested(replace(debt, parts=parts, carry=0))
        if debt.state == "open":
            events.append(InvoiceReopened(**_of(account), invoice=invoice, left_cents=debt.unpaid))
    credit = {key: cents for key, cents in account.credit.items() if key != reverse.payment}
    left = [_without(one, reverse.payment) for one in account.transfers]
    stopped = sum(one.parts.get(reverse.payment, 0) for one in account.transfers)
    refunded = _plus(account.refunded, {reverse.payment: -stopped})
    return Moved(
        replace(
            account, debts=debts,
            sources={**account.sources, reverse.payment: replace(source, cents=0)},
            credit=_plus(credit, {reverse.payment: -refunded.get(reverse.payment, 0)}),
            refunded=refunded, transfers=tuple(one for one in left if one.parts),
        ),
        tuple(events),
    )  # fmt: skip


def _without(transfer: Transfer, payment: str) -> Transfer:
    """What is still to be transferred when a payment's money never came."""
    parts = {source: cents for source, cents in transfer.parts.items() if source != payment}
    return replace(transfer, parts=parts)


def _grant(account: Account, grant: Grant) -> Moved:
    return Moved(
        replace(
            account, sources={**account.sources, grant.id: Source(grant.cents, granted=True)},
            credit=_plus(account.credit, {grant.id: grant.cents}),
        ),
        (CreditGranted(**_of(account), movement=grant.id, cents=grant.cents),),
    )  # fmt: skip


def _reduce(account: Account, note: Reduce) -> Moved:
    debts, released = _lessened(account, note.invoice, note.cents)
    return _given_back(account, debts, released, note.id, note.invoice, refund=note.refund)


def _void(account: Account, void: Void) -> Moved:
    debt = account.debts[void.invoice]
    if debt.state != "open" or debt.kept:
        return Moved(account)
    kept = replace(debt, owed=debt.carried_in, parts={}, carry=debt.carried_in, void=True)
    debts = {**account.debts, void.invoice: kept}
    moved = _given_back(account, debts, debt.parts, void.id, void.invoice, refund=False)
    said = PaymentExpired(**_of(account), invoice=void.invoice, request=debt.request)
    return Moved(moved.account, (said, *moved.events))


def _keep(account: Account, keep: Keep) -> Moved:
    debt = account.debts[keep.invoice]
    if debt.void or debt.kept:
        return Moved(account)
    return Moved(replace(account, debts={**account.debts, keep.invoice: replace(debt, kept=True)}))


def _refund(account: Account, refund: Refund) -> Moved:
    most, whose, among = account.credit_cents, "de la famille", account.credit
    if refund.payment is not None:
        own = account.credit.get(refund.payment, 0)
        most, whose, among = min(own, most), "de ce paiement", {refund.payment: own}
    if refund.cents > most:
        raise Refused(
            "credit-too-small",
            f"Le crédit {whose} est de {euros(max(most, 0))} :"
            " on ne peut pas rembourser davantage.",
            field="/cents",
        )
    parts, _ = _take(among, refund.cents)
    credit = _plus(account.credit, {source: -cents for source, cents in parts.items()})
    return Moved(
        replace(
            account, credit=credit, refunded=_plus(account.refunded, parts),
            transfers=(*account.transfers, Transfer(refund.id, parts)),
        ),
        (CreditRefunded(**_of(account), movement=refund.id, cents=refund.cents),),
    )  # fmt: skip


def _transferred(account: Account, done: Transferred) -> Moved:
    left = tuple(one for one in account.transfers if one.id != done.transfer)
    return Moved(replace(account, transfers=left))


def _collect(account: Account, collect: Collect) -> Moved:
    if release_id(collect.debit) in account.done:  # by a process that was faster
        return Moved(account)
    marked = {
        invoice: replace(debt, debit=collect.debit, debit_on=collect.on)
        for invoice in collect.invoices
        if (debt := account.debts.get(invoice)) and debt.state == "open" and debt.debit is None
    }
    return Moved(replace(account, debts={**account.debts, **marked}))


def _release(account: Account, release: Release) -> Moved:
    debts = {
        invoice: _released(debt) if debt.debit == release.debit else debt
        for invoice, debt in account.debts.items()
    }
    return Moved(replace(account, debts=debts))


def _released(debt: Debt) -> Debt:
    return replace(debt, debit=None, debit_on=None)


_RULES: Mapping[type[Movement], Callable[[Account, Any], Moved]] = {
    Owe: _owe, Receive: _receive, Reverse: _reverse, Grant: _grant, Reduce: _reduce,
    Refund: _refund, Void: _void, Keep: _keep, Transferred: _transferred,
    Collect: _collect, Release: _release,
}  # fmt: skip


# -- parts ---------------------------------------------------------------------------------


def _lessened(account: Account, invoice: str, cents: int) -> tuple[dict[str, Debt], Parts]:
    """The debts once ``cents`` less are due of an invoice, never less than nothing, and what was
    paid too much for them then. What was carried over is lessened where it went. Nothing is due of
    an invoice that is void; what it took over from others is theirs.
    """
    debts, released, left = dict(account.debts), _NO_PARTS, cents
    if invoice in debts and debts[invoice].void:
        return debts, released
    at: str | None = invoice
    while left and at is not None and (debt := debts.get(at)) is not None:
        there = debt.owed - debt.carried_in if at == invoice else debt.carried_in
        taken = min(left, there)
        left -= taken
        owed = debt.owed - taken
        back, parts = _take(debt.parts, max(debt.settled - owed, 0))
        released = _plus(released, back)
        carried_in = debt.carried_in - (0 if at == invoice else taken)
        debts[at] = _rested(replace(debt, owed=owed, parts=parts, carried_in=carried_in))
        at = debt.carried_to
    return debts, released


def _rested(debt: Debt) -> Debt:
    """The debt after something of it was settled, is due no longer, or did not hold: a rest too
    small to be paid on line waits for the next invoice, once."""
    carry = min(debt.carry, debt.unpaid)
    due_anyway = debt.settled or debt.kept or debt.request is None
    small = due_anyway and debt.unpaid < MINIMUM_CENTS and debt.carried_to is None
    debt = replace(debt, carry=debt.unpaid if small and not debt.void else carry)
    return replace(debt, kept=debt.kept or (debt.state in ("settled", "carried")))


def _given_back(
    account: Account, debts: Mapping[str, Debt], released: Parts, movement: str, invoice: str, *,
    refund: bool,
) -> Moved:  # fmt: skip
    """What is due no longer goes to credit or to the transfers. Settled by that, the invoice itself
    gives no places: what is left of it may be for others."""
    cents = sum(released.values())
    events: list[Event] = []
    for key, debt in debts.items():
        if account.debts[key].state == "open" and debt.state in ("settled", "carried"):
            paid = replace(debt, request=None) if key == invoice else debt
            events.append(_settled(account, key, paid))
    after = replace(account, debts=debts)
    if cents and refund:
        events.append(CreditRefunded(**_of(account), movement=movement, cents=cents))
        after = replace(
            after, refunded=_plus(account.refunded, released),
            transfers=(*account.transfers, Transfer(movement, released)),
        )  # fmt: skip
    elif cents:
        said = CreditGranted(**_of(account), movement=movement, cents=cents, invoice=invoice)
        events.append(said)
        after = replace(after, credit=_plus(account.credit, released))
    return Moved(after, tuple(events))


def _take(parts: Parts, cents: int) -> tuple[Parts, Parts]:
    """``cents`` of the parts above zero, the oldest first; and what stays."""
    taken: dict[str, int] = {}
    for source, there in parts.items():
        some = min(cents, there)
        if some > 0:
            taken[source] = some
            cents -= some
    return taken, _plus(parts, {source: -some for source, some in taken.items()})


def _plus(parts: Parts, more: Parts) -> Parts:
    """The sum by source, without those at zero."""
    sums = dict(parts)
    for source, cents in more.items():
        sums[source] = sums.get(source, 0) + cents
    return {source: cents for source, cents in sums.items() if cents}


def _of(account: Account) -> dict[str, str]:
    return {"office": account.holder.office, "family": account.holder.family}


def _settled(account: Account, invoice: str, debt: Debt) -> InvoiceSettled:
    """What is said of a debt that was open in ``account``; no place waits for one that was kept."""
    before = account.debts.get(invoice)
    request = None if before and before.kept else debt.request
    return InvoiceSettled(
        **_of(account), invoice=invoice, request=request, carried_cents=debt.carry
    )  # fmt: skip


def changed(before: Account, after: Account) -> Iterable[str]:
    """Invoices whose debt is another now."""
    return [key for key, debt in after.debts.items() if before.debts.get(key) != debt]
