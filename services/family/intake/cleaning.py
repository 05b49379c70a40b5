"""From what was sent to what is kept: by content, never by name."""

from __future__ import annotations

import puremagic

from services.family.domain.uploads import MEDIA_TYPES, BadFile, Cleaned, FileKind
from services.family.intake.images import clean_image
from services.family.intake.pdf import clean_pdf

#: A PDF may begin with other bytes: mail servers and scanners put some there.
_PDF_WITHIN = 1024
_HEIC = frozenset({"image/heic", "image/heif"})
_KINDS = {media_type: kind for kind, media_type in MEDIA_TYPES.items()}


def clean(content: bytes) -> Cleaned:
    """The file anew. Raises ``BadFile``; memory is the worker's to bound."""
    kind = recognised(content)
    try:
        return clean_pdf(content) if kind == "pdf" else clean_image(content, kind)
    except (BadFile, MemoryError):
        raise
    except Exception as error:
        # Whatever a parser says of bytes that nobody vouches for: they cannot be read.
        raise BadFile("file-damaged") from error


def recognised(content: bytes) -> FileKind:
    """What a file is. Raises ``BadFile`` when it is none of those admitted."""
    if not content:
        raise BadFile("file-empty")
    try:
        found = {one.mime_type for one in puremagic.magic_string(content[:_PDF_WITHIN])}
    except puremagic.PureError:
        found = set()
    if found & _HEIC:
        raise BadFile("file-heic")
    for media_type in found & _KINDS.keys():
        return _KINDS[media_type]
    if b"%PDF-" in content[:_PDF_WITHIN]:
        return "pdf"
    raise BadFile("file-type")
