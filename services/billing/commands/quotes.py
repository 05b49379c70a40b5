"""Quotes: the price of a basket before it is validated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.billing.commands.changing import differences
from services.billing.commands.pricing import known_lines
from services.billing.domain.known import facts_of
from services.billing.domain.prices.basket import price
from services.billing.domain.prices.facts import Facts, Line
from services.billing.domain.quotes import VALID, Price, Quote, QuoteState
from services.billing.schemas.invoices import QuoteIn
from services.billing.state import Billing
from shared.auth import FamilyScope, Scope
from shared.contracts.family import FamilyChanged
from shared.copies import Town
from shared.errors import Refused, not_found
from shared.web.routes import Command


async def quote(billing: Billing, scope: Scope, wish: QuoteIn, command: Command) -> Quote:
    """Price a basket and keep what was said; the same command again gives the same quote.

    Raises ``Refused``: 404 for a family or child out of reach, ``idempotency-key-reused``.
    """
    known = await billing.quotes.quote(scope, command.id)
    if known is None:
        made = await _reckoned(billing, scope, wish, command)
        known = made if await billing.quotes.keep(made) else None
        known = known or await billing.quotes.quote(scope, command.id)
    if known is None or known.body_hash != command.body_hash:
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à une autre demande.", status=422
        )
    return known


async def see(billing: Billing, scope: Scope, quote_id: str) -> tuple[Quote, QuoteState]:
    """A quote about those for whom the bearer decides or pays. Raises ``Refused`` (404)."""
    found = await billing.quotes.quote(scope, quote_id)
    if found is None:
        raise not_found("ce devis")
    card, _ = await billing.card_of(scope, found.family)
    _refuse_others(scope, found.family, card, {one.child for one in found.asked})
    return found, await state_of(billing, found, card)


async def state_of(billing: Billing, quoted: Quote, card: FamilyChanged) -> QuoteState:
    """Whether the price shown is still the price paid."""
    if quoted.valid_until <= billing.clock.town():
        return "expired"
    town = await billing.towns.get(quoted.town)
    try:
        price = await _priced(billing, town, card, quoted.asked, quoted.changes)
    except Refused:  # what it changes is a booking no more
        return "changed"
    return "valid" if quoted.says(price) else "changed"


async def _reckoned(billing: Billing, scope: Scope, wish: QuoteIn, command: Command) -> Quote:
    town = await billing.towns.get(scope.town)
    card, heard = await billing.card_of(scope, wish.family)
    _refuse_others(scope, wish.family, card, {one.child for one in wish.lines})
    asked = [one.fact(position) for position, one in enumerate(wish.lines)]
    changes = {str(at): one.of for at, one in enumerate(wish.lines) if one.of is not None}
    price = await _priced(billing, town, card, asked, changes)
    now = billing.clock.town()
    return Quote(
        id=command.id, town=scope.town, family=wish.family, account=scope.account, price=price,
        changes=changes, version=town.version, card=heard, asked_at=now, valid_until=now + VALID,
        body_hash=command.body_hash,
    )  # fmt: skip


async def _priced(
    billing: Billing,
    town: Town,
    card: FamilyChanged,
    asked: Sequence[Line],
    changes: Mapping[str, str],
) -> Price:
    """The price of what is asked, beside what the family has booked already; ``changes``: by the
    ref of a wish, the booking that it is put in the place of, and that it costs the difference
    to."""
    book = billing.books.of(town)
    bare = facts_of(card, book, ())
    gone = set(changes.values())
    known = [one for one in await known_lines(billing, town, card, asked) if one.ref not in gone]

    def beside(lines: Sequence[Line], more: Sequence[Line] = ()) -> Facts:
        return bare.model_copy(update={"lines": (*lines, *known, *more)})

    if not changes:
        return Price.of(beside(asked), [price(book, beside(asked))], ())
    wishes = {ref: one for one in asked if (ref := changes.get(one.ref)) is not None}
    comes_to = await differences(billing, town, card, wishes)
    instead = list(wishes.values())
    fresh = [one for one in asked if one.ref not in changes]
    booked = [one.model_copy(update={"known": True}) for one in instead]
    baskets = [price(book, beside(instead)), price(book, beside(fresh, booked))]
    return Price.of(beside(asked), baskets, [(one, comes_to[one.ref]) for one in instead])


def _refuse_others(scope: Scope, family: str, card: FamilyChanged, children: set[str]) -> None:
    """Children and adults of the family, asked for by that record, for whom the bearer may decide
    or pay."""
    within = {one.id for one in card.participants}
    if isinstance(scope, FamilyScope):
        me = scope.guardian_of(family)
        guardian = next((one for one in card.guardians if me in one.ids), None)
        rights = guardian.reach if guardian else ()
        within &= {one.child for one in rights if one.decide or one.pay}
    if not children <= within:
        raise not_found("cet enfant ou cet adulte")
