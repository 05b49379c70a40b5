"""``preau parked …`` and ``preau republish``: what operators do about events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, TypeVar

import orjson
import typer

from services.registry import BUILDS
from shared import logs
from shared.bus.held import STATES, HeldEvents
from shared.operations import parts_of
from shared.republish import lift_numbers
from shared.republish import republish as say_again
from shared.store import Document

app = typer.Typer(no_args_is_help=True)
_parked = typer.Typer(
    no_args_is_help=True, help="Events that a service could not handle, and holds."
)
app.add_typer(_parked, name="parked")

ResultT = TypeVar("ResultT")


def _known(service: str) -> str:
    if service not in BUILDS:
        raise typer.BadParameter(f"no such service; one of: {', '.join(BUILDS)}")
    return service


_Service = Annotated[str, typer.Option(help="The service that holds them", callback=_known)]
_Ids = Annotated[list[str] | None, typer.Argument(help="Ids, as `list` prints them")]
_All = Annotated[bool, typer.Option("--all", help="Every parked event")]


@_parked.command("list")
def list_held(
    service: _Service,
    town: Annotated[str | None, typer.Option(help="Only this town's")] = None,
    *,
    every_state: Annotated[
        bool, typer.Option("--all", help="Also those that wait for a copy or are tried again")
    ] = False,
) -> None:
    """Print one line each: id, since, state, town, type, reason."""
    states = STATES if every_state else ("parked",)
    for held in _on(service, lambda events: events.list(states, town)):
        typer.echo(_line(held))


@_parked.command("show")
def show(service: _Service, held_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """Print one as JSON: its state, the reason, and the event as it came."""
    held = _on(service, lambda events: events.one(held_id))
    if held is None:
        typer.echo(f"{held_id}: not held by {service}", err=True)
        raise typer.Exit(1)
    whole = {**held, "body": _readable(held["body"])}
    typer.echo(orjson.dumps(whole, option=orjson.OPT_INDENT_2))


@_parked.command("retry")
def retry(service: _Service, ids: _Ids = None, *, every: _All = False) -> None:
    """Have the running service try again, as if for the first time."""
    _each(service, ids, HeldEvents.retry, "due now", every=every)


@_parked.command("drop")
def drop(service: _Service, ids: _Ids = None, *, every: _All = False) -> None:
    """Give parked events up for good; each is logged."""
    logs.configure(service)
    _each(service, ids, HeldEvents.drop, "dropped", every=every)


@app.command()
def republish(
    service: Annotated[str, typer.Argument(callback=_known)],
    town: Annotated[str | None, typer.Option(help="Only this town's")] = None,
    *,
    restored: Annotated[
        bool,
        typer.Option(
            "--restored",
            help="The service's database was restored from an older dump: what it says from now"
            " on counts as newer than all it said before",
        ),
    ] = False,
) -> None:
    """Say a service's current states again, for copies to be rebuilt; the service must run."""

    async def say() -> int:
        async with parts_of(service) as parts:
            built = BUILDS[service](parts)
            try:
                if restored:
                    await lift_numbers(parts.store, built.states, parts.clock.machine())
                return await say_again(parts.store, built.states, town)
            finally:
                if built.close is not None:
                    await built.close()

    typer.echo(f"{asyncio.run(say())} documents said again")


def _on(
    service: str, work: Callable[[HeldEvents], Coroutine[Any, Any, ResultT] | Awaitable[ResultT]]
) -> ResultT:
    async def run() -> ResultT:
        async with parts_of(service) as parts:
            return await work(HeldEvents(parts.store, parts.clock))

    return asyncio.run(run())


def _each(
    service: str,
    ids: list[str] | None,
    act: Callable[[HeldEvents, str], Awaitable[bool]],
    done: str,
    *,
    every: bool,
) -> None:
    if bool(ids) == every:
        raise typer.BadParameter("give ids, or --all")

    async def run(events: HeldEvents) -> list[str]:
        wanted = ids or [held["_id"] for held in await events.list(["parked"])]
        return [one for one in wanted if not await _report(act(events, one), one, done)]

    if _on(service, run):
        raise typer.Exit(1)


async def _report(act: Awaitable[bool], held_id: str, done: str) -> bool:
    ok = await act
    typer.echo(f"{held_id} {done if ok else 'not there, or not parked'}", err=not ok)
    return ok


def _line(held: Document) -> str:
    about = held.get("missing") if held["state"] == "waiting" else held.get("reason")
    fields = (held["state"], held.get("town"), held.get("type"), about)
    return "\t".join([held["_id"], held["since"].isoformat(), *(str(f or "-") for f in fields)])


def _readable(body: bytes) -> Any:
    with contextlib.suppress(orjson.JSONDecodeError):
        return orjson.loads(body)
    return body.decode(errors="replace")
