"""A town's own colour can be read wherever the portal uses it, and its logo is a picture only."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import ValidationError

from services.portal.pages import looks
from services.portal.pages.desk.settings import OWN_ACCENT
from shared.colours import BLACK, WHITE, contrast
from shared.contracts.town_file.portal import FOCUS, GROUND, PortalSettings, readable
from shared.png import plain_png

CSS = (Path(looks.__file__).parents[1] / "static" / "portal.css").read_text()
COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(WHITE, BLACK) == 21
    assert round(contrast("#777777", WHITE), 2) == 4.48
    assert round(contrast("#767676", WHITE), 2) == 4.54


def test_what_is_checked_is_what_the_style_uses() -> None:
    assert f"--accent: {OWN_ACCENT};" in CSS
    assert f"--sun: {FOCUS};" in CSS
    assert f"--sand: {GROUND};" in CSS
    assert ".foot { border-top: 1px solid var(--line); background: var(--sand); }" in CSS
    assert readable(OWN_ACCENT)


@given(COLOURS)
def test_a_colour_that_is_taken_is_read_everywhere(accent: str) -> None:
    if not readable(accent):
        with pytest.raises(ValidationError, match="trop clair"):
            PortalSettings(accent=accent)
        return
    used = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", looks.style_of(accent)))
    assert used["accent"] == PortalSettings(accent=accent).accent
    assert contrast(used["accent"], WHITE) >= 4.5
    assert contrast(used["accent-dark"], used["accent-pale"]) >= 4.5
    assert contrast(used["accent-dark"], GROUND) >= 4.5
    assert contrast("#1c2430", used["accent-pale"]) >= 4.5, "ink on the pale one"


def _png(size: tuple[int, int] = (40, 20)) -> bytes:
    told = PngInfo()
    told.add_text("Comment", "<script>told()</script>")
    written = BytesIO()
    Image.new("RGB", size, "#1d3f8f").save(written, "PNG", pnginfo=told, dpi=(300, 300))
    return written.getvalue()


def test_a_logo_is_its_picture_alone() -> None:
    raw = _png()
    plain = plain_png(raw + b"<html>", width=800, height=400)
    assert b"script" in raw
    assert b"script" not in plain
    assert b"html" not in plain
    shown = Image.open(BytesIO(plain))
    assert (shown.size, shown.getpixel((0, 0))) == ((40, 20), (0x1D, 0x3F, 0x8F))
    assert plain_png(plain, width=800, height=400) == plain


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"<svg onload='x()'/>", "pas une image PNG"),
        (_png()[:-20], "abîmée"),
        (_png().replace(b"IDAT", b"IDAX"), "abîmée"),
        (_png((900, 10)), "800"),
        (_png()[:8], "pas une image PNG"),
    ],
    ids=["svg", "cut short", "altered", "too wide", "empty"],
)
def test_what_is_no_logo_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        plain_png(raw, width=800, height=400)
