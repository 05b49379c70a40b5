"""The price of charges, by what is known of the family and the town now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from services.billing.domain.charges import Charge, known_in
from services.billing.domain.invoicing import LeftAside, Priced, invoiced_guardian, priced
from services.billing.domain.known import borne, line_ref, lines_of, remembered_since
from services.billing.domain.prices.facts import Line
from services.billing.state import Billing
from shared.contracts.family import FamilyChanged
from shared.copies import Town
from shared.errors import MissingCopy


async def priced_charges(
    billing: Billing, town: Town, family: str, charges: Sequence[Charge]
) -> tuple[str, Priced]:
    """To whom the family's invoice goes, and what would be on it."""
    try:
        card = await billing.store.family(town.file.town, family)
    except MissingCopy:
        card = None
    return await priced_for(billing, town, card, charges)


async def priced_for(
    billing: Billing, town: Town, card: FamilyChanged | None, charges: Sequence[Charge]
) -> tuple[str, Priced]:
    """The same, of a family whose card is known; None: nothing is known of it."""
    guardian = invoiced_guardian(card) if card else None
    if card is None or guardian is None:
        return "", Priced((), (), tuple(LeftAside(one, "nobody-invoiced") for one in charges))
    book = billing.books.of(town)
    charges = known_in(card, charges)
    known: list[Line] = []
    if book.remembers or any(one.surcharge and one.surcharge.per != "item" for one in charges):
        since = remembered_since(min(one.day for one in charges))
        own = {line_ref(one) for one in charges}
        found = await known_lines(billing, town, card, since, invoiced_only=True)
        known = [one for one in found if one.ref not in own]
    return guardian.id, priced(charges, card, book, known)


async def known_lines(
    billing: Billing, town: Town, card: FamilyChanged, since: date, *, invoiced_only: bool
) -> list[Line]:
    """What the family is charged from a day on; or of it, what an invoice holds. What waits to be
    paid counts as if it were paid: it is the whole of the family's baskets that costs what it
    does, not each alone."""
    slug, book = town.file.town, billing.books.of(town)
    charges = await billing.store.charged(card, slug, since, invoiced_only=invoiced_only)
    charges = known_in(card, charges)
    invoices = {one.invoice for one in charges if one.invoice is not None}
    held = {line_ref(one) for one in charges if one.invoice is not None}
    lines = lines_of(charges, book, known=True)
    billed = await billing.invoices.billed_of(invoices)
    found = [one for one in lines if one.ref not in held]
    found += borne((one for one in lines if one.ref in held), billed)
    known = {one.ref for one in lines}
    for begun in await billing.invoices.waiting(slug, (card.family, *card.parts)):
        waits: dict[tuple[str, str], int] = {
            (one.ref, one.what): one.cents for one in begun.entries
        }
        found += borne(
            (
                one for one in begun.facts.lines
                if not one.known and one.day >= since and one.ref not in known
            ),
            waits,
        )  # fmt: skip
    return found
