"""``preau check``: what must never be, looked for in a live database."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import orjson
import typer

from services.billing.checking import check as check_billing
from services.booking.checking import check as check_booking
from services.registry import BUILDS
from shared.audit_chain import check_chains
from shared.findings import Check
from shared.operations import parts_of

CHECKS: Mapping[str, Sequence[Check]] = {
    name: (check_chains, *own)
    for name, own in {
        **dict.fromkeys(BUILDS, ()),
        "billing": (check_billing,),
        "booking": (check_booking,),
    }.items()
}

app = typer.Typer()


@app.command()
def check(
    town: Annotated[str | None, typer.Option(help="Only this town's")] = None,
) -> None:
    """Look for what must never be: one JSON object a line for each, and exit code 1.

    Places granted beyond those there are, bookings without a place, places without a booking,
    entries of the audit that were changed or taken away, invoices and accounts that differ …
    On a sound database it prints nothing, while the services are at work too.
    """

    async def look() -> int:
        number = 0
        for service, checks in CHECKS.items():
            async with parts_of(service) as parts:
                for findings in checks:
                    async for finding in findings(parts, town):
                        typer.echo(orjson.dumps({"service": service, **asdict(finding)}))
                        number += 1
        return number

    if asyncio.run(look()):
        raise typer.Exit(1)
