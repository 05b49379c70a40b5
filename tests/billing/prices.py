"""A town whose prices a test states, and what its families buy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from services.billing.domain.prices.basket import price
from services.billing.domain.prices.book import PriceBook
from services.billing.domain.prices.facts import Facts
from services.billing.domain.prices.lines import PricedBasket
from shared.contracts.town_file import TownFile
from shared.days import Days
from shared.holidays import FrenchHolidays
from tests.billing.data import file_with

DAY = date(2026, 9, 17)


def book_of(file: TownFile) -> PriceBook:
    """The prices of a file, with the real holidays."""
    return PriceBook.of(file, Days(file, FrenchHolidays()))


def tariff(**changes: Any) -> dict[str, Any]:
    """The price of a meal at the canteen."""
    return {"id": "repas", "activity": "cantine", "unit": "repas", "valid_from": "2026-01-01",
            "source": "test"} | changes  # fmt: skip


def town(*tariffs: dict[str, Any], **changes: Any) -> PriceBook:
    """The prices of a town with these tariffs; ``pricing``, ``audiences``, … change its file."""
    return book_of(file_with(tariffs=list(tariffs), **changes))


def line(day: date = DAY, child: str = "zoe", **changes: Any) -> dict[str, Any]:
    """A meal."""
    return {"child": child, "activity": "cantine", "units": ["repas"], "day": day} | changes


def buy(
    book: PriceBook,
    lines: Sequence[dict[str, Any]],
    *,
    quotient: Any = None,
    family: dict[str, Any] | None = None,
    children: Sequence[dict[str, Any]] = ({"id": "zoe"}, {"id": "tom"}),
) -> PricedBasket:
    """The price of these lines for a family whose quotient is known long since."""
    quotients = [] if quotient is None else [{"value": quotient, "since": "2000-01-01"}]
    facts = {
        "family": {"quotients": quotients, **(family or {})},
        "children": list(children),
        "lines": list(lines),
    }
    return price(book, Facts.model_validate(facts))
