"""Prices: a basket of ten lines, with brackets, columns, a reduction, a surcharge and a payer."""

from __future__ import annotations

import time
from datetime import date, timedelta
from typing import Any

from services.billing.domain.prices.basket import price
from services.billing.domain.prices.facts import Facts
from tests.bench.measure import Row, Servers, at_most
from tests.billing.prices import book_of, tariff
from tests.samples import activity, town_file

ROUNDS = 5
BASKETS = 200
FIRST = date(2026, 9, 14)
_DATED = {"valid_from": "2026-01-01", "source": "benchmark"}
AUDIENCES = [
    {"id": "residents", "name": "R", "any": [{"fact": "resident", "is": [True]}]},
    {"id": "later-children", "name": "S", "all": [{"fact": "rank", "from": 2}]},
]
PRICING = {
    "adjustments": [
        {"id": "second", "name": "Fratrie", "operation": "reductions", "percent": -25,
         "for": {"audiences": ["later-children"]}, **_DATED},
        {"id": "fee", "name": "Adhésion", "operation": "extras", "cents": 800,
         "per": "school_year", "once_for": "family", **_DATED},
    ],
    "paid_by_others": [
        {"id": "ccas", "payer": "ccas", "name": "CCAS", "percent": 20, "most_cents": 100,
         "for": {"audiences": ["residents"]}, **_DATED},
    ],
}  # fmt: skip


async def measure(_: Servers) -> list[Row]:
    """CPU of one basket, its facts ready, over several rounds."""
    book = book_of(_town())
    found = []
    for number in range(ROUNDS):
        baskets = [_basket(number * BASKETS + one) for one in range(BASKETS)]
        started = time.process_time()
        for basket in baskets:
            assert len(price(book, basket).lines) == 11
        found.append((time.process_time() - started) * 1000 / BASKETS)
    return [at_most("price of a basket of 10 lines, CPU", found, "ms", 1)]


def _town() -> Any:
    rows = [{"from": 150 * at, "below": 150 * (at + 1), "cents": [90 + 50 * at, 200 + 50 * at]}
            for at in range(10)]  # fmt: skip
    rows.append({"from": 1500, "cents": [590, 700]})
    grid = tariff(columns=[{"audiences": ["residents"]}, {}], brackets=rows, unit="unit")
    return town_file(
        activities=[activity("cantine")], audiences=AUDIENCES, tariffs=[grid], pricing=PRICING
    )


def _basket(number: int) -> Facts:
    late = {"rule": "late", "kind": "percent", "percent": 50}
    return Facts.model_validate(
        {
            "family": {
                "quotients": [{"value": 300 + number % 1500, "since": "2026-01-01"}],
                "facts": {"resident": True},
            },
            "children": [
                {"id": "zoe", "birth_date": "2017-01-01"}, {"id": "tom", "birth_date": "2019-01-01"}
            ],
            "lines": [
                {"ref": str(at), "child": "zoe" if at % 2 else "tom", "activity": "cantine",
                 "units": ["unit"], "day": FIRST + timedelta(days=at // 2),
                 "surcharge": late if at < 2 else None}
                for at in range(10)
            ],
        }
    )  # fmt: skip
