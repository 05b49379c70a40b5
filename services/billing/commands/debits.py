"""Debits: brought from state to state, each time with what follows on the account and for the
mandate; told twice, it is done once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from services.billing.commands import mandates, payments
from services.billing.commands.accounts import move
from services.billing.domain.accounts import Holder
from services.billing.domain.debits import mandates as mandate_rules
from services.billing.domain.debits.collections import (
    AsideCode,
    Debit,
    DebitState,
    came_back,
    said_of,
)
from services.billing.domain.debits.mandates import DirectDebit, Done
from services.billing.domain.debits.returns import RETURNS
from services.billing.domain.movements import Release, release_id
from services.billing.domain.payments import Part, Payment, Reversal
from services.billing.state import Billing
from shared.auth import AgentScope
from shared.errors import not_found
from shared.events import Event
from shared.ids import derived_id
from shared.web.routes import Command


async def become(
    billing: Billing, debit: Debit, state: DebitState, *events: Event, **fields: str | None
) -> bool:
    """Bring a debit into a state, and do what follows; False when its state has changed since."""
    now = billing.clock.town()
    if not await billing.collections.move_debit(debit, state, now, *events, **fields):
        return False
    await tell(billing, await _need(billing, debit.id))
    return True


async def drop(billing: Billing, debit: Debit, why: AsideCode | None) -> None:
    """A debit does not come into the file."""
    await become(billing, debit, "dropped", aside=why)


async def send_back(billing: Billing, scope: AgentScope, _id: str, code: str) -> Debit:
    """A bank sent a debit back: its invoices are to be paid again, and the mandate may end. The
    same code again is the same return.

    Raises ``Refused``: 404, ``return-code-unknown``, ``debit-not-announced``.
    """
    while True:
        debit = await billing.collections.debit_within(scope, _id)
        if debit is None:
            raise not_found("ce prélèvement")
        if debit.code == code:
            return debit
        state = came_back(debit, code)
        said = said_of(debit, state, code)
        if await become(billing, debit, state, said, code=code, by=scope.account):
            return await _need(billing, _id)


async def tell(billing: Billing, debit: Debit) -> None:
    """Do what follows from the state of a debit. Whoever finds that its state has changed meanwhile
    tells that too."""
    await _follow(billing, debit)
    while not await billing.collections.told(debit):
        debit = await _need(billing, debit.id)
        await _follow(billing, debit)


async def _follow(billing: Billing, debit: Debit) -> None:
    for consequence in _CONSEQUENCES.get(debit.state, ()):
        await consequence(billing, debit)


async def _uses_the_mandate(billing: Billing, debit: Debit) -> None:
    await _mandate(
        billing, debit, "used",
        lambda held: mandate_rules.used(
            held, debit.mandate_reference, debit.on, debit.bank_since
        ),
    )  # fmt: skip


async def _is_paid(billing: Billing, debit: Debit) -> None:
    payment = Payment(
        id=debit.id, town=debit.town, office=debit.office, family=debit.family,
        payer=debit.guardian, account="collection", means="direct_debit", cents=debit.cents,
        parts=tuple(Part(invoice=one.invoice, cents=one.cents) for one in debit.parts),
        state="paid", created_at=debit.since, since=debit.since, body_hash="", untold=True,
        reference=debit.mandate_reference,
    )  # fmt: skip
    await billing.payments.create(payment)
    await payments.tell(billing, await billing.payments.need(debit.id))


async def _goes_through(billing: Billing, debit: Debit) -> None:
    now = billing.clock.town()
    await _mandate(
        billing, debit, "went-through",
        lambda held: mandate_rules.went_through(held, debit.mandate_reference, now),
    )  # fmt: skip


async def _is_reversed(billing: Billing, debit: Debit) -> None:
    reversal = Reversal(reason=_words(debit) or "", by=debit.by or "", at=billing.clock.town())
    await billing.payments.reverse(debit.id, reversal)
    await payments.tell(billing, await billing.payments.need(debit.id))


async def _is_released(billing: Billing, debit: Debit) -> None:
    holder = Holder(debit.town, debit.office, debit.family)
    await move(billing, holder, Release(release_id(debit.id), debit.id))


async def _comes_back_to_the_mandate(billing: Billing, debit: Debit) -> None:
    now = billing.clock.town()
    office = (await billing.towns.get(debit.town)).file.collection_office.direct_debit
    effect = RETURNS[debit.code].effect if debit.code else "none"

    def rule(held: DirectDebit) -> Done:
        return mandate_rules.came_back(
            held, debit.mandate_reference, effect, _words(debit),
            most=office.most_rejections if office else 1, first=debit.sequence == "FRST",
            amended=debit.amended, now=now,
        )  # fmt: skip

    await _mandate(billing, debit, "came-back", rule)


async def _mandate(
    billing: Billing, debit: Debit, what: str, rule: Callable[[DirectDebit], Done]
) -> None:
    held = await billing.mandates.get(debit.town, debit.office, debit.mandated)
    await mandates.change(billing, held, rule, Command(derived_id(debit.id, what), what))


_BACK = (_is_released, _comes_back_to_the_mandate)
_CONSEQUENCES: Mapping[DebitState, tuple[Callable[[Billing, Debit], Awaitable[None]], ...]] = {
    "announced": (_uses_the_mandate,),
    "settled": (_uses_the_mandate, _is_paid, _goes_through),
    "rejected": (_uses_the_mandate, *_BACK),
    "returned": (_uses_the_mandate, _is_paid, _is_reversed, _comes_back_to_the_mandate),
    "cancelled": _BACK,
    "dropped": (_is_released,),
}


def _words(debit: Debit) -> str | None:
    return RETURNS[debit.code].words if debit.code else None


async def _need(billing: Billing, _id: str) -> Debit:
    found = await billing.collections.debit(_id)
    if found is None:
        raise LookupError(_id)
    return found
