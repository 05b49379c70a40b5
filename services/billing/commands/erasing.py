"""Answering whether a family may be erased."""

from __future__ import annotations

from services.billing.domain.accounts import Account
from services.billing.state import Billing
from shared.contracts.billing import ErasureAnswered
from shared.contracts.erasure import HoldsBack
from shared.contracts.family import ErasureAsked
from shared.events import Envelope


def _unpaid(account: Account) -> list[str]:
    """Invoices of which something is due, whatever their own documents say by now."""
    return [key for key, one in account.debts.items() if one.state in ("open", "carried")]


def _held(account: Account) -> list[HoldsBack]:
    """What of an account is the family's, or owed back by it."""
    found = [
        HoldsBack(code="unpaid", reference=one.id, money="transfer") for one in account.transfers
    ]
    if account.credit_cents:
        office = account.holder.office
        found.append(HoldsBack(code="unpaid", reference=office, money="credit"))
    return found


async def answer_erasure(billing: Billing, envelope: Envelope, event: ErasureAsked) -> None:
    """Say what holds the erasure of a family back: what is not invoiced yet, invoices that the
    collection office has not said to be paid, payments and debits that may still be made, money
    that is the family's or that it owes back. A new document named by the erasure (first form)."""
    town, family = envelope.town, event.family
    records = await billing.store.households.records(family)
    not_owed = await billing.invoices.not_owed_yet(town, records)
    accounts = [
        account for record in records for account in await billing.accounts.of_family(town, record)
    ]
    due = await billing.invoices.numbers([one for account in accounts for one in _unpaid(account)])
    unpaid = [
        HoldsBack(code="unpaid", reference=number, money="invoice")
        for number in sorted({*not_owed, *due} - set(event.settled))
    ]
    open_ = [
        HoldsBack(code="to-be-invoiced", reference=request)
        for request in await billing.store.uninvoiced(town, records)
    ]
    under_way = [
        HoldsBack(code="unpaid", reference=payment, money="payment")
        for payment in await billing.payments.under_way(town, records)
    ]
    to_come = [
        HoldsBack(code="unpaid", reference=debit, money="payment")
        for debit in await billing.collections.to_come(town, records)
    ]
    money = [one for account in accounts for one in _held(account)]
    holds = (*open_, *unpaid, *under_way, *to_come, *money)
    answer = ErasureAnswered(erasure=event.erasure, family=family, holds=holds)
    await billing.store.answer_erasure(event.erasure, town, family, answer)
