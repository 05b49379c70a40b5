"""How the portal looks and greets."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from shared.colours import WHITE, contrast
from shared.contracts.town_file.parts import Part
from shared.png import plain_png

#: The darkest ground on which the accent is written, and the mark of the focus upon it
#: (``services/portal/static/portal.css``).
GROUND, FOCUS = "#f3efe6", "#f0b23a"
#: What WCAG 2.1 AA asks of text, and of what is not text.
_TEXT, _MARK = 4.5, 3.0
LOGO_WIDTH, LOGO_HEIGHT, _LOGO_BYTES = 800, 400, 48 * 1024


def _logo(text: str) -> str:
    """Base64, of the picture alone."""
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("une image PNG en base64 est attendue.") from error
    if len(raw) > _LOGO_BYTES:
        raise ValueError(f"l'image dépasse {_LOGO_BYTES // 1024} Kio.")
    return base64.b64encode(plain_png(raw, width=LOGO_WIDTH, height=LOGO_HEIGHT)).decode()


class PortalSettings(Part):
    """The town's look. ``accent``: the colour of the head, links and buttons, dark enough to be
    read; ``welcome``: what the page before the login says; ``logo``: a PNG in base64, shown on
    white beside the town's name; ``privacy``: what the page about personal data says besides."""

    accent: Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")] | None = None
    welcome: Annotated[str, Field(min_length=1, max_length=600)] | None = None
    privacy: Annotated[str, Field(min_length=1, max_length=4000)] | None = None
    logo: Annotated[str, Field(max_length=2 * _LOGO_BYTES), AfterValidator(_logo)] | None = None

    @field_validator("accent")
    @classmethod
    def _readable(cls, accent: str | None) -> str | None:
        if accent is not None and not readable(accent):
            raise ValueError(
                f"{accent} est trop clair : ce qui est écrit dans cette couleur ne se lirait pas."
            )
        return accent


def readable(accent: str) -> bool:
    """Whether text in this colour, text on it, and the mark of the focus on it can all be seen."""
    text = min(contrast(accent, WHITE), contrast(accent, GROUND))
    return text >= _TEXT and contrast(accent, FOCUS) >= _MARK
