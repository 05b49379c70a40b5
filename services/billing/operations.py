"""``preau invoices …``: commands for operators."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated

import typer

from services.billing.commands import preview_month, run_month_by_operator
from services.billing.domain.runs import Outcome
from services.billing.service import state_of
from shared.errors import Refused
from shared.money import euros
from shared.operations import parts_of

app = typer.Typer(name="invoices", help="Factures.", no_args_is_help=True)
_MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")


@app.callback()
def invoices() -> None:
    """Factures."""


def _month(text: str) -> str:
    if not _MONTH.fullmatch(text):
        raise typer.BadParameter("un mois est attendu (AAAA-MM)")
    return text


@app.command("run")
def run(
    town: Annotated[str, typer.Option(help="La commune.")],
    month: Annotated[str, typer.Option(help="Le mois, AAAA-MM.", callback=_month)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compte sans émettre.")] = False,
) -> None:
    """Émet les factures d'un mois terminé ; recommencer n'émet rien deux fois."""
    try:
        outcome = asyncio.run(_run(town, month, dry_run=dry_run))
    except Refused as refused:
        typer.echo(refused.detail, err=True)
        raise typer.Exit(1) from refused
    for line in outcome.lines:
        typer.echo(
            f"laissé de côté ({line.code}) : {line.day} {line.activity}/{line.unit}"
            f" famille {line.family} enfant {line.child}",
            err=True,
        )
    verb = "à émettre" if dry_run else "émise(s)"
    typer.echo(
        f"{outcome.invoices} facture(s) {verb}, {euros(outcome.total_cents)} ;"
        f" {outcome.left_aside} prestation(s) laissée(s) de côté."
    )


async def _run(town: str, month: str, *, dry_run: bool) -> Outcome:
    async with parts_of("billing") as parts:
        billing = state_of(parts)
        if dry_run:
            return await preview_month(billing, town, month)
        done = await run_month_by_operator(billing, town, month)
        if done.outcome is None:
            raise RuntimeError("a month end that was performed has no outcome")
        return done.outcome
