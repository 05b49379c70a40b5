"""Identity's ``preau`` commands: towns, signing and family keys, agents."""

from __future__ import annotations

import asyncio
import csv
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

import typer

from services.identity.commands.agents import create_agent, reset_second_factor
from services.identity.commands.base import Identity
from services.identity.commands.codes import reseal_all
from services.identity.commands.family_keys import issue_all
from services.identity.commands.towns import load_town
from services.identity.domain.accounts import Person
from services.identity.service import NAME, assemble, load_keys
from services.identity.store import INDEXES, OUTBOXES
from shared.auth import new_private_jwks
from shared.contracts.town_file import TownFile
from shared.errors import Refused
from shared.ids import new_id
from shared.operations import parts_of
from shared.roles import ROLES, Role
from shared.sealing import new_field_keys
from shared.town_files import BadTownFile, json_schema, read_town_file

app = typer.Typer(no_args_is_help=True)
_town = typer.Typer(no_args_is_help=True, help="Town files.")
_keys = typer.Typer(no_args_is_help=True, help="Signing keys and family keys.")
_agent = typer.Typer(no_args_is_help=True, help="Agents' accounts.")
app.add_typer(_town, name="town")
app.add_typer(_keys, name="keys")
app.add_typer(_agent, name="agent")

ResultT = TypeVar("ResultT")
_File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A town file (YAML)")]


@asynccontextmanager
async def identity_of_environment() -> AsyncIterator[Identity]:
    """Identity's collaborators, from the environment; what they say, the running relay says."""
    async with parts_of(NAME) as parts:
        await parts.store.prepare(INDEXES, OUTBOXES)
        identity = assemble(parts)
        await load_keys(identity, parts)
        yield identity


@_town.command("check")
def check_town(file: _File) -> None:
    """Check a town file; every error with its line. Nothing is loaded."""
    read = _read(file)
    typer.echo(f"{file}: a valid file for {read.town}")


@_town.command("load")
def load_town_file(file: _File) -> None:
    """Check a town file and make it the town's rules."""
    read = _read(file)

    async def load() -> int:
        async with identity_of_environment() as identity:
            return await load_town(identity, read)

    typer.echo(f"{read.town}: version {asyncio.run(load())}")


@_town.command("schema")
def town_schema() -> None:
    """Print the JSON Schema of a town file."""
    typer.echo(json_schema(), nl=False)


@_keys.command("new")
def new_keys(
    kid: Annotated[str | None, typer.Option(help="The key's id; by default a fresh one")] = None,
) -> None:
    """Print a fresh private JSON Web Key Set for PREAU_SIGNING_KEYS. Keep it secret."""
    typer.echo(new_private_jwks([kid or new_id()]))


@_keys.command("new-field")
def new_keys_of_fields() -> None:
    """Print a fresh key for PREAU_FIELD_KEYS. Keep it secret, and keep it: without it what it
    sealed is lost."""
    typer.echo(new_field_keys())


@_keys.command("issue-family")
def issue_family_keys(
    town: Annotated[str, typer.Option(help="The town's slug")],
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write there instead of standard output")
    ] = None,
    series: Annotated[
        str, typer.Option(help="The same series gives the same keys; another replaces them")
    ] = "1",
) -> None:
    """A key for every guardian of the town's families, for the letters: one CSV line each."""

    async def issue() -> list[tuple[str, ...]]:
        async with identity_of_environment() as identity:
            return [
                (one.reference, one.family, one.guardian, one.first_name, one.last_name, one.key)
                async for one in issue_all(identity, town, series)
            ]

    rows = asyncio.run(_or_exit(issue()))
    header = ("reference", "family", "guardian", "first_name", "last_name", "key")
    if csv_file is None:
        csv.writer(sys.stdout).writerows([header, *rows])
        return
    csv_file.touch(mode=0o600)
    with csv_file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    typer.echo(f"{len(rows)} keys in {csv_file}")


@_agent.command("add")
def add_agent(
    town: Annotated[str, typer.Option(help="The town's slug")],
    login: Annotated[str, typer.Option(help="Login name")],
    email: Annotated[str, typer.Option(help="Where to write to the agent")],
    role: Annotated[list[str], typer.Option(help=f"One or more of: {', '.join(ROLES)}")],
    first_name: Annotated[str, typer.Option()] = "Agent",
    last_name: Annotated[str, typer.Option()] = "de la commune",
    password_file: Annotated[
        Path | None, typer.Option(exists=True, help="A file that holds the password")
    ] = None,
) -> None:
    """Create an agent, or give more roles to one. Prints a token that sets the first password."""
    unknown = sorted(set(role) - set(ROLES))
    if unknown:
        raise typer.BadParameter(f"unknown roles: {', '.join(unknown)}")
    password = password_file.read_text(encoding="utf-8").strip() if password_file else None
    person = Person(first_name=first_name, last_name=last_name)
    roles = [cast("Role", one) for one in role]

    async def add() -> tuple[str, str | None]:
        async with identity_of_environment() as identity:
            return await create_agent(identity, town, login, email, person, roles, password)

    account, token = asyncio.run(_or_exit(add()))
    typer.echo(f"account {account}")
    if token:
        typer.echo(f"token {token}")


@_agent.command("reset-second-factor")
def reset_factor(
    login: Annotated[str, typer.Option(help="Login name")],
) -> None:
    """Let an account set up a new second factor; its login sessions end. For the only
    administrator of a town, or an agent of several."""

    async def reset() -> str:
        async with identity_of_environment() as identity:
            return await reset_second_factor(identity, login)

    typer.echo(f"account {asyncio.run(_or_exit(reset()))}")


@_agent.command("reseal")
def reseal() -> None:
    """Seal second factors with the first of PREAU_FIELD_KEYS; afterwards the others may go."""

    async def seal_again() -> int:
        async with identity_of_environment() as identity:
            return await reseal_all(identity)

    typer.echo(f"{asyncio.run(_or_exit(seal_again()))} sealed again")


def _read(file: Path) -> TownFile:
    try:
        return read_town_file(file.read_bytes())
    except BadTownFile as error:
        for one in error.errors:
            typer.echo(f"{file}: {one}", err=True)
        raise typer.Exit(1) from error


async def _or_exit(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    try:
        return await work
    except Refused as refused:
        typer.echo(f"{refused.code}: {refused.detail}", err=True)
        raise typer.Exit(1) from refused
