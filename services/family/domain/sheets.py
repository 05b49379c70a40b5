"""Rows of text from a spreadsheet's bytes, CSV or XLSX, within bounds.

A CSV file as a spreadsheet saves it: ``;`` between cells, UTF-8 with or without a byte order
mark. Of an XLSX file, the first sheet: values as they are shown to a person, formulas' last
results. Nothing in a file makes this read more than ``MAX_UNZIPPED`` bytes or ``MAX_ROWS`` rows.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from openpyxl import load_workbook

MAX_BYTES = 16 * 1024 * 1024
MAX_UNZIPPED = 128 * 1024 * 1024
MAX_PARTS = 300
MAX_ROWS = 100_000
_MAX_COLUMNS = 60
_DELIMITER = ";"
_ZIP = b"PK\x03\x04"
#: The start of a document type declaration, in each encoding that XML parsers must know.
_DOCTYPES = tuple("<!DOCTYPE".encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
_CHUNK = 1024 * 1024

#: What a spreadsheet would take for a formula at the start of a cell (OWASP, CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Unreadable(Exception):
    """The file cannot be read from this line (from 1) on, and why."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


Cells = tuple[int, list[str]]


def rows(content: bytes) -> Iterator[Cells]:
    """Each row that is not empty, the header first, with its line. Raises ``Unreadable``."""
    if len(content) > MAX_BYTES:
        raise Unreadable(1, f"Fichier de plus de {MAX_BYTES // 1024 // 1024} Mio : découpez-le.")
    found = _xlsx(content) if content.startswith(_ZIP) else _csv(content)
    for count, (line, cells) in enumerate(found):
        if count > MAX_ROWS:
            raise Unreadable(line, f"Plus de {MAX_ROWS} lignes : découpez-le.")
        yield line, cells


def harmless(cell: str) -> str:
    """A cell of a CSV file that no spreadsheet runs as a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def plain_cell(cell: str) -> str:
    """What ``harmless`` was given."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


# -- CSV --------------------------------------------------------------------------------------


def _csv(content: bytes) -> Iterator[Cells]:
    lines = csv.reader(
        io.StringIO(_decoded(content), newline=""), delimiter=_DELIMITER, strict=True
    )
    # A quoted cell may span lines: the row is named by its first.
    line = 1
    try:
        for cells in lines:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = lines.line_num + 1
    except csv.Error:
        raise Unreadable(lines.line_num, "Ligne illisible : guillemets mal fermés.") from None


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Unreadable(line, "Ce n'est pas de l'UTF-8 : enregistrez en « CSV UTF-8 ».") from None


def numbers_are_numbers(content: bytes) -> bool:
    """Whether digits may have been typed as a number, and lost their leading zeros."""
    return content.startswith(_ZIP)


# -- XLSX -------------------------------------------------------------------------------------


def _xlsx(content: bytes) -> Iterator[Cells]:
    _check_zip(content)
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        for line, values in enumerate(
            sheet.iter_rows(max_row=MAX_ROWS + 2, max_col=_MAX_COLUMNS, values_only=True), start=1
        ):
            cells = [_text(value) for value in values]
            if any(cell.strip() for cell in cells):
                while not cells[-1].strip():
                    cells.pop()
                yield line, cells
    except Unreadable:
        raise
    except Exception as error:
        # Whatever openpyxl trips over in a file that is not what it says it is.
        raise Unreadable(
            1, "Ce classeur est illisible : enregistrez-le à nouveau en XLSX ou en CSV."
        ) from error


def _check_zip(content: bytes) -> None:
    """Refuse what would unpack to too much, or declares entities; sizes are counted, not
    believed."""
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            if len(parts.infolist()) > MAX_PARTS:
                raise Unreadable(1, "Ce classeur a trop de parties.")
            for part in parts.infolist():
                before = b""
                with parts.open(part) as opened:
                    while chunk := opened.read(_CHUNK):
                        total += len(chunk)
                        if total > MAX_UNZIPPED:
                            raise Unreadable(1, "Ce classeur est trop volumineux : découpez-le.")
                        seen = before + chunk
                        if any(mark in seen for mark in _DOCTYPES):
                            raise Unreadable(1, "Ce classeur contient des entités : refusé.")
                        before = chunk[-32:]
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise Unreadable(1, "Ce classeur est abîmé, ou protégé par un mot de passe.") from error


def _text(value: Any) -> str:
    """A cell as a person sees it: days as JJ/MM/AAAA, whole numbers without a point."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, date | datetime):
        return value.strftime("%d/%m/%Y")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
