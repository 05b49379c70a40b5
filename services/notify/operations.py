"""``preau digest``: what a window would hold."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import orjson
import typer

from services.notify.commands import digests
from services.notify.service import state
from shared.operations import parts_of

app = typer.Typer(no_args_is_help=True)


@app.command()
def digest(
    town: Annotated[str, typer.Option(help="The town's slug")],
    window: Annotated[str, typer.Option(help="Its cut-off on the town's clock: 2026-09-14T13:00")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would go; nothing is written")
    ] = False,
) -> None:
    """Print what the digest of a window to come would hold, by family."""
    if not dry_run:
        raise typer.BadParameter("digests go by themselves: only --dry-run is possible")

    async def ask() -> dict[str, Any]:
        async with parts_of("notify") as parts:
            return await digests.dry_run(state(parts), town, window)

    typer.echo(orjson.dumps(asyncio.run(ask()), option=orjson.OPT_INDENT_2))
