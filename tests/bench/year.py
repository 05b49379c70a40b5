"""A whole school year of one child in one request: from the request sent to its answer."""

from __future__ import annotations

import time

from tests.bench.alone import service_alone
from tests.bench.measure import Row, Servers, at_most, row
from tests.samples import Household, activity, places, town_file

ROUNDS = 20
YEAR = {"first": "2026-09-15", "last": "2027-07-02",
        "weekdays": ["monday", "tuesday", "thursday", "friday"]}  # fmt: skip


async def measure(servers: Servers) -> list[Row]:
    """One request after the other; the first makes the sessions, and is not counted."""
    async with service_alone(servers, "booking") as alone:
        file = town_file(
            activities=[activity("garderie", decision="automatic", places=places(2000))]
        )
        families = [Household() for _ in range(ROUNDS + 1)]
        await alone.introduce(file, families)
        times, costs = [], []
        for family in families:
            body = family.asks_all([{"period": YEAR}], activity="garderie")

            async def ask(family: Household = family, body: object = body) -> None:
                started = time.monotonic()
                answer = await alone.ask(family, body)
                times.append(1000 * (time.monotonic() - started))
                assert {line["state"] for line in answer["lines"]} == {"accepted"}
                assert len(answer["lines"]) >= 130

            costs.append(1000 * (await alone.spent(ask())).cpu)
    return [
        at_most("a school year of one child in one request", times[1:], "ms", 150),
        row("  CPU of booking and database, events included", costs[1:], "ms"),
    ]
