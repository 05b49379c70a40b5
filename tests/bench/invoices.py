"""A family's list of invoices over HTTP, in a town with few invoices and in one with a thousand
times as many."""

from __future__ import annotations

import asyncio
from datetime import date

from services.billing.store.invoices import INVOICES
from shared.failpoints import step
from shared.ids import new_id
from shared.store import Document
from tests.bench.alone import AT_ONCE, Alone, service_alone
from tests.bench.measure import Row, Servers, at_most, row
from tests.samples import Household, town_file

ROUNDS, LISTS, FAMILIES, EACH = 5, 200, 10, 12
SIZES = (1_000, 1_000_000)
_BULK = 10_000
_FILL = step("bench.invoices.fill")


async def measure(servers: Servers) -> list[Row]:
    """CPU of both sizes, and their ratio."""
    costs = [await _cost(servers, size) for size in SIZES]
    few, many = ([cost for _, cost in one] for one in costs)
    return [
        at_most("a family's invoices, 1,000 in the town", few, "ms", 3),
        at_most("  the same with 1,000,000", many, "ms", 3),
        row("    of which billing", [billing for billing, _ in costs[1]], "ms"),
        at_most("  1,000,000 / 1,000", [b / a for a, b in zip(few, many, strict=True)],
                "ratio", 1.2),
    ]  # fmt: skip


async def _cost(servers: Servers, invoices: int) -> list[tuple[float, float]]:
    """Milliseconds per list, round by round: those of billing, and with the database's."""
    async with service_alone(servers, "billing") as alone:
        families = [Household() for _ in range(FAMILIES)]
        await alone.introduce(town_file(), families)
        await _fill(alone, families, invoices)
        found = [await alone.spent(_list(alone, families)) for _ in range(ROUNDS + 1)][1:]
    return [(1000 * one.service / LISTS, 1000 * one.cpu / LISTS) for one in found]


async def _list(alone: Alone, families: list[Household]) -> None:
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(family: Household) -> None:
        async with limit:
            found = await alone.get("invoices", family)
            assert len(found["items"]) == EACH

    await asyncio.gather(*(one(families[number % FAMILIES]) for number in range(LISTS)))


async def _fill(alone: Alone, families: list[Household], invoices: int) -> None:
    """A year of invoices of each family, ours among many others."""
    others = [Household().id for _ in range(invoices // EACH - len(families))]
    whose = [family.id for family in families] + others
    made: list[Document] = []
    for number in range(len(whose) * EACH):
        made.append(_invoice(whose[number % len(whose)], number + 1))
        if len(made) == _BULK:
            await alone.store.insert_many(_FILL, INVOICES, made)
            made = []
    await alone.store.insert_many(_FILL, INVOICES, made)


def _invoice(family: str, number: int) -> Document:
    day = date(2026, 10, 1).isoformat()
    line = {
        "child": "c", "child_name": "Léa", "activity": "cantine", "activity_name": "Cantine",
        "unit": "unit", "unit_name": "Repas", "tariff": "t", "days": [day], "count": 1,
        "price_cents": 410, "total_cents": 410,
    }  # fmt: skip
    return {
        "_id": new_id(), "town": "veyras", "family": family, "guardian": "g", "kind": "month",
        "month": "2026-09", "request": None, "of": None, "office": "VEY", "year": 2026,
        "sequence": number, "number": f"VEY-2026-{number:06d}", "issued_on": day, "due_on": day,
        "version": 1, "lines": [line], "children": ["c"], "charges": [], "total_cents": 410,
        "run": "bench", "billed": [], "reductions": [], "announced": True, "balance": [],
        "to_pay_cents": 410, "state": "open", "settled_cents": 0, "unpaid_cents": 410,
        "account_v": 1,
    }  # fmt: skip
