"""What follows from a payment: on the family's account, and for agents."""

from __future__ import annotations

from services.billing.commands import accounts
from services.billing.commands.tasks import close_by_itself, open_task
from services.billing.commands.withdrawals import see_to_paid
from services.billing.domain.accounts import Holder
from services.billing.domain.movements import Receive, Reverse
from services.billing.domain.payments import SETTLED, Payment
from services.billing.domain.tasks import Task, task_id
from services.billing.state import Billing
from shared.ids import derived_id


async def tell(billing: Billing, payment: Payment) -> None:
    """Do what follows from the state of a payment; told twice, it is done once. Whoever finds that
    its state has changed meanwhile tells that too."""
    await _follow(billing, payment)
    while not await billing.payments.told(payment):
        payment = await billing.payments.need(payment.id)
        await _follow(billing, payment)


async def _follow(billing: Billing, payment: Payment) -> None:
    holder = Holder(payment.town, payment.office, payment.family)
    unclear = task_id("payment-undetermined", payment.id)
    if payment.state == "undetermined":
        await open_task(billing, Task(
            unclear, payment.town, payment.family, "payment-undetermined", payment.since,
            cents=payment.cents, payment=payment.id,
        ))  # fmt: skip
    elif payment.means == "payfip":
        await close_by_itself(billing, unclear)
    if payment.state in SETTLED:
        received = Receive(
            id=payment.id, cents=payment.cents, invoices=payment.invoices, payer=payment.payer
        )
        debts = (await accounts.move(billing, holder, received)).debts
        found = (debts[one].request for one in payment.invoices if one in debts)
        for request in sorted({one for one in found if one is not None}):
            await see_to_paid(billing, payment.town, request)
    if payment.state == "reversed":
        reversed_ = Reverse(id=derived_id("reversal", payment.id), payment=payment.id)
        cents = (await accounts.move(billing, holder, reversed_)).owed_back(payment.id)
        if cents:
            await open_task(billing, Task(
                task_id("owed-back", payment.id), payment.town, payment.family, "owed-back",
                payment.since, cents=cents, payment=payment.id,
            ))  # fmt: skip
