"""``python -m tests.bench [booking|planning|rules …]``: a table of each, and ``bench.json``."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from shared import logs
from tests.bench import (
    basket,
    booking,
    digest,
    events,
    invoices,
    logins,
    memory,
    month_end,
    paper,
    planning,
    portal,
    prices,
    rules,
    year,
)
from tests.bench.measure import Row, servers

BENCHMARKS = {
    "rules": rules.measure,
    "prices": prices.measure,
    "booking": booking.measure,
    "planning": planning.measure,
    "basket": basket.measure,
    "year": year.measure,
    "events": events.measure,
    "digest": digest.measure,
    "logins": logins.measure,
    "memory": memory.measure,
    "paper": paper.measure,
    "invoices": invoices.measure,
    "month-end": month_end.measure,
    "portal": portal.measure,
}


async def main(names: list[str]) -> None:
    """Run the benchmarks named, or all, and print what was measured."""
    logs.configure("bench", "ERROR")
    rows: list[Row] = []
    for name in names or BENCHMARKS:
        async with servers() as running:
            found = await BENCHMARKS[name](running)
        _show(found)
        rows += found
    result = [{**asdict(one), "median": one.median} for one in rows]
    Path("bench.json").write_text(json.dumps(result, ensure_ascii=False, indent=1))


def _show(rows: list[Row]) -> None:
    table = Table("what", "median", "min", "max", "unit", "reach", "met")
    for one in rows:
        table.add_row(
            one.what, f"{one.median:.2f}", f"{min(one.values):.2f}", f"{max(one.values):.2f}",
            one.unit, one.reach, {True: "yes", False: "NO", None: ""}[one.met],
        )  # fmt: skip
    Console(width=130).print(table)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
