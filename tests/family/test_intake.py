"""What strangers send, cleaned or refused: bounded memory, bounded time, nothing that runs."""

from __future__ import annotations

import io
import random
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable

import pikepdf
import pytest
from PIL import Image

from deploy.simulators.clamd import EICAR, Clamd
from services.family.domain.uploads import MAX_PIXELS, BadFile, file_name
from services.family.intake.pool import Cleaners
from services.family.intake.scanner import Scanner
from services.family.intake.worker import MEMORY_BYTES
from shared.errors import Refused
from tests.family.files import (
    armed_pdf,
    bomb_of_object_streams,
    image,
    inflating_pdf,
    pdf,
    photograph,
)

#: What a worker comes to need at most: the largest image, decoded twice.
MOST_USED = 640 * 2**20


@pytest.fixture(scope="module")
async def cleaners() -> AsyncIterator[Cleaners]:
    pool = Cleaners(count=2, seconds=20)
    yield pool
    await pool.close()


async def refused(cleaners: Cleaners, content: bytes) -> str:
    with pytest.raises(BadFile) as bad:
        await cleaners.clean(content)
    return bad.value.code


async def test_a_photograph_loses_what_it_says_of_its_place_and_stands_upright(
    cleaners: Cleaners,
) -> None:
    given = photograph()
    assert b"Photographe Secret" in given
    cleaned = await cleaners.clean(given)
    for secret in (b"Photographe", b"Adresse", b"Exif"):
        assert secret not in cleaned.content
    with Image.open(io.BytesIO(cleaned.content)) as kept:
        assert kept.format == "JPEG"
        assert kept.size == (48, 64)
        assert not kept.getexif()


async def test_what_follows_an_image_is_left_behind(cleaners: Cleaners) -> None:
    cleaned = await cleaners.clean(image("PNG") + b"<script>marque</script>")
    assert b"marque" not in cleaned.content
    assert cleaned.kind == "png"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
async def test_every_png_is_read(cleaners: Cleaners, mode: str) -> None:
    written = io.BytesIO()
    Image.new(mode, (8, 8)).save(written, "PNG")
    assert (await cleaners.clean(written.getvalue())).kind == "png"


async def test_a_large_photograph_is_kept_at_the_size_of_a_page(cleaners: Cleaners) -> None:
    cleaned = await cleaners.clean(image(size=(6000, 4500)))
    with Image.open(io.BytesIO(cleaned.content)) as kept:
        assert max(kept.size) == 4096


async def test_a_pdf_keeps_its_pages_and_its_links_and_nothing_that_runs(
    cleaners: Cleaners,
) -> None:
    given = armed_pdf()
    cleaned = await cleaners.clean(given)
    with pikepdf.open(io.BytesIO(cleaned.content)) as kept:
        whole = kept.pages[0].obj.unparse(resolved=True)
        texts = b"".join(
            one.unparse(resolved=True)
            + (one.read_bytes() if isinstance(one, pikepdf.Stream) else b"")
            for one in kept.objects
        )
        assert b"marque" not in texts
        for armed in (b"/JavaScript", b"/JS", b"/Launch", b"/AA", b"/OpenAction", b"/EmbeddedFile",
                      b"/XFA", b"/AcroForm", b"/FileAttachment"):  # fmt: skip
            assert armed not in texts, armed
        assert b"https://veyras.example/tarifs" in texts
        assert b"/Annots" in whole
        assert b"Valeur du champ" in texts, "what was filled in is on the page"
    assert cleaned.pages == 1


async def test_a_tagged_pdf_stays_tagged(cleaners: Cleaners) -> None:
    with pikepdf.open(io.BytesIO(pdf())) as made:
        made.Root.MarkInfo = pikepdf.Dictionary(Marked=True)
        made.Root.StructTreeRoot = made.make_indirect(
            pikepdf.Dictionary(Type=pikepdf.Name.StructTreeRoot)
        )
        made.Root.Lang = "fr"
        written = io.BytesIO()
        made.save(written)
    cleaned = await cleaners.clean(written.getvalue())
    with pikepdf.open(io.BytesIO(cleaned.content)) as kept:
        assert "/StructTreeRoot" in kept.Root
        assert kept.Root.Lang == "fr"


