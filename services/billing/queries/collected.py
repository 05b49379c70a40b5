"""Which invoices are collected from an account, by which mandate, as things stand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from services.billing.domain.debits.collections import will_collect
from services.billing.domain.debits.mandates import Mandate, may_pay_all
from services.billing.domain.invoicing import Invoice
from services.billing.state import Billing


class ByDebit(NamedTuple):
    """How an invoice is collected: by the mandate of that ``reference`` (RUM), given to that
    ``creditor`` (ICS); ``on`` which day, once that is announced."""

    reference: str
    creditor: str
    on: date | None = None


async def by_debit(billing: Billing, invoice: Invoice) -> ByDebit | None:
    """How an invoice is collected; None when it is to be paid otherwise, or not at all."""
    if invoice.state != "open" or invoice.kind == "credit_note":
        return None
    if invoice.debit_on is not None:
        debit = await billing.collections.announced_for(invoice.town, invoice.family, invoice.id)
        if debit is not None:
            return ByDebit(debit.mandate_reference, debit.creditor, debit.on)
    mandate = (await mandates_for(billing, invoice.town, [invoice])).get(invoice.id)
    return ByDebit(mandate.reference, mandate.creditor) if mandate else None


async def mandates_for(
    billing: Billing, town: str, invoices: Sequence[Invoice]
) -> dict[str, Mandate]:
    """By invoice of a town, the mandate in force by which the next collection will take it."""
    collecting = (await billing.towns.need(town)).file.collection_office.direct_debit
    if collecting is None:
        return {}
    merged = await billing.store.households.merged(town)
    homes = {one.id: merged.get(one.family, one.family) for one in invoices}
    held = {
        (debit.family, debit.office): debit.mandate
        for debit in await billing.mandates.of_families(town, set(homes.values()))
        if debit.mandate is not None
    }
    cards = await billing.store.households.cards({family for family, _ in held})
    found = {}
    for invoice in invoices:
        home = homes[invoice.id]
        mandate, card = held.get((home, invoice.office)), cards.get(home)
        if mandate is None or card is None:
            continue
        may_pay = may_pay_all(card, mandate.guardian)
        if will_collect(mandate, invoice, collecting.creditor, may_pay=may_pay):
            found[invoice.id] = mandate
    return found
