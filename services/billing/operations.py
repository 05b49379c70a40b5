"""``preau invoices …`` for operators; ``preau payfip …`` asks how PayFiP knows a town;
``preau price …``: a town tries its prices before publishing them, without a database."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer
from pydantic import ValidationError

from services.billing.commands.mandates import reseal
from services.billing.commands.month_ends import preview_month, run_month_by_operator
from services.billing.domain.payfip import Fault, NoAnswer, OfficeName
from services.billing.domain.prices.book import PriceBook
from services.billing.domain.prices.facts import Facts
from services.billing.domain.runs import Outcome
from services.billing.service import state_of
from services.billing.trying import explained, unknown_names
from shared.days import Days
from shared.errors import Refused
from shared.faults import sentence
from shared.holidays import FrenchHolidays
from shared.money import euros
from shared.operations import parts_of
from shared.outgoing import Outgoing
from shared.sealing import load_own_keys
from shared.town_files import BadTownFile, read_town_file

app = typer.Typer(no_args_is_help=True)
_invoices = typer.Typer(no_args_is_help=True, help="Factures.")
_prices = typer.Typer(no_args_is_help=True, help="Try a town's prices.")
app.add_typer(_invoices, name="invoices")
_payfip = typer.Typer(no_args_is_help=True, help="PayFiP.")
app.add_typer(_prices, name="price")
app.add_typer(_payfip, name="payfip")
_debits = typer.Typer(no_args_is_help=True, help="Prélèvements.")
app.add_typer(_debits, name="direct-debit")
_MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")


def _month(text: str) -> str:
    if not _MONTH.fullmatch(text):
        raise typer.BadParameter("un mois est attendu (AAAA-MM)")
    return text


@_invoices.command("run")
def run_month(
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


@_payfip.command("check")
def check_payfip(town: Annotated[str, typer.Option(help="La commune.")]) -> None:
    """Demande à PayFiP sous quel nom il connaît la régie."""
    said = asyncio.run(_office(town))
    match said:
        case OfficeName():
            typer.echo(f"{said.numcli} : {', '.join(said.lines)}")
            return
        case Fault():
            typer.echo(f"PayFiP refuse : {said.code} {said.label}", err=True)
        case NoAnswer():
            typer.echo("PayFiP ne répond pas.", err=True)
        case None:
            typer.echo("Cette commune n'a pas de numéro de client PayFiP.", err=True)
    raise typer.Exit(1)


async def _office(town: str) -> OfficeName | Fault | NoAnswer | None:
    async with parts_of("billing") as parts:
        outgoing = Outgoing()
        billing = state_of(parts, outgoing)
        try:
            registered = (await billing.towns.get(town)).file.collection_office.payfip
            if registered is None:
                return None
            return await billing.payfip.office(registered.client_number)
        finally:
            await outgoing.close()


@_debits.command("reseal")
def reseal_() -> None:
    """Chiffre à nouveau, avec la première clé de PREAU_FIELD_KEYS, ce que les autres ont chiffré ;
    interrompu, il se relance."""
    seen, changed = asyncio.run(_reseal())
    typer.echo(
        f"{seen} mandat(s) ou demande(s) lu(s), {changed} écrit(s) à nouveau, fichiers compris."
    )


async def _reseal() -> tuple[int, int]:
    async with parts_of("billing") as parts:
        billing = state_of(parts)
        await load_own_keys(billing.sealer, parts.store, parts.settings)
        return await reseal(billing)


# -- prices --------------------------------------------------------------------------------

_File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A town file")]


@_prices.command("check")
def check_prices(file: _File) -> None:
    """Check a town file, its grids too: every hole and overlap as an exact range."""
    book = _price_book(file)
    typer.echo(f"{file}: the {len(book.file.tariffs)} prices of {book.file.name} are valid")


@_prices.command()
def explain(
    town: Annotated[Path, typer.Option("--town", exists=True, dir_okay=False, help="A town file")],
    facts: Annotated[
        Path, typer.Option("--facts", exists=True, dir_okay=False, help="What is known, as JSON")
    ],
) -> None:
    """What does this cost, by which rule and why?"""
    book = _price_book(town)
    typer.echo(orjson.dumps(explained(book, _facts(facts, book)), option=orjson.OPT_INDENT_2))


def _price_book(file: Path) -> PriceBook:
    try:
        read = read_town_file(file.read_bytes())
    except BadTownFile as bad:
        sys.exit("\n".join(f"{file}: {error}" for error in bad.errors))
    return PriceBook.of(read, Days(read, FrenchHolidays()))


def _facts(file: Path, book: PriceBook) -> Facts:
    try:
        facts = Facts.model_validate_json(file.read_bytes())
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {sentence(one)}" for one in error.errors()]
    else:
        faults = [_unknown(where, name) for where, name in unknown_names(book, facts)]
    if faults:
        sys.exit("\n".join(f"{file}: {fault}" for fault in faults))
    return facts


def _unknown(where: str, name: str) -> str:
    among = "among `children`" if where.endswith(".child") else "in the town file"
    return f"{where}: {name!r} is not {among}"
