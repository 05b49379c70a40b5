"""Quotes: ``{_id, town, family, account, facts, changes, version, card, lines, without_price,
total_cents, asked_at, valid_until, body_hash, kept_until}``; written once, dropped after three
days."""

from __future__ import annotations

from datetime import timedelta

from pymongo import IndexModel

from services.billing.domain.prices.facts import Facts
from services.billing.domain.quotes import Price, Quote, QuotedLine, WithoutPrice
from shared.auth import Scope
from shared.clock import Clock
from shared.failpoints import step
from shared.store import Document, Store

QUOTES = "quotes"
KEEP_QUOTE = step("billing.quote.keep")
#: As long as the same command may come again.
_KEPT = timedelta(hours=72)
INDEXES = {QUOTES: [IndexModel([("kept_until", 1)], name="dropped", expireAfterSeconds=0)]}


class QuoteStore:
    """Every query and write of quotes."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def keep(self, quote: Quote) -> bool:
        """Store a quote; False when there is one of that id."""
        price = quote.price
        document = {
            "_id": quote.id, "town": quote.town, "family": quote.family,
            "account": quote.account, "facts": price.facts.model_dump(mode="json"),
            "changes": dict(quote.changes), "version": quote.version, "card": quote.card,
            "lines": [one.model_dump(mode="json") for one in price.lines],
            "without_price": [one.model_dump(mode="json") for one in price.without_price],
            "total_cents": price.total_cents, "asked_at": quote.asked_at,
            "valid_until": quote.valid_until, "body_hash": quote.body_hash,
            "kept_until": self._clock.machine() + _KEPT,
        }  # fmt: skip
        return await self._store.insert(KEEP_QUOTE, QUOTES, document)

    async def quote(self, scope: Scope, quote: str) -> Quote | None:
        """A quote within the scope, or None."""
        query = {"$and": [{"_id": quote}, scope.query()]}
        document = await self._store.first(QUOTES, query)
        return None if document is None else _quote(document)


def _quote(document: Document) -> Quote:
    price = Price(
        Facts.model_validate(document["facts"]),
        tuple(QuotedLine.model_validate(one) for one in document["lines"]),
        tuple(WithoutPrice.model_validate(one) for one in document["without_price"]),
    )
    return Quote(
        id=document["_id"], price=price,
        **{name: document[name] for name in (
            "town", "family", "account", "changes", "version", "card", "asked_at", "valid_until",
            "body_hash",
        )},
    )  # fmt: skip
