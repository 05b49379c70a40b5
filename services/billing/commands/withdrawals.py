"""Lines that a family took back before they were booked: nothing is asked for them, and an agent
sees to the money that came for them all the same.

A page of PayFiP that is open may be paid in that very instant. Whoever hears that lines are taken
back notes it, then looks for payments; whoever receives a payment has stored it, then looks for
what was taken back: one of the two sees the other.
"""

from __future__ import annotations

from services.billing.commands.tasks import close_by_itself, open_task
from services.billing.domain.payments import Payment
from services.billing.domain.tasks import Task, task_id
from services.billing.state import Billing


async def see_to_paid(billing: Billing, town: str, request: str) -> None:
    """Have agents see to what was paid for lines of a request that were taken back; to what was
    reversed since, no longer."""
    refs = {f"{request}-{line}" for line in await billing.withdrawals.lines(request)}
    if not refs:
        return
    for invoice, billed in await billing.invoices.booked(town, request):
        if refs & billed.keys():
            for payment in await billing.payments.made_for(invoice.id):
                await _see_to(billing, payment, invoice.id, request)


async def _see_to(billing: Billing, payment: Payment, invoice: str, request: str) -> None:
    _id = task_id("paid-withdrawn", payment.id, invoice)
    cents = sum(one.cents for one in payment.parts if one.invoice == invoice)
    if payment.state == "reversed":
        await close_by_itself(billing, _id)
    elif cents:
        await open_task(billing, Task(
            _id, payment.town, payment.family, "paid-withdrawn", payment.since, cents=cents,
            payment=payment.id, request=request,
        ))  # fmt: skip
