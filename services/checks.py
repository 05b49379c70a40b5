"""``preau check``: what must never be, looked for in a live database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import orjson
import typer

from services.billing.checking import check as check_billing
from services.billing.checking import due as charges_due
from services.billing.checking import followed
from services.booking.checking import booked, requests_in_turn, requests_now
from services.booking.checking import check as check_booking
from services.booking.domain.request import Request
from services.registry import BUILDS
from shared.audit_chain import check_chains
from shared.findings import BookedUnit, Check, Finding
from shared.operations import parts_of
from shared.runner import Parts

CHECKS: Mapping[str, Sequence[Check]] = {
    name: (check_chains, *own)
    for name, own in {
        **dict.fromkeys(BUILDS, ()),
        "billing": (check_billing,),
        "booking": (check_booking,),
    }.items()
}

#: How often, and after how many seconds, what looks wrong is looked at again: what booking said is
#: heard within that time.
LOOKS, PAUSE = 12, 0.5

app = typer.Typer()


@app.command()
def check(
    town: Annotated[str | None, typer.Option(help="Only this town's")] = None,
) -> None:
    """Look for what must never be: one JSON object a line for each, and exit code 1.

    Places granted beyond those there are, bookings without a place, places without a booking,
    entries of the audit that were changed or taken away, invoices and accounts that differ, what is
    booked and not charged …
    On a sound database it prints nothing, while the services are at work too.
    """

    async def look() -> int:
        number = 0
        async for service, finding in _all(town):
            typer.echo(orjson.dumps({"service": service, **asdict(finding)}))
            number += 1
        return number

    if asyncio.run(look()):
        raise typer.Exit(1)


async def _all(town: str | None) -> AsyncIterator[tuple[str, Finding]]:
    for service, checks in CHECKS.items():
        async with parts_of(service) as parts:
            for findings in checks:
                async for finding in findings(parts, town):
                    yield service, finding
    async with parts_of("booking") as booking, parts_of("billing") as billing:
        async for finding in charged_as_booked(booking, billing, town):
            yield "billing", finding


async def charged_as_booked(
    booking: Parts, billing: Parts, town: str | None
) -> AsyncIterator[Finding]:
    """Whether what is booked is charged, and what is not booked is not: in towns of which
    billing knows, and whose decisions it has all handled."""

    async def look(some: Sequence[Request]) -> dict[BookedUnit, bool]:
        units = booked(some)  # read before what is charged: what is booked meanwhile is not asked
        due = await charges_due(billing, units)
        return {one: stands for one, stands in units.items() if stands != (one in due)}

    async for some in requests_in_turn(booking, town):
        found = await look(some)
        for _ in range(LOOKS):
            if not found:
                break
            await asyncio.sleep(PAUSE)
            asked = {one.request for one in found}
            left = await requests_now(booking, (one for one in some if one.id in asked))
            again = await look(left)
            found = {one: stands for one, stands in found.items() if again.get(one) == stands}
        heard = await followed(billing) if found else set()
        towns = {one.id: one.town for one in some}
        for unit, stands in sorted(found.items()):
            if towns[unit.request] in heard:
                kind = "booked-and-not-charged" if stands else "charged-and-not-booked"
                yield Finding(
                    kind, f"requests/{unit.request}", {"line": unit.line, "unit": unit.unit}
                )
