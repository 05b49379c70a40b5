"""PDF files, disarmed and written anew.

Form fields and stamps become part of the page; links to the web and within the file stay, and
so do the tags by which a page is read aloud. Everything that runs, opens, sends or carries
another file is taken out, wherever it stands (ISO 32000-1, 12.6 and 7.11).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pikepdf

from services.family.domain.uploads import (
    MAX_EXPANDED_BYTES,
    MAX_OBJECTS,
    MAX_PAGES,
    MAX_PIXELS,
    BadFile,
    Cleaned,
)

#: Entries that run something or carry files, in whatever dictionary they stand.
_ARMED_KEYS = frozenset(
    {"/AA", "/OpenAction", "/JS", "/JavaScript", "/EmbeddedFiles", "/EF", "/AF", "/XFA",
     "/Collection", "/RichMediaContent", "/RichMediaSettings", "/Requirements"}
)  # fmt: skip
#: Streams may stand in another file.
_ELSEWHERE = ("/F", "/FFilter", "/FDecodeParms")
_HARMLESS_ACTIONS = frozenset({"/GoTo", "/Named", "/URI"})
_ACTIONS = frozenset(
    {"/GoToR", "/GoToE", "/GoToDp", "/GoTo3DView", "/Launch", "/Thread", "/Sound", "/Movie",
     "/Hide", "/SubmitForm", "/ResetForm", "/ImportData", "/JavaScript", "/SetOCGState",
     "/Rendition", "/Trans", "/RichMediaExecute"}
)  # fmt: skip
_SCHEMES = ("https://", "http://", "mailto:", "tel:")
_PIECE = 64 * 1024


def clean_pdf(content: bytes) -> Cleaned:
    """The file anew. Raises ``BadFile``."""
    try:
        opened = pikepdf.open(BytesIO(content))
    except pikepdf.PasswordError as error:
        raise BadFile("file-encrypted") from error
    with opened as pdf:
        if pdf.is_encrypted:
            raise BadFile("file-encrypted")
        if len(pdf.objects) > MAX_OBJECTS or len(pdf.pages) > MAX_PAGES:
            raise BadFile("file-too-complex")
        if not pdf.pages:
            raise BadFile("file-damaged")
        _bound_streams(pdf)
        _flatten(pdf)
        for one in pdf.objects:
            _disarm(one)
        written = BytesIO()
        pdf.save(written, deterministic_id=True)
        return Cleaned("pdf", written.getvalue(), pages=len(pdf.pages))


def _flatten(pdf: pikepdf.Pdf) -> None:
    """Fields and stamps into the pages; of the annotations left, links alone."""
    pdf.generate_appearance_streams()
    pdf.flatten_annotations("screen")
    if "/AcroForm" in pdf.Root:
        del pdf.Root.AcroForm
    for page in pdf.pages:
        if "/Annots" in page:
            links = [one for one in page.Annots if one.get("/Subtype") == "/Link"]
            page.Annots = pikepdf.Array(links)


def _disarm(one: Any) -> None:
    """Take out of an object, and of what lies directly in it, whatever is armed."""
    if isinstance(one, pikepdf.Dictionary | pikepdf.Stream):
        _disarm_entries(one)
        inner = [one.get(key) for key in one.keys()]  # noqa: SIM118 - no mapping of ours
    elif isinstance(one, pikepdf.Array):
        inner = list(one)
    else:
        return
    for value in inner:
        if isinstance(value, pikepdf.Object) and not value.is_indirect:
            _disarm(value)


def _disarm_entries(one: Any) -> None:
    doomed = set(one.keys()) & _ARMED_KEYS
    if isinstance(one, pikepdf.Stream):
        doomed |= {key for key in _ELSEWHERE if key in one}
    action = one.get("/S")
    if isinstance(action, pikepdf.Name) and (
        str(action) in _ACTIONS or (action == "/URI" and not _harmless(one.get("/URI")))
    ):
        doomed = set(one.keys())
    for key in doomed:
        del one[key]


def _harmless(address: Any) -> bool:
    return str(address).strip().lower().startswith(_SCHEMES)


def _bound_streams(pdf: pikepdf.Pdf) -> None:
    """Refuse what would fill the memory of whoever opens it."""
    total = 0
    for one in pdf.objects:
        if not isinstance(one, pikepdf.Stream):
            continue
        if _pixels(one) > MAX_PIXELS:
            raise BadFile("file-too-complex")
        filters = _filters(one)
        if filters.count("/FlateDecode") > 1:
            raise BadFile("file-too-complex")
        if filters[:1] == ["/FlateDecode"]:
            for size in _inflated(one.read_raw_bytes()):
                total += size
                if total > MAX_EXPANDED_BYTES:
                    raise BadFile("file-too-complex")


def _pixels(stream: Any) -> int:
    if stream.get("/Subtype") != "/Image":
        return 0
    return int(stream.get("/Width", 0)) * int(stream.get("/Height", 0))


def _filters(stream: Any) -> list[str]:
    given = stream.get("/Filter")
    if given is None:
        return []
    return [str(one) for one in given] if isinstance(given, pikepdf.Array) else [str(given)]


def _inflated(raw: bytes) -> Iterator[int]:
    """The sizes of the pieces that a stream comes to; what is damaged in it ends it."""
    inflate, rest = zlib.decompressobj(), raw
    try:
        while rest and not inflate.eof:
            yield len(inflate.decompress(rest, _PIECE))
            rest = inflate.unconsumed_tail
    except zlib.error:
        return
