"""Documents to print: typst templates, filled with data, as accessible PDF.

A template is a ``.typ`` file beside the service it belongs to, with its data as JSON in
``sys.inputs.data``: text stays text, whatever is in it. Fonts are those inside the library, so
that a document looks the same on every machine. The same data and instant give the same bytes.
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import orjson
import typst

Standard = Literal["ua-1", "a-3a"]
#: Tagged, with title and language: what a screen reader needs. ``ARCHIVED`` may hold attachments.
ACCESSIBLE: tuple[Standard, ...] = ("ua-1",)
ARCHIVED: tuple[Standard, ...] = ("a-3a", "ua-1")

#: Templates import each other from here: ``/shared/letterhead.typ``.
_ROOT = Path(__file__).resolve().parents[1]


class Press:
    """Prints off the event loop, one document at a time, with compilers that stay warm."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="pdf")
        self._compilers: dict[Path, typst.Compiler] = {}

    async def pdf(
        self,
        template: Path,
        data: Mapping[str, Any],
        at: datetime,
        standards: tuple[Standard, ...] = ACCESSIBLE,
    ) -> bytes:
        """The document that ``template`` makes of ``data`` (anything JSON), dated ``at``.

        Raises ``typst.TypstError`` when the template is wrong or keeps not to the standards.
        """
        return await asyncio.get_running_loop().run_in_executor(
            self._worker, self._compile, template, orjson.dumps(printable(data)), at, standards
        )

    async def close(self) -> None:
        """Let what is being printed end, and take no more."""
        await asyncio.to_thread(self._worker.shutdown)

    def _compile(
        self, template: Path, data: bytes, at: datetime, standards: tuple[Standard, ...]
    ) -> bytes:
        compiler = self._compilers.get(template)
        if compiler is None:
            compiler = typst.Compiler(str(template), root=str(_ROOT), ignore_system_fonts=True)
            self._compilers[template] = compiler
        made = compiler.compile(
            format="pdf", sys_inputs={"data": data.decode()}, pdf_standards=list(standards),
            timestamp=int(at.timestamp()),
        )  # fmt: skip
        if not isinstance(made, bytes):
            raise TypeError(f"{template.name} made no single document")
        return made


def printable(value: Any) -> Any:
    """``value`` with each character that the fonts lack replaced: a document is printed whole,
    whatever somebody typed as a name."""
    if isinstance(value, str):
        return _UNPRINTED.sub(_replaced, unicodedata.normalize("NFC", value))
    if isinstance(value, Mapping):
        return {key: printable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [printable(one) for one in value]
    return value


def _replaced(character: re.Match[str]) -> str:
    plain = (one for one in unicodedata.normalize("NFKD", character[0]) if ord(one) in _PRINTED[0])
    return "".join(plain) or "?"


#: What the text font draws of Latin, Greek and Cyrillic, of punctuation and of currencies.
_PRINTED = (
    range(0x20, 0x7F),
    range(0xA0, 0x180),
    range(0x386, 0x387),
    range(0x391, 0x3A2),
    range(0x3A3, 0x3CF),
    range(0x400, 0x460),
    range(0x1E80, 0x1E86),
    range(0x1EA0, 0x1EFA),
    range(0x2010, 0x2028),
    range(0x202F, 0x2031),
    range(0x2039, 0x203B),
    range(0x20AC, 0x20AD),
)
_UNPRINTED = re.compile(
    "[^\n" + "".join(f"{chr(block.start)}-{chr(block.stop - 1)}" for block in _PRINTED) + "]"
)
