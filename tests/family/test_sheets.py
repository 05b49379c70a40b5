"""Spreadsheets as bytes: CSV and XLSX read alike, hostile files refused within bounds."""

from __future__ import annotations

import csv
import io
import resource
import zipfile
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from services.family.domain import sheets
from services.family.domain.sheets import Unreadable, harmless, plain_cell, rows
from services.family.domain.spreadsheet import COLUMNS
from services.family.domain.writing import written
from tests.family.test_spreadsheet import (
    CHILD,
    CO_HOLDER,
    CONTACT,
    HEADER,
    HOLDER,
    faults,
    read,
)

TEXT = HEADER + HOLDER + CO_HOLDER + CHILD + CONTACT


def workbook(lines: list[list[Any]]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for line in lines:
        sheet.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def typed(cell: str) -> Any:
    """As a person's spreadsheet keeps it: days are days, digits are numbers."""
    if cell == "01/02/2019":
        return datetime(2019, 2, 1)  # noqa: DTZ001
    if cell == "07000":
        return 7000
    if cell == "06 39 98 00 01":
        return 639980001
    return cell or None


def test_a_workbook_says_the_same_as_the_csv_file() -> None:
    lines = [[typed(cell) for cell in line.split(";")] for line in TEXT.splitlines()]
    from_csv, from_xlsx = read(TEXT), read(workbook([*lines, [], [None] * 5]))
    assert from_xlsx.problems == ()
    (one,), (other,) = from_csv.families, from_xlsx.families
    assert other.guardians[0].address == one.guardians[0].address
    assert other.guardians[0].phone == "0639980001"
    assert other.children == one.children
    assert other.children[0].birth_date == date(2019, 2, 1)


def test_a_workbooks_problems_are_told_by_its_lines() -> None:
    lines: list[list[Any]] = [line.split(";") for line in (HEADER + HOLDER).splitlines()]
    child = CHILD.replace(";voir;", ";;").replace("CE1", "XX").rstrip("\n").split(";")
    assert faults(workbook([*lines, [], child])) == [(4, "niveau")]


def repacked(content: bytes, **parts: bytes) -> bytes:
    """A workbook with parts replaced or added; ``__`` in a name stands for a slash."""
    out = io.BytesIO()
    new = {name.replace("__", "/").replace("_xml", ".xml"): body for name, body in parts.items()}
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as fresh,
    ):
        for name in old.namelist():
            fresh.writestr(name, new.pop(name, None) or old.read(name))
        for name, body in new.items():
            fresh.writestr(name, body)
    return out.getvalue()


GOOD = workbook([line.split(";") for line in TEXT.splitlines()])
#: What a file may unpack to here: as the real bound, for less of the machine's time.
MOST = 2 * 1024 * 1024
ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b"><!ENTITY c SYSTEM "file:///etc/passwd">]>'
    "<worksheet>&c;</worksheet>"
)
BOMB = repacked(GOOD, bomb_xml=b"\0" * (MOST + 1))


def lying(content: bytes) -> bytes:
    """The same with a directory that gives every part a size of one byte."""
    out = bytearray(content)
    at = -1
    while (at := out.find(b"PK\x01\x02", at + 1)) >= 0:
        out[at + 24 : at + 28] = (1).to_bytes(4, "little")
    return bytes(out)


HOSTILE = {
    "bomb": BOMB,
    "bomb-that-lies": lying(BOMB),
    "entities": repacked(GOOD, xl__worksheets__sheet1_xml=ENTITIES.encode()),
    "entities-in-utf-16": repacked(GOOD, xl__worksheets__sheet1_xml=ENTITIES.encode("utf-16")),
    "entities-in-strings": repacked(GOOD, xl__sharedStrings_xml=ENTITIES.encode()),
    "no-sheet": repacked(GOOD, xl__workbook_xml=b"<workbook/>"),
    "not-xml": repacked(GOOD, xl__workbook_xml=b"not xml"),
    "too-many-parts": repacked(GOOD, **{f"p{n}_xml": b"" for n in range(sheets.MAX_PARTS)}),
    "half": GOOD[: len(GOOD) // 2],
    "only-zeros": b"PK\x03\x04" + b"\0" * 100,
    "only-the-signature": b"PK\x03\x04",
    "too-long": b";" * (sheets.MAX_BYTES + 1),
    "text-in-utf-16": b"\xff\xfe" + "dossier;personne".encode("utf-16-le"),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_or_broken_file_is_refused_with_a_sentence(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "MAX_UNZIPPED", MOST)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unreadable) as refused:
        list(rows(content))
    assert refused.value.message.endswith((".", "."))
    assert refused.value.line >= 1
    (problem,) = read(content).problems
    assert problem.message == refused.value.message
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 * 1024, "memory stays bounded (KiB)"


def test_too_many_rows_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MAX_ROWS", 3)
    with pytest.raises(Unreadable, match="Plus de 3 lignes"):
        list(rows(b"a;b\n" * 5))
    assert len(list(rows(b"a;b\n" * 4))) == 4


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda some: b"PK\x03\x04" + some))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        found = list(rows(content))
    except Unreadable:
        return
    assert all(line >= 1 and any(cell.strip() for cell in cells) for line, cells in found)


@pytest.mark.parametrize("cell", ["=1+1", "+33 6", "-2", "@SUM(A1)", "\tx", "=cmd|' /C calc'!A0"])
def test_no_cell_is_run_as_a_formula(cell: str) -> None:
    assert harmless(cell).startswith("'")
    assert plain_cell(harmless(cell)) == cell


@given(st.text(max_size=30))
def test_what_is_made_harmless_is_read_back(cell: str) -> None:
    if not (cell.startswith("'") and plain_cell(cell) != cell):
        assert plain_cell(harmless(cell)) == cell


def test_families_are_written_in_the_columns_of_the_import() -> None:
    (family,) = read(TEXT).families
    holder = family.guardians[0].model_copy(update={"last_name": "=2+2", "phone": "+33 6 39"})
    family = family.model_copy(update={"guardians": (holder, *family.guardians[1:])})
    lines = list(
        csv.reader(io.StringIO(written([family], "csv").decode("utf-8-sig")), delimiter=";")
    )
    assert lines[0] == [column.header for column in COLUMNS]
    first = dict(zip(lines[0], lines[1], strict=True))
    assert (first["nom"], first["téléphone"]) == ("'=2+2", "'+33 6 39")
    child = dict(zip(lines[0], lines[3], strict=True))
    assert (child["naissance"], child["droits titulaire"], child["droits co-titulaire"]) == (
        "01/02/2019", "voir, décider, payer", "voir",
    )  # fmt: skip

    book = load_workbook(io.BytesIO(written([family], "xlsx")))
    cells = [list(row) for row in book.worksheets[0].iter_rows()]
    assert [cell.value for cell in cells[0]] == lines[0]
    named = cells[1][lines[0].index("nom")]
    assert (named.value, named.data_type) == ("=2+2", "s")


def test_a_file_taken_away_is_not_taken_for_the_towns_own() -> None:
    (family,) = read(TEXT).families
    assert "personne" in {column for _, column in faults(written([family], "csv"))}
