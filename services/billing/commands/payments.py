"""Payments and the family's account."""

from __future__ import annotations

from services.billing.commands import accounts
from services.billing.domain.accounts import Holder, Receive, Reverse
from services.billing.domain.payments import Payment
from services.billing.state import Billing
from shared.ids import derived_id


async def tell(billing: Billing, payment: Payment) -> None:
    """Put a payment, or its reversal, on the family's account; told twice, it is there once."""
    holder = Holder(payment.town, payment.office, payment.family)
    received = Receive(
        id=payment.id, cents=payment.cents, invoices=payment.invoices, payer=payment.payer
    )
    await accounts.move(billing, holder, received)
    if payment.state == "reversed":
        reversed_ = Reverse(id=derived_id("reversal", payment.id), payment=payment.id)
        await accounts.move(billing, holder, reversed_)
    await billing.payments.told(payment)
