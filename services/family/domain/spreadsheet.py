"""The families' spreadsheet: one row per member, read whole or refused whole.

CSV or XLSX (``domain.sheets``), French headers in any order. ``COLUMNS`` says what each column
holds; every problem is told by its line (the header is line 1) and its column. ``domain.writing``
makes the same columns of families.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from services.family.domain.household import Family, plain
from services.family.domain.members import Problem, Row, family_of
from services.family.domain.sheets import Unreadable, numbers_are_numbers, plain_cell, rows

#: Columns of digits, by how many there are.
_LEADING_ZERO = {"code postal": 5, "téléphone": 10}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its header, what its cells hold, whether the header must be there."""

    header: str
    holds: str
    required: bool = False


COLUMNS = (
    Column("dossier", "numéro du dossier famille dans la commune", required=True),
    Column("personne", "numéro de la personne dans le dossier, toujours le même", required=True),
    Column("rôle", "titulaire, co-titulaire, enfant, urgence ou habilité", required=True),
    Column("nom", "nom de famille", required=True),
    Column("prénom", "prénom", required=True),
    Column("naissance", "enfant : date de naissance, JJ/MM/AAAA ou AAAA-MM-JJ", required=True),
    Column("école", "enfant : identifiant de l'école dans le fichier de la commune"),
    Column("niveau", "enfant : TPS, PS, MS, GS, CP, CE1, CE2, CM1, CM2, ULIS, 6E, 5E, 4E ou 3E"),
    Column("droits titulaire", "enfant : vide (tous), aucun, ou parmi voir, décider, payer"),
    Column("droits co-titulaire", "enfant : vide (tous), aucun, ou parmi voir, décider, payer"),
    Column("facturé", "responsable : oui pour qui reçoit les factures (sinon le titulaire)"),
    Column("téléphone", "responsable, et obligatoire pour un contact"),
    Column("courriel", "responsable : adresse électronique"),
    Column("adresse", "responsable : numéro et voie"),
    Column("code postal", "responsable : cinq chiffres"),
    Column("ville", "responsable : commune de résidence"),
    Column("lien", "contact : lien avec les enfants"),
)
_POSITIONS = {column.header: position for position, column in enumerate(COLUMNS)}
_HEADERS = {plain(column.header): column.header for column in COLUMNS}


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file says; its families may be stored only when it has no problem. ``lines``: where
    each reference first stands."""

    families: tuple[Family, ...]
    problems: tuple[Problem, ...]
    lines: Mapping[str, int]


def read(content: bytes, *, town: str, schools: frozenset[str], today: date) -> Sheet:
    """The families in a file, and every problem found. ``today`` bounds the dates of birth."""
    problems: list[Problem] = []
    by_reference: dict[str, list[Row]] = {}
    for row in _rows(content, problems):
        reference = row.reference()
        if reference is not None:
            by_reference.setdefault(reference, []).append(row)
    families = [
        family_of(town, reference, rows, schools, today) for reference, rows in by_reference.items()
    ]
    if not by_reference and not problems:
        problems.append(Problem(1, None, "Le fichier ne contient aucune famille."))
    ordered = sorted(problems, key=lambda one: (one.line, _POSITIONS.get(one.column or "", -1)))
    return Sheet(
        tuple(family for family in families if family is not None),
        tuple(ordered),
        {reference: rows[0].line for reference, rows in by_reference.items()},
    )


def _rows(content: bytes, problems: list[Problem]) -> Iterator[Row]:
    lines = rows(content)
    try:
        headers = _headers(next(lines, (1, []))[1], problems)
        if headers is None:
            return
        for line, cells in lines:
            if len(cells) > len(headers):
                problems.append(Problem(line, None, "Cette ligne a plus de cellules que l'en-tête"
                                        " n'a de colonnes."))  # fmt: skip
                continue
            named = dict(zip(headers, map(plain_cell, cells), strict=False))
            if numbers_are_numbers(content):
                named = {column: _restored(column, cell) for column, cell in named.items()}
            yield Row(line, named, problems)
    except Unreadable as stopped:
        problems.append(Problem(stopped.line, None, stopped.message))


def _restored(column: str, cell: str) -> str:
    """What a spreadsheet made of digits that it took for a number: without their leading zero."""
    digits = _LEADING_ZERO.get(column)
    return cell.zfill(digits) if digits and cell.isdigit() and len(cell) == digits - 1 else cell


def _headers(cells: list[str], problems: list[Problem]) -> list[str] | None:
    """The columns in the file's order; None when they cannot be relied on."""
    found: list[str] = []
    at_fault = len(problems)
    for cell in cells:
        header = _HEADERS.get(plain(cell.strip()))
        if header is None:
            problems.append(Problem(1, cell.strip()[:40] or None, "Colonne inconnue."))
        elif header in found:
            problems.append(Problem(1, header, "Cette colonne figure deux fois."))
        else:
            found.append(header)
    problems.extend(
        Problem(1, column.header, "Cette colonne manque.")
        for column in COLUMNS
        if column.required and column.header not in found
    )
    return found if len(problems) == at_fault else None
