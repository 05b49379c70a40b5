"""French typography."""

from __future__ import annotations

import re

_MONTHS = (
    "janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre"
)  # fmt: skip
_BREAKABLE = re.compile(
    r" (?=[:;?!»%€])|(?<=«) | (?=(?:Mo|ko)\b)|(?<=\d) (?=h\b)|(?<=\d h) (?=\d\d\b)"
    rf"|(?<=\b1er) (?=(?:{_MONTHS})\b)"
)


def spaced(text: str) -> str:
    """With non-breaking spaces where French has them: before ``: ; ? ! » % €`` and units, after
    ``«``, within a time and after the first of a month."""
    return _BREAKABLE.sub("\N{NO-BREAK SPACE}", text)
