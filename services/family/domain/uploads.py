"""What families and agents may send: kinds, bounds, names, and each refusal in a sentence."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import timedelta
from pathlib import PurePosixPath, PureWindowsPath
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.errors import Refused

FileKind = Literal["pdf", "jpeg", "png"]
MEDIA_TYPES: dict[FileKind, str] = {
    "pdf": "application/pdf",
    "jpeg": "image/jpeg",
    "png": "image/png",
}
_ENDINGS: dict[FileKind, str] = {"pdf": ".pdf", "jpeg": ".jpg", "png": ".png"}

#: Of a file as it is sent: a photograph of a telephone, a scan of some pages.
MAX_FILE_BYTES = 10 * 1024 * 1024
#: Of an image: checked before a pixel is decoded.
MAX_PIXELS = 50_000_000
#: The longer side of an image as it is kept: an A4 page at 350 points an inch.
LONGEST_SIDE = 4096
MAX_PAGES = 200
MAX_OBJECTS = 100_000
#: What all streams of a PDF may come to, decompressed.
MAX_EXPANDED_BYTES = 256 * 1024 * 1024
#: What nothing names is removed after so long; it may be named until an hour before.
KEPT_UNNAMED = timedelta(hours=24)
NAMED_WITHIN = KEPT_UNNAMED - timedelta(hours=1)
#: One account's files in a day, and what those come to that nothing names yet.
MOST_A_DAY = 100
MOST_WAITING_BYTES = 200 * 1024 * 1024
_LONGEST_NAME = 100

_REFUSALS: dict[str, tuple[int, str]] = {
    "file-empty": (422, "Ce fichier est vide."),
    "file-type": (415, "Ce type de fichier n'est pas admis. Envoyez un PDF, un JPEG ou un PNG."),
    "file-heic": (
        415,
        "Les photos HEIC ne sont pas admises. Sur iPhone : Réglages, Appareil photo, Formats,"
        " « Le plus compatible » ; ou envoyez une copie en JPEG.",
    ),
    "file-damaged": (422, "Ce fichier est abîmé et ne peut pas être lu. Refaites-en une copie."),
    "file-encrypted": (
        422,
        "Ce PDF est protégé par un mot de passe ou des restrictions. Enregistrez-le sans"
        " protection, ou imprimez-le dans un nouveau PDF.",
    ),
    "file-too-complex": (
        422,
        f"Ce fichier est trop lourd à ouvrir : au plus {MAX_PAGES} pages et"
        f" {MAX_PIXELS // 1_000_000} millions de pixels.",
    ),
    "file-infected": (422, "Ce fichier contient un virus : il n'a pas été enregistré."),
}
#: The codes of every refusal of a file.
REFUSALS = (*_REFUSALS, "scanner-unavailable", "too-many-files", "too-many-bytes")


class BadFile(Exception):
    """A file that is not kept; ``code`` is one of ``REFUSALS``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class KeptFile(BaseModel):
    """A file as documents name it. ``size`` in bytes, of the file as it is kept."""

    model_config = ConfigDict(frozen=True)

    id: str
    name: str
    media_type: str
    size: int
    pages: int


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A file as it is kept: rewritten, without anything that runs and without hidden data."""

    kind: FileKind
    content: bytes
    pages: int


def refusal(code: str) -> Refused:
    """The refusal of a bad file, with what to do about it."""
    status, sentence = _REFUSALS[code]
    return Refused(code, sentence, status=status)


def file_name(given: str, kind: FileKind) -> str:
    """The name a file is shown and downloaded under: one line, no path, the ending of what it is.

    Characters that turn the direction of writing would disguise the ending: they are taken out.
    """
    last = PureWindowsPath(PurePosixPath(given).name).name
    kept = "".join(letter for letter in unicodedata.normalize("NFC", last) if letter.isprintable())
    stem = re.sub(r'[<>:"|?*;\\/]+', "-", PurePosixPath(kept.strip(". ")).stem).strip()
    return (stem[:_LONGEST_NAME].strip() or "document") + _ENDINGS[kind]
