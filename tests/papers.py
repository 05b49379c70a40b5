"""What a printed document says, page by page, as a reader sees it."""

from __future__ import annotations

import io
import re

import pikepdf

_CODE = r"<([0-9A-Fa-f]+)>"


def pages_of(pdf: bytes) -> list[str]:
    """The text of each page, in the order of its content, without its spaces."""
    with pikepdf.open(io.BytesIO(pdf)) as document:
        return ["".join(_text_of(page).split()) for page in document.pages]


def _text_of(page: pikepdf.Page) -> str:
    written, letters = "", {}
    fonts = {name: _letters(font) for name, font in page.Resources.get("/Font", {}).items()}
    for operands, operator in pikepdf.parse_content_stream(page):
        if str(operator) == "Tf":
            letters = fonts[str(operands[0])]
        elif str(operator) in ("Tj", "TJ"):
            shown = operands[0] if str(operator) == "TJ" else [operands[0]]
            written += "".join(_read(one, letters) for one in shown)
    return written


def _read(shown: object, letters: dict[int, str]) -> str:
    if not isinstance(shown, pikepdf.String):
        return ""
    raw = bytes(shown)
    codes = [int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2)]
    return "".join(letters.get(code, "") for code in codes)


def _letters(font: pikepdf.Object) -> dict[int, str]:
    """Which text each code of a font stands for, by its table for readers."""
    table = font.ToUnicode.read_bytes().decode("latin-1")
    found: dict[int, str] = {}
    for block in re.findall(r"beginbfchar(.*?)endbfchar", table, re.DOTALL):
        for code, text in re.findall(rf"{_CODE}\s*{_CODE}", block):
            found[int(code, 16)] = bytes.fromhex(text).decode("utf-16-be")
    for block in re.findall(r"beginbfrange(.*?)endbfrange", table, re.DOTALL):
        for first, last, text in re.findall(rf"{_CODE}\s*{_CODE}\s*{_CODE}", block):
            for code in range(int(first, 16), int(last, 16) + 1):
                found[code] = chr(int(text, 16) + code - int(first, 16))
    return found
