"""Files for tests: good ones, bad ones, and how they are sent."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pikepdf
from PIL import Image

from shared.ids import new_id
from tests.world import Answer, World

BASE = "/api/family/v1/veyras"


def image(kind: str = "JPEG", size: tuple[int, int] = (64, 48), **how: Any) -> bytes:
    """A small image."""
    written = BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(written, kind, **how)
    return written.getvalue()


def photograph() -> bytes:
    """A photograph that says where it was taken, by whom, and which way is up."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x013B] = "Photographe Secret"
    exif.get_ifd(0x8825)[2] = (44.0, 55.0, 59.0)
    return image(exif=exif, comment=b"Adresse secrete")


def pdf(pages: int = 1, **how: Any) -> bytes:
    """A PDF of empty pages."""
    with pikepdf.new() as made:
        for _ in range(pages):
            made.add_blank_page()
        written = BytesIO()
        made.save(written, **how)
    return written.getvalue()


def armed_pdf() -> bytes:
    """A PDF that runs scripts, launches, sends, and carries another file, in every place."""
    with pikepdf.new() as made:
        page = made.add_blank_page()
        script = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert('marque')")
        launch = pikepdf.Dictionary(S=pikepdf.Name.Launch, F="marque.exe", Next=script)
        made.attachments["marque.exe"] = b"MZ marque"
        made.Root.OpenAction = made.make_indirect(script)
        made.Root.AA = pikepdf.Dictionary(WC=script)
        made.Root.Names.JavaScript = pikepdf.Dictionary(Names=pikepdf.Array(["un", script]))
        page.obj.AA = pikepdf.Dictionary(O=launch)
        links = [
            pikepdf.Dictionary(
                Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Link,
                Rect=pikepdf.Array([0, 0, 9, 9]), A=action,
            )
            for action in (
                launch,
                pikepdf.Dictionary(S=pikepdf.Name.URI, URI="javascript:marque()"),
                pikepdf.Dictionary(S=pikepdf.Name.URI, URI="https://veyras.example/tarifs"),
            )
        ]  # fmt: skip
        field = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Widget, FT=pikepdf.Name.Tx,
            T="nom", V="Valeur du champ", DA="/Helv 12 Tf 0 g",
            Rect=pikepdf.Array([10, 10, 200, 40]), AA=pikepdf.Dictionary(K=script),
        )  # fmt: skip
        carried = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.FileAttachment,
            Rect=pikepdf.Array([0, 0, 9, 9]), FS=made.attachments["marque.exe"].obj,
        )  # fmt: skip
        page.obj.Annots = pikepdf.Array([*links, made.make_indirect(field), carried])
        made.Root.AcroForm = pikepdf.Dictionary(
            Fields=pikepdf.Array([page.obj.Annots[3]]), NeedAppearances=True, XFA="marque",
        )  # fmt: skip
        written = BytesIO()
        made.save(written)
    return written.getvalue()


def _zeros(mebibytes: int) -> bytes:
    """A deflated stream that comes to so much, without its end."""
    pack = zlib.compressobj(9, wbits=-15)
    block = pack.compress(b"\0" * 2**20) + pack.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\x9c" + block * mebibytes


def inflating_pdf(mebibytes: int = 600) -> bytes:
    """A PDF with one stream that comes to so much."""
    with pikepdf.new() as made:
        page = made.add_blank_page()
        page.obj.Contents = made.make_stream(_zeros(mebibytes), Filter=pikepdf.Name.FlateDecode)
        written = BytesIO()
        made.save(written, compress_streams=False)
    return written.getvalue()


def bomb_of_object_streams(mebibytes: int = 2000) -> bytes:
    """A PDF whose very table of objects comes to so much."""
    packed = _zeros(mebibytes)
    head = b"%PDF-1.7\n"
    objects = (
        b"1 0 obj\n<< /Type /XRef /Size 99999999 /W [1 4 2] /Root 2 0 R "
        b"/Filter /FlateDecode /Length " + str(len(packed)).encode() + b" >>\nstream\n"
        + packed + b"\nendstream\nendobj\n"
    )  # fmt: skip
    return head + objects + b"startxref\n" + str(len(head)).encode() + b"\n%%EOF\n"


async def send(
    running: World,
    token: str | None,
    content: bytes,
    name: str = "certificat.pdf",
    *,
    key: str | None = None,
    base: str = BASE,
) -> Answer:
    """Send a file."""
    headers = {
        "Idempotency-Key": key or new_id(),
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
    }
    if token:
        headers["Authorization"] = f"Bearer {token}"
    url = f"{running.origin}{base}/files"
    async with running.http.post(url, data=BytesIO(content), headers=headers) as got:
        raw = await got.read()
        return Answer(got.status, await got.json(content_type=None) if raw else None, got.headers)
