"""Quotes: the price of a basket before it is validated."""

from __future__ import annotations

from collections.abc import Sequence

from services.billing.commands.pricing import known_lines
from services.billing.domain.known import facts_of, remembered_since
from services.billing.domain.prices.basket import price
from services.billing.domain.prices.facts import Facts, Line
from services.billing.domain.prices.lines import PricedBasket
from services.billing.domain.quotes import VALID, Quote, QuotedLine, QuoteState, without_price
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
    _refuse_others(scope, found.family, card, {one.child for one in found.lines})
    return found, await state_of(billing, found, card)


async def state_of(billing: Billing, quoted: Quote, card: FamilyChanged) -> QuoteState:
    """Whether the price shown is still the price paid."""
    if quoted.valid_until <= billing.clock.town():
        return "expired"
    town = await billing.towns.get(quoted.town)
    asked = [one for one in quoted.facts.lines if not one.known]
    _, basket = await _priced(billing, town, card, asked)
    return "valid" if quoted.says(basket) else "changed"


async def _reckoned(billing: Billing, scope: Scope, wish: QuoteIn, command: Command) -> Quote:
    town = await billing.towns.get(scope.town)
    card, heard = await billing.card_of(scope, wish.family)
    _refuse_others(scope, wish.family, card, {one.child for one in wish.lines})
    asked = [one.fact(position) for position, one in enumerate(wish.lines)]
    facts, basket = await _priced(billing, town, card, asked)
    now = billing.clock.town()
    return Quote(
        id=command.id, town=scope.town, family=wish.family, account=scope.account, facts=facts,
        version=town.version, card=heard, lines=tuple(map(QuotedLine.of, basket.lines)),
        without_price=without_price(basket), total_cents=basket.total_cents, asked_at=now,
        valid_until=now + VALID, body_hash=command.body_hash,
    )  # fmt: skip


async def _priced(
    billing: Billing, town: Town, card: FamilyChanged, asked: Sequence[Line]
) -> tuple[Facts, PricedBasket]:
    """The facts, with what the family has booked already, and the price of what is asked."""
    book = billing.books.of(town)
    since = remembered_since(min(one.day for one in asked))
    known = await known_lines(billing, town, card, since, invoiced_only=False)
    facts = facts_of(card, book, (), known)
    facts = facts.model_copy(update={"lines": (*asked, *facts.lines)})
    return facts, price(book, facts)


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
