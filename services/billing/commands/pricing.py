"""The price of charges, by what is known of the family and the town now."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from services.billing.domain.charges import Charge, known_in
from services.billing.domain.invoicing import LeftAside, Priced, invoiced_guardian, priced
from services.billing.domain.known import borne, line_ref, lines_of, remembered_since
from services.billing.domain.prices.facts import Line
from services.billing.state import Billing
from shared.contracts.family import FamilyChanged
from shared.copies import Town
from shared.errors import MissingCopy, Refused, StoreUnavailable
from shared.logs import get_logger

_log = get_logger()


def not_heard() -> Refused:
    """Booking has decided what billing has not worked through yet."""
    return Refused(
        "decisions-waiting",
        "Des décisions de réservation sont encore en cours de traitement. Réessayez.",
        retry_after=60,
    )


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
    charges = known_in(card, charges)
    found = await known_lines(billing, town, card, charges)
    own = {line_ref(one) for one in charges}
    known = [one for one in found if one.ref not in own]
    return guardian.id, priced(charges, card, billing.books.of(town), known)


async def or_aside(
    work: Awaitable[tuple[str, Priced]], charges: Sequence[Charge]
) -> tuple[str, Priced]:
    """A family whose bill cannot be reckoned keeps no other waiting: its charges are left aside."""
    try:
        return await work
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - whoever reads the month is told
        _log.error("reckoning-failed", id=charges[0].family, exc_info=error)
        return "", Priced((), (), tuple(LeftAside(one, "reckoning-failed") for one in charges))


async def known_lines(
    billing: Billing, town: Town, card: FamilyChanged, asked: Sequence[Charge | Line]
) -> list[Line]:
    """What else the family has booked, where the price of what is ``asked`` may hang on it: for
    quotes, bookings and month ends alike.

    What waits to be paid counts as if it were paid, and what no invoice holds yet as what the month
    end will bill: it is the whole of what the family has booked that costs what it does, not each
    basket alone.
    """
    slug, book = town.file.town, billing.books.of(town)
    if not (
        book.looks_around or any(one.surcharge and one.surcharge.per != "item" for one in asked)
    ):
        return []
    since = remembered_since(min(one.day for one in asked))
    charges = known_in(card, await billing.store.charged(card, slug, since))
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
