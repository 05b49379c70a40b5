"""Answering whether a family may be erased."""

from __future__ import annotations

from services.billing.state import Billing
from shared.contracts.billing import ErasureAnswered
from shared.contracts.erasure import HoldsBack
from shared.contracts.family import ErasureAsked
from shared.events import Envelope


async def answer_erasure(billing: Billing, envelope: Envelope, event: ErasureAsked) -> None:
    """Say what holds the erasure of a family back: what is not invoiced yet, and invoices that the
    collection office has not said to be paid. A new document named by the erasure (first form)."""
    town, family = envelope.town, event.family
    records = await billing.store.households.records(family)
    unpaid = [
        HoldsBack(code="unpaid", reference=number)
        for number in await billing.invoices.unpaid_numbers(town, records)
        if number not in event.settled
    ]
    open_ = [
        HoldsBack(code="to-be-invoiced", reference=request)
        for request in await billing.store.uninvoiced(town, records)
    ]
    answer = ErasureAnswered(erasure=event.erasure, family=family, holds=(*open_, *unpaid))
    await billing.store.answer_erasure(event.erasure, town, family, answer)
