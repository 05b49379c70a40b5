"""The price of charges, by what is known of the family and the town now."""

from __future__ import annotations

from collections.abc import Sequence

from services.billing.domain.charges import Charge, known_in
from services.billing.domain.invoicing import LeftAside, Priced, invoiced_guardian, priced
from services.billing.domain.known import remembered_since
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
    known: Sequence[Charge] = ()
    if book.remembers or any(one.surcharge and one.surcharge.per != "item" for one in charges):
        since = remembered_since(min(one.day for one in charges))
        found = await billing.store.charged(card, town.file.town, since, invoiced_only=True)
        known = known_in(card, found)
    return guardian.id, priced(charges, card, book, known)
