"""Images, decoded and encoded anew: no EXIF (a telephone writes where one lives), nothing after
the end, no more pixels than a page needs."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageOps

from services.family.domain.uploads import (
    LONGEST_SIDE,
    MAX_PIXELS,
    BadFile,
    Cleaned,
    FileKind,
)

#: Ours is the bound: the library only warns.
Image.MAX_IMAGE_PIXELS = None
_QUALITY = 88
_TO_GREY = 1 / 256


def clean_image(content: bytes, kind: FileKind) -> Cleaned:
    """The image anew. Raises ``BadFile``."""
    with Image.open(BytesIO(content), formats=(kind.upper(),)) as opened:
        width, height = opened.size
        if width * height > MAX_PIXELS:
            raise BadFile("file-too-complex")
        image = _plain(opened, kind)
    image.info.clear()
    written = BytesIO()
    if kind == "jpeg":
        image.save(written, "JPEG", quality=_QUALITY)
    else:
        image.save(written, "PNG")
    return Cleaned(kind, written.getvalue(), pages=1)


def _plain(opened: Image.Image, kind: FileKind) -> Image.Image:
    """Upright, in grey or colours, within the longest side."""
    if kind == "jpeg":  # decoded small at once, where the file says how
        opened.draft(None, (LONGEST_SIDE, LONGEST_SIDE))
    ImageOps.exif_transpose(opened, in_place=True)
    image: Image.Image = opened
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda grey: grey * _TO_GREY).convert("L")
    transparent = kind == "png" and (
        image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    )
    wanted = "RGBA" if transparent else "L" if image.mode in ("1", "L") else "RGB"
    if image.mode != wanted:
        image = image.convert(wanted)
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return image