def archive() -> bytes:
    """A zip bomb of the usual kind."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("facture.pdf", b"\0" * 50_000_000)
    return written.getvalue()


def png_bomb() -> bytes:
    """A PNG of a few kilobytes that says it has a billion pixels."""
    good = bytearray(image("PNG"))
    good[16:24] = (40_000).to_bytes(4, "big") + (30_000).to_bytes(4, "big")
    good[29:33] = zlib.crc32(good[12:29]).to_bytes(4, "big")
    return bytes(good)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "file-empty"),
        (b"bonjour", "file-type"),
        (b"<svg onload='alert(1)'/>", "file-type"),
        (b"MZ" + b"\0" * 200, "file-type"),
        (b"GIF89a" + b"\0" * 200, "file-type"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "file-heic"),
        (image("JPEG")[:200], "file-damaged"),
        (image("PNG")[:60], "file-damaged"),
        (pdf()[:120], "file-damaged"),
        (b"%PDF-1.7\n%%EOF", "file-damaged"),
        (pdf(encryption=pikepdf.Encryption(owner="o", user="u")), "file-encrypted"),
        (pdf(encryption=pikepdf.Encryption(owner="o", user="")), "file-encrypted"),
        (pdf(pages=201), "file-too-complex"),
        (png_bomb(), "file-too-complex"),
        (archive(), "file-type"),
        (EICAR, "file-type"),
    ],
    ids=range(16),
)
async def test_what_cannot_be_kept_is_refused_by_its_reason(
    cleaners: Cleaners, content: bytes, code: str
) -> None:
    assert await refused(cleaners, content) == code


@pytest.mark.parametrize("bomb", [inflating_pdf, bomb_of_object_streams])
async def test_a_bomb_costs_no_more_than_a_file_may(bomb: Callable[[], bytes]) -> None:
    hasty = Cleaners(count=1, seconds=8)
    assert await refused(hasty, bomb()) in ("file-too-complex", "file-damaged")
    assert (await hasty.clean(image())).kind == "jpeg", "the next one is cleaned"
    assert hasty.peak_kib * 1024 < MEMORY_BYTES
    await hasty.close()


async def test_two_hundred_malformed_files_hurt_nobody() -> None:
    """Bytes flipped, cut, repeated: each is cleaned or refused, and the next one is still read."""
    cleaners = Cleaners(count=2)
    chance = random.Random(7)
    good = [image("JPEG"), image("PNG"), pdf(3), armed_pdf(), photograph()]
    outcomes: dict[str, int] = {}
    for number in range(200):
        content = bytearray(good[number % len(good)])
        for _ in range(chance.randint(1, 30)):
            content[chance.randrange(8, len(content))] = chance.randrange(256)
        if number % 3 == 0:
            start = chance.randrange(8, len(content))
            del content[start : start + chance.randrange(1, 200)]
        if number % 7 == 0:
            content += content[chance.randrange(len(content)) :] * 3
        try:
            outcome = (await cleaners.clean(bytes(content))).kind
        except BadFile as bad:
            outcome = bad.code
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert sum(outcomes.values()) == 200
    assert outcomes["file-damaged"] > 20
    assert (await cleaners.clean(pdf())).pages == 1
    assert cleaners.peak_kib * 1024 < MOST_USED
    await cleaners.close()


async def test_the_largest_image_admitted_stays_within_bounds() -> None:
    alone = Cleaners(count=1)
    side = int(MAX_PIXELS**0.5)
    written = io.BytesIO()
    Image.new("RGBA", (side, side)).save(written, "PNG", compress_level=1)
    cleaned = await alone.clean(written.getvalue())
    await alone.close()
    assert cleaned.kind == "png"
    assert alone.peak_kib * 1024 < MOST_USED


async def test_a_worker_that_hangs_is_replaced() -> None:
    hasty = Cleaners(count=1, seconds=0.001)
    assert await refused(hasty, image()) == "file-too-complex"
    await hasty.close()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("certificat médical.PDF", "certificat médical.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\Zoé\\scan.jpeg.exe", "scan.jpeg.pdf"),
        ("facture\u202efdp.exe", "facturefdp.pdf"),
        ('a"b\r\nSet-Cookie: x', "a-bSet-Cookie- x.pdf"),
        ("", "document.pdf"),
        ("...", "document.pdf"),
        ("é" * 300, "é" * 100 + ".pdf"),
    ],
)
def test_a_name_is_one_line_and_ends_as_what_it_is(given: str, kept: str) -> None:
    assert file_name(given, "pdf") == kept


async def test_the_scanner_finds_passes_and_lets_nothing_in_while_it_is_away() -> None:
    await Scanner(None).check(EICAR)
    async with Clamd(stream_max_length=100_000) as clamd:
        scanner = Scanner(clamd.url)
        await scanner.check(b"bonjour")
        with pytest.raises(BadFile) as found:
            await scanner.check(EICAR)
        assert found.value.code == "file-infected"
        with pytest.raises(Refused) as too_long:
            await scanner.check(b"\0" * 200_000)
        assert too_long.value.status == 503
        url = clamd.url
    with pytest.raises(Refused) as away:
        await Scanner(url).check(b"bonjour")
    assert (away.value.code, away.value.retry_after) == ("scanner-unavailable", 60)
