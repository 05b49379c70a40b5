"""Issuing: an invoice gets its number, is owed on the family's account, and the family is told.

Three writes, each done once; whoever finds an invoice between two of them goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from services.billing.commands.accounts import follow, move, moved
from services.billing.domain.accounts import Debt, Owe, Reduce
from services.billing.domain.invoicing import Invoice, balance_of
from services.billing.domain.online_invoices import Delivery, delivery
from services.billing.state import Billing
from shared.ids import derived_id
from shared.tasks import each

_MOST = 200


@dataclass(slots=True)
class Numbers:
    """The numbers of a collection office in a year, as this process knows them.

    One is given at a time, while ``giving`` is held: the write of an invoice takes its number,
    and a later number taken before that write is known to be done could leave a gap.
    """

    billing: Billing
    town: str
    office: str
    year: int
    last: int | None = None
    giving: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def give(
        self, invoice: Invoice, charges: Sequence[str], run: str | None
    ) -> Invoice | None:
        """Store the invoice under the next number; None when there is one of that id."""
        async with self.giving:
            while True:
                if self.last is None:
                    self.last = await self.billing.invoices.last_sequence(
                        self.town, self.office, self.year
                    )
                numbered = replace(invoice, sequence=self.last + 1)
                given = await self.billing.invoices.number(numbered, charges, run)
                if given is not None:
                    break
                self.last = None
            if given:
                self.last = numbered.sequence
            return numbered if given else None


async def issue(
    billing: Billing, numbers: Numbers, invoice: Invoice, charges: Sequence[str], run: str | None
) -> list[str]:
    """Issue an invoice that has no number yet; the charges that the one of that id holds."""
    if numbered := await numbers.give(invoice, charges, run):
        await complete(billing, numbered)
        return list(charges)
    return await billing.invoices.charges_of(invoice.id) or []


async def complete(billing: Billing, invoice: Invoice) -> None:
    """Move the family's account by a numbered invoice or credit note, and tell the family; again,
    it does nothing."""
    way = await _delivery(billing, invoice)
    if invoice.kind == "credit_note":
        for one in invoice.reductions:
            _id = derived_id("reduction", invoice.id, one.invoice, str(one.refund))
            reduce = Reduce(_id, one.invoice, one.cents, refund=one.refund)
            await move(billing, invoice.holder, reduce)
        await billing.invoices.announce(invoice, (), Debt(owed=0), 0, way)
        return
    waits = invoice.request if invoice.expires else None  # what an agent gave waits for nothing
    owe = Owe(invoice.id, invoice.total_cents, request=waits)
    read = await moved(billing, invoice.holder, owe)
    debt = read.account.debts[invoice.id]
    await billing.invoices.announce(invoice, balance_of(debt), debt, read.version, way)
    await follow(billing, read)


async def _delivery(billing: Billing, invoice: Invoice) -> Delivery:
    """On line or on paper: as the family has chosen by now."""
    office = (await billing.towns.need(invoice.town)).file.collection_office
    return delivery(office, await billing.online_invoices.choice(invoice.town, invoice.family))


async def complete_all(billing: Billing) -> None:
    """The job: invoices that a dead process numbered."""
    await each(await billing.invoices.unannounced(_MOST), partial(complete, billing))
