"""French typography."""

from __future__ import annotations

import re

_BREAKABLE = re.compile(r" (?=[:;?!»%€])|(?<=«) | (?=(?:Mo|ko)\b)")


def spaced(text: str) -> str:
    """With non-breaking spaces where French has them: before ``: ; ? ! » % €`` and units, after
    ``«``."""
    return _BREAKABLE.sub("\N{NO-BREAK SPACE}", text)
