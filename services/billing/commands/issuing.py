"""Issuing: an invoice gets its number, is owed on the family's account, and the family is told.

Three writes, each done once; whoever finds an invoice between two of them goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from services.billing.commands.accounts import follow, move, moved
from services.billing.domain.accounts import Debt
from services.billing.domain.invoicing import Invoice
from services.billing.domain.movements import Owe, Reduce
from services.billing.domain.online_invoices import Delivery, delivery
from services.billing.queries.collected import mandates_for
from services.billing.state import Billing
from services.billing.store.invoices import Owed
from shared.ids import derived_id
from shared.tasks import each_of_all

_MOST = 200
#: An invoice without its number, and the ids of the charges on it.
Unnumbered = tuple[Invoice, Sequence[str]]


@dataclass(slots=True)
class Numbers:
    """The numbers of a collection office in a year, as this process knows them.

    They are given one after the other, while ``giving`` is held: the write of an invoice takes its
    number, and a later number taken before that write is known to be done could leave a gap.
    """

    billing: Billing
    town: str
    office: str
    year: int
    last: int | None = None
    giving: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def give(self, invoices: Sequence[Unnumbered], run: str | None) -> list[Invoice]:
        """Store invoices under the next numbers; those that were, and not those of an id that is
        there already."""
        given: list[Invoice] = []
        left = list(invoices)
        async with self.giving:
            while left:
                if self.last is None:
                    self.last = await self.billing.invoices.last_sequence(
                        self.town, self.office, self.year
                    )
                numbered = [
                    (replace(invoice, sequence=number), charges)
                    for number, (invoice, charges) in enumerate(left, start=self.last + 1)
                ]
                done, number_taken = await self.billing.invoices.number(numbered, run)
                given += [invoice for invoice, _ in numbered[:done]]
                self.last = None if number_taken else self.last + done
                left = left[done:] if number_taken else left[done + 1 :]
        return given


async def issue(
    billing: Billing, numbers: Numbers, invoice: Invoice, charges: Sequence[str], run: str | None
) -> list[str]:
    """Issue an invoice that has no number yet; the charges that the one of that id holds."""
    if given := await numbers.give([(invoice, charges)], run):
        await complete(billing, given)
        return list(charges)
    return (await billing.invoices.charges_of([invoice.id])).get(invoice.id, [])


async def complete(billing: Billing, invoices: Sequence[Invoice]) -> None:
    """Move the families' accounts by numbered invoices and credit notes, and tell the families;
    again, it does nothing."""
    ways = await _deliveries(billing, invoices)
    owing = [one for one in invoices if one.kind != "credit_note"]
    mandates = await _mandates(billing, owing)
    for note in invoices:
        if note.kind == "credit_note":
            await _reduce(billing, note)
            await billing.invoices.announce([Owed(note, Debt(owed=0), 0, ways[note.id])])
    owes = {one.id: _owe(one) for one in owing}
    holders = {one.holder: owes[one.id] for one in owing}
    reads = await billing.accounts.owe(holders) if len(holders) == len(owing) > 1 else {}
    owed = []
    for invoice in owing:
        read = reads.get(invoice.holder)
        if read is None or invoice.id not in read.account.debts:  # two of one holder
            read = await moved(billing, invoice.holder, owes[invoice.id])
        reads[invoice.holder] = read
        owed.append(
            Owed(invoice, read.account.debts[invoice.id], read.version, ways[invoice.id],
                 mandates.get(invoice.id))
        )  # fmt: skip
    await billing.invoices.announce(owed)
    for read in reads.values():
        await follow(billing, read)


def _owe(invoice: Invoice) -> Owe:
    waits = invoice.request if invoice.expires else None  # what an agent gave waits for nothing
    return Owe(invoice.id, invoice.total_cents, request=waits)


async def _reduce(billing: Billing, note: Invoice) -> None:
    for one in note.reductions:
        _id = derived_id("reduction", note.id, one.invoice, str(one.refund))
        await move(billing, note.holder, Reduce(_id, one.invoice, one.cents, refund=one.refund))


async def _deliveries(billing: Billing, invoices: Sequence[Invoice]) -> dict[str, Delivery]:
    """On line or on paper, by invoice: as the families have chosen by now."""
    found: dict[str, Delivery] = {}
    for town in {one.town for one in invoices}:
        office = (await billing.towns.need(town)).file.collection_office
        theirs = [one for one in invoices if one.town == town]
        chosen = await billing.online_invoices.choices(town, [one.family for one in theirs])
        found |= {one.id: delivery(office, chosen.get(one.family)) for one in theirs}
    return found


async def _mandates(billing: Billing, invoices: Sequence[Invoice]) -> dict[str, str]:
    """By invoice, the reference of the mandate by which it is to be collected."""
    found: dict[str, str] = {}
    for town in {one.town for one in invoices}:
        theirs = [one for one in invoices if one.town == town]
        held = await mandates_for(billing, town, theirs)
        found |= {_id: mandate.reference for _id, mandate in held.items()}
    return found


async def complete_all(billing: Billing) -> None:
    """The job: invoices that a dead process numbered."""
    await each_of_all(
        lambda after: billing.invoices.unannounced(after, _MOST),
        lambda invoice: invoice.id,
        lambda invoice: complete(billing, [invoice]),
    )
