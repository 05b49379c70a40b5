"""``preau family …``: commands for operators and agents."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from services.family.commands.importing import ImportReport, import_families
from services.family.commands.resealing import Resealed, reseal
from services.family.domain.spreadsheet import COLUMNS
from services.family.service import state_of
from shared.errors import Refused
from shared.operations import parts_of
from shared.sealing import load_own_keys

app = typer.Typer(name="family", help="Dossiers des familles.", no_args_is_help=True)


@app.callback()
def family() -> None:
    """Dossiers des familles."""


def _help() -> str:
    columns = "\n\n".join(
        f"{column.header}{' *' if column.required else ''} : {column.holds}." for column in COLUMNS
    )
    return (
        "Crée et met à jour les familles d'une commune depuis un fichier CSV (« ; », UTF-8) ou"
        " XLSX, une ligne par personne. Au moindre problème, rien n'est enregistré. Les familles"
        " absentes du fichier ne changent pas ; une personne absente de son dossier en est"
        " retirée.\n\n"
        f"Colonnes, dans l'ordre voulu (* colonne obligatoire) :\n\n{columns}"
    )


@app.command("import", help=_help())
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Le fichier.")],
    town: Annotated[str, typer.Option(help="La commune.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Vérifie sans enregistrer.")] = False,
) -> None:
    """Import the families of a town; exit code 1 when the file has a problem."""
    try:
        report = asyncio.run(_import(town, file.read_bytes(), dry_run=dry_run))
    except Refused as refused:
        typer.echo(refused.detail, err=True)
        raise typer.Exit(1) from refused
    for problem in report.problems:
        column = f", colonne « {problem.column} »" if problem.column else ""
        typer.echo(f"ligne {problem.line}{column} : {problem.message}", err=True)
    for alike in report.duplicates:
        typer.echo(
            f"ligne {alike.line} : le dossier {alike.reference} ressemble au dossier {alike.other}"
            f" ({', '.join(alike.reasons)})."
        )
    for notice in report.notices:
        typer.echo(f"ligne {notice.line}, colonne « {notice.column} » : {notice.message}")
    typer.echo(_summary(report))
    if report.problems:
        raise typer.Exit(1)


@app.command("reseal")
def reseal_() -> None:
    """Chiffre à nouveau, avec la première clé de PREAU_FIELD_KEYS, ce que les autres ont chiffré.

    Dossiers, formulaires, regroupements et fichiers ; interrompu, il se relance."""
    done = asyncio.run(_reseal())
    typer.echo(
        f"{done.seen} dossier(s) lu(s), {done.changed} chiffré(s) à nouveau ;"
        f" {done.files} fichier(s) chiffré(s) à nouveau."
    )
    if done.left:
        typer.echo(
            f"{done.left} fichier(s) que rien ne nomme restent chiffrés par une ancienne clé :"
            " ils disparaissent en un jour. Gardez-la jusque-là, ou relancez cette commande."
        )
    else:
        typer.echo("Rien n'est plus chiffré par une ancienne clé : elle peut être retirée.")


async def _reseal() -> Resealed:
    async with parts_of("family") as parts:
        state = state_of(parts)
        await load_own_keys(state.sealer, parts.store, parts.settings)
        return await reseal(state)


async def _import(town: str, content: bytes, *, dry_run: bool) -> ImportReport:
    async with parts_of("family") as parts:
        return await import_families(state_of(parts), town, content, dry_run=dry_run)


def _summary(report: ImportReport) -> str:
    if report.problems:
        return f"{len(report.problems)} problème(s) : rien n'a été enregistré."
    verb = "" if report.stored else " (simulation, rien n'a été enregistré)"
    return (
        f"{report.created} famille(s) créée(s), {report.changed} modifiée(s),"
        f" {report.unchanged} inchangée(s){verb}."
    )
