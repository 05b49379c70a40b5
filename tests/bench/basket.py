"""A basket of five days for each of two children, with all its checks, in one answer."""

from __future__ import annotations

import asyncio

from tests.bench.alone import AT_ONCE, Alone, school_days, service_alone
from tests.bench.measure import Row, Servers, at_most, row
from tests.samples import Household, activity, places, town_file

ROUNDS = 5
BASKETS = 100
DAYS = 5


async def measure(servers: Servers) -> list[Row]:
    """CPU per basket over several rounds, each for other days."""
    async with service_alone(servers, "booking") as alone:
        file = town_file(
            activities=[activity("garderie", decision="automatic", places=places(2000))]
        )
        families = [Household() for _ in range(BASKETS)]
        await alone.introduce(file, families)
        days = [day.isoformat() for day in school_days(file)][DAYS:]
        found = [
            await alone.spent(_round(alone, families, days[number * DAYS :][:DAYS]))
            for number in range(ROUNDS + 1)
        ][1:]
    per = 1000 / BASKETS
    return [
        at_most("basket of 5 days for 2 children, CPU of booking and database",
                [one.cpu * per for one in found], "ms", 12),
        row("  of which booking", [one.service * per for one in found], "ms"),
        row("  of which database", [one.database * per for one in found], "ms"),
    ]  # fmt: skip


async def _round(alone: Alone, families: list[Household], days: list[str]) -> None:
    limit = asyncio.Semaphore(AT_ONCE)
    tokens = [alone.stage.token(family) for family in families]

    async def one(family: Household, token: str) -> None:
        asked = [
            {"child": child, "activity": "garderie", "units": ["unit"], "day": day}
            for child in family.children for day in days
        ]  # fmt: skip
        async with limit:
            answer = await alone.ask(family, {"family": family.id, "asked": asked}, token)
            assert [line["state"] for line in answer["lines"]] == ["accepted"] * 2 * DAYS, answer

    await asyncio.gather(*(one(*pair) for pair in zip(families, tokens, strict=True)))
