"""Printed documents: text stays text, the same bytes again, accessible, never stopped by a name."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from shared.pdf import _PRINTED, ARCHIVED, Press, printable

NOTE = Path(__file__).parent / "templates" / "note.typ"
AT = datetime(2026, 9, 14, 8, tzinfo=UTC)


@pytest.fixture
async def press() -> AsyncIterator[Press]:
    press = Press()
    yield press
    await press.close()


def note(*texts: str, title: str = "Une lettre") -> dict[str, Any]:
    contact = {"service": "Enfance", "telephone": "04", "email": "e@v.example", "hours": "le matin"}
    notes = [{"to": ["Zoé Ünal", "2 rue Haute"], "text": text} for text in texts]
    return {"title": title, "town": {"name": "Veyras", "contact": contact}, "notes": notes}


async def test_a_document_is_accessible_and_dated(press: Press) -> None:
    made = await press.pdf(NOTE, note("Bonjour", "Au revoir"), AT)
    with pikepdf.open(io.BytesIO(made)) as pdf:
        assert len(pdf.pages) == 2
        assert pdf.Root.MarkInfo.Marked
        assert str(pdf.Root.Lang) == "fr-FR"
        assert bool(pdf.Root.ViewerPreferences.DisplayDocTitle)
        with pdf.open_metadata() as metadata:
            assert metadata["pdfuaid:part"] == "1"
            assert metadata["dc:title"] == "Une lettre"
            assert metadata["xmp:CreateDate"].startswith("2026-09-14")


async def test_an_archived_document_says_so(press: Press) -> None:
    made = await press.pdf(NOTE, note("Bonjour"), AT, ARCHIVED)
    with pikepdf.open(io.BytesIO(made)) as pdf, pdf.open_metadata() as metadata:
        assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "A")
        assert metadata["pdfuaid:part"] == "1"


async def test_the_same_data_gives_the_same_bytes(press: Press) -> None:
    twice = await asyncio.gather(*(press.pdf(NOTE, note("Bonjour"), AT) for _ in range(2)))
    assert twice[0] == twice[1]
    assert await press.pdf(NOTE, note("Bonsoir"), AT) != twice[0]


@pytest.mark.parametrize(
    "text",
    ['#read("/shared/pdf.py")', "*gras* $x$ <etiquette> @renvoi", '"]) #panic() //', "\\ \\u{41}"],
)
async def test_text_is_never_read_as_a_template(press: Press, text: str) -> None:
    plain = await press.pdf(NOTE, note("x" * len(text)), AT)
    made = await press.pdf(NOTE, note(text), AT)
    assert abs(len(made) - len(plain)) < 6000, "printed as typed, nothing else"


async def test_every_character_kept_can_be_printed(press: Press) -> None:
    everything = "".join(chr(code) for block in _PRINTED for code in block)
    assert await press.pdf(NOTE, note(everything, title=everything), AT, ARCHIVED)


@pytest.mark.parametrize(
    ("typed", "printed"),
    [("Zoe\u0308 Ørsted", "Zoë Ørsted"), ("李 雷", "? ?"), ("🌞", "?"), ("Nguyễn", "Nguyễn"),
     ("ﬁn", "fin"), ("Ⅳ", "IV"), ("سارة", "????")],
)  # fmt: skip
async def test_a_name_in_any_script_stops_no_letter(press: Press, typed: str, printed: str) -> None:
    assert printable({"to": [typed], "n": 1}) == {"to": [printed], "n": 1}
    assert await press.pdf(NOTE, note(typed), AT)
