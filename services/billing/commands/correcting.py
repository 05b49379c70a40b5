"""Corrections: a charge that changes after it was billed leads to a document of the difference."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from services.billing.commands.issuing import Numbers, complete
from services.billing.domain.charges import known_in
from services.billing.domain.corrections import Link, difference, undecided
from services.billing.domain.invoicing import Invoice, correction_lines, due_on, invoiced_guardian
from services.billing.domain.known import facts_of, line_ref, lines_of
from services.billing.state import Billing
from shared.errors import MissingCopy
from shared.ids import derived_id
from shared.tasks import each_of_all

#: What changes together is heard of within this time.
_QUIET = timedelta(seconds=1)
_MOST = 100


async def correct_changed(billing: Billing) -> None:
    """The job: bring the bills up to what is booked now.

    One process does it at a time; should two, a document's id names its place in the chain, so that
    one of two that saw the same chain is refused, and looks again.
    """
    async with billing.store.leased(billing.owner, "corrections") as mine:
        if mine:
            before = billing.clock.machine() - _QUIET
            look = partial(_correct_seen, billing, before)
            for changed in (billing.store.changed, billing.invoices.all_changed):
                read = partial(changed, before, limit=_MOST)
                await each_of_all(read, str, look)


async def _correct_seen(billing: Billing, before: datetime, invoice: str) -> None:
    if await correct(billing, invoice):
        await billing.invoices.looked_at(invoice, before)


async def correct(billing: Billing, basis: str) -> bool:
    """Bill or give back what has changed since an invoice, or since it was last corrected; False
    when it has to be looked at again."""
    began = await billing.invoices.get(basis)
    chain = await billing.invoices.chain(basis)
    if began is None or not chain:  # it is not owed yet: the next pass finds it
        return False
    seen = await billing.store.billed(basis)
    if began.state == "void":
        await billing.store.corrected(seen, ())
        return True
    charges = [one for one, _ in seen]
    town = await billing.towns.need(began.town)
    book = billing.books.of(town)
    try:
        card = await billing.store.family(began.town, began.family)
        guardian = invoiced_guardian(card)
        children = facts_of(card, book, ()).children
        charges = known_in(card, charges)
    except MissingCopy:  # the family is gone: what it is owed still counts
        guardian, children = None, ()
    standing = [one for one in charges if one.accepted]
    refunded = {line_ref(one) for one in charges if one.given_back == "refund"}
    lines = lines_of(standing, book)
    if began.kind == "booking":  # its lines are decided one after the other
        decided = {line_ref(one) for one in charges} | await billing.invoices.given_up(basis)
        lines += undecided(chain, decided)
    found = difference(chain, lines, children, book, refunded)
    if found.billed.entries:
        names = {one.child: one.child_name for one in charges if one.child_name}
        today = billing.clock.town().astimezone(ZoneInfo(town.file.time_zone)).date()
        correction = Invoice(
            id=derived_id("correction", basis, str(found.billed.position)),
            town=began.town, family=began.family,
            guardian=guardian.id if guardian else began.guardian, month=began.month,
            office=began.office, year=today.year, sequence=0, issued_on=today,
            due_on=due_on(town.file, today), version=town.version, of=basis,
            kind="credit_note" if found.cents < 0 else began.kind,
            request=began.request if found.cents < 0 else None,
            lines=correction_lines(found, began.month, names, book),
            billed=(found.billed,), reductions=found.reductions,
        )  # fmt: skip
        if not await _store(billing, correction, chain):
            return False
    unpriced = [one.id for one in standing if (line_ref(one), one.unit) in found.unpriced]
    await billing.store.corrected(seen, unpriced)
    return True


async def _store(billing: Billing, correction: Invoice, chain: list[Link]) -> bool:
    """Issue a correction; False when another of its place in the chain is there. What comes to
    nothing needs no document: it is noted on the invoice."""
    if correction.total_cents == 0:
        return await billing.invoices.note(chain[0].document, correction.billed[0])
    numbers = Numbers(billing, correction.town, correction.office, correction.year)
    numbered = await numbers.give([(correction, ())], None)
    await complete(billing, numbered)
    return bool(numbered)
