"""Families as a spreadsheet, for a town to take away: the columns of ``domain.spreadsheet``.

A member's number is the id it has here, which no import takes for a number of the town's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Literal

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from services.family.domain.household import Child, Contact, Family, Guardian
from services.family.domain.sheets import harmless
from services.family.domain.spreadsheet import COLUMNS

Format = Literal["csv", "xlsx"]
MEDIA_TYPES: dict[Format, str] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
HEADERS = tuple(column.header for column in COLUMNS)
_ROLES = {"holder": "titulaire", "co_holder": "co-titulaire"}
_CONTACTS = {"emergency": "urgence", "authorised_collector": "habilité"}


def written(families: Iterable[Family], form: Format) -> bytes:
    """The file."""
    return _csv(families) if form == "csv" else _xlsx(families)


def _csv(families: Iterable[Family]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEADERS)
    for family in families:
        writer.writerows([harmless(cell) for cell in cells] for cells in _rows(family))
    return text.getvalue().encode("utf-8-sig")


def _xlsx(families: Iterable[Family]) -> bytes:
    """Every cell is text, which a spreadsheet shows and does not run."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("familles")
    sheet.append(HEADERS)
    for family in families:
        for cells in _rows(family):
            row = []
            for text in cells:
                cell = WriteOnlyCell(sheet, text or None)
                if text:
                    cell.data_type = "s"
                row.append(cell)
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _rows(family: Family) -> Iterator[list[str]]:
    for guardian in family.guardians:
        yield _row(family, guardian, _ROLES[guardian.role], **_of_guardian(guardian))
    for child in family.children:
        yield _row(family, child, "enfant", **_of_child(family, child))
    for contact in family.contacts:
        yield _row(
            family, contact, _CONTACTS[contact.kind], téléphone=contact.phone or "",
            lien=contact.relation or "",
        )  # fmt: skip


def _row(family: Family, one: Guardian | Child | Contact, role: str, **more: str) -> list[str]:
    cells = {
        "dossier": family.reference, "personne": one.id, "rôle": role, "nom": one.last_name,
        "prénom": one.first_name, **{name.replace("_", " "): value for name, value in more.items()},
    }  # fmt: skip
    return [cells.get(header, "") for header in HEADERS]


def _of_guardian(one: Guardian) -> dict[str, str]:
    at = one.address
    return {
        "facturé": "oui" if one.invoiced else "non",
        "téléphone": one.phone or "",
        "courriel": one.email or "",
        "adresse": at.street if at else "",
        "code_postal": at.postcode if at else "",
        "ville": at.city if at else "",
    }


def _of_child(family: Family, child: Child) -> dict[str, str]:
    rights = {
        "droits titulaire": _rights(family, "holder", child.id),
        "droits co-titulaire": _rights(family, "co_holder", child.id),
    }
    return {
        "naissance": child.birth_date.strftime("%d/%m/%Y"),
        "école": child.school or "",
        "niveau": child.level or "",
        **rights,
    }


def _rights(family: Family, role: str, child: str) -> str:
    """The rights of who has that role, in the words of the import; empty when nobody does."""
    guardian = next((one for one in family.guardians if one.role == role), None)
    if guardian is None:
        return ""
    right = next((one for one in guardian.rights if one.child == child), None)
    named = [] if right is None else [
        word
        for word, has in (("voir", right.see), ("décider", right.decide), ("payer", right.pay))
        if has
    ]  # fmt: skip
    return ", ".join(named) or "aucun"
