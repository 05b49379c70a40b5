"""A PNG with its picture and nothing else, so that it may be served as it is."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: What a picture is made of; texts, profiles, dates and animations are left out.
_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})


def plain_png(raw: bytes, *, width: int, height: int) -> bytes:
    """The picture alone, at most so wide and high. Raises ``ValueError``."""
    chunks = list(_chunks(raw))
    kinds = [kind for kind, _ in chunks]
    if not kinds or kinds[0] != b"IHDR" or kinds[-1] != b"IEND" or b"IDAT" not in kinds:
        raise ValueError("ce n'est pas une image PNG.")
    header = chunks[0][1]
    wide, high = int.from_bytes(header[:4]), int.from_bytes(header[4:8])
    if len(header) != 13 or not (0 < wide <= width and 0 < high <= height):
        raise ValueError(f"une image d'au plus {width} × {height} points est attendue.")
    return _SIGNATURE + b"".join(_written(kind, body) for kind, body in chunks if kind in _KEPT)


def _chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not raw.startswith(_SIGNATURE):
        raise ValueError("ce n'est pas une image PNG.")
    at = len(_SIGNATURE)
    while at < len(raw):
        size, kind = int.from_bytes(raw[at : at + 4]), raw[at + 4 : at + 8]
        body, check = raw[at + 8 : at + 8 + size], raw[at + 8 + size : at + 12 + size]
        if check != zlib.crc32(kind + body).to_bytes(4):
            raise ValueError("cette image PNG est abîmée.")
        yield kind, body
        if kind == b"IEND":
            return
        at += 12 + size


def _written(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)
