"""Files over HTTP: sent, kept sealed, read again by who sent them, removed when not named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pikepdf
import pytest

from deploy.simulators.clamd import EICAR, Clamd
from services.family.commands import uploads as commands
from services.family.commands.uploads import sweep
from services.family.domain.uploads import MAX_FILE_BYTES, MOST_A_DAY
from services.family.service import build
from services.family.store.uploads import INSERT_UPLOAD, PUT_FILE, UPLOADS
from shared.ids import new_id
from tests.family.files import BASE, image, pdf, photograph, send
from tests.samples import say_town, town_file
from tests.world import Answer, StartWorld, World

SOON = timedelta(seconds=-5)


@pytest.fixture
async def running(start_world: StartWorld) -> AsyncIterator[World]:
    async with start_world({"family": build}) as started:
        await say_town(started, town_file())
        yield started


async def read(running: World, token: str, file: str) -> Answer:
    return await running.call("GET", f"{BASE}/files/{file}", token=token)


async def test_a_file_is_cleaned_kept_sealed_and_read_by_its_sender_alone(running: World) -> None:
    token = running.token()
    sent = await send(running, token, photograph(), "../ma photo.HEIC")
    assert sent.status == 201
    assert (sent.json["name"], sent.json["media_type"]) == ("ma photo.jpg", "image/jpeg")
    back = await read(running, token, sent.json["file"])
    assert back.headers["Content-Type"] == "image/jpeg"
    assert back.headers["Content-Disposition"].startswith("attachment;")
    assert back.headers["X-Content-Type-Options"] == "nosniff"
    assert back.headers["Cache-Control"] == "no-store"
    assert len(back.body) == sent.json["size"]
    assert b"Photographe" not in back.body
    store = running.store("family")
    (entry,) = await store.find("files.files", {})
    pieces = await store.find("files.chunks", {"files_id": entry["_id"]})
    assert back.body[:20] not in b"".join(bytes(piece["data"]) for piece in pieces)
    for other in (running.token(), running.token(roles=("administrator",))):
        assert (await read(running, other, sent.json["file"])).status == 404
    elsewhere = running.token("andancette")
    assert (await read(running, elsewhere, sent.json["file"])).status == 403


async def test_the_same_file_sent_twice_is_kept_once(running: World) -> None:
    token, key = running.token(), new_id()
    content = pdf()
    answers = await asyncio.gather(*(send(running, token, content, key=key) for _ in range(3)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["file"] for answer in answers}) == 1
    assert await running.store("family").count("files.files", {}) == 1
    other = await send(running, token, pdf(2), key=key)
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")


async def test_what_is_too_large_is_refused_before_it_is_read(running: World) -> None:
    token = running.token()
    answer = await send(running, token, b"%PDF-" + b"\0" * MAX_FILE_BYTES)
    assert (answer.status, answer.json["code"]) == (413, "body-too-large")

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_FILE_BYTES // 2**18 + 8):
            yield b"\0" * 2**18

    async with running.http.post(
        f"{running.origin}{BASE}/files", data=endless(),
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": new_id()},
    ) as got:  # fmt: skip
        assert got.status == 413
    assert await running.store("family").count("uploads", {}) == 0


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "file-empty"),
        (b"PK\x03\x04" + b"\0" * 300, 415, "file-type"),
        (b"<html><script>alert(1)</script></html>", 415, "file-type"),
        (image()[:150], 422, "file-damaged"),
        (pdf(encryption=pikepdf.Encryption(owner="o", user="u")), 422, "file-encrypted"),
    ],
    ids=range(5),
)
async def test_a_bad_file_is_refused_with_what_to_do(
    running: World, content: bytes, status: int, code: str
) -> None:
    answer = await send(running, running.token(), content, "facture.pdf")
    assert (answer.status, answer.json["code"]) == (status, code)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    store = running.store("family")
    assert await store.count("uploads", {}) == await store.count("files.files", {}) == 0


async def test_an_account_sends_so_many_files_a_day(running: World) -> None:
    token = running.token(account="a" * 32)
    store = running.store("family")
    now = running.of("family").parts.clock.machine()
    for number in range(MOST_A_DAY):
        await store.insert(
            INSERT_UPLOAD, UPLOADS,
            {"_id": f"{number:032x}", "town": "veyras", "account": "a" * 32, "stored": str(number),
             "uploaded_at": now, "size": 1},
        )  # fmt: skip
    answer = await send(running, token, pdf())
    assert (answer.status, answer.json["code"]) == (429, "too-many-files")
    assert (await send(running, running.token(), pdf())).status == 201


async def test_what_nothing_names_is_removed_and_broken_off_files_too(running: World) -> None:
    token = running.token()
    sent = await send(running, token, pdf())
    store, state = running.store("family"), running.state("family")
    broken = state.uploads._files
    await broken.put(PUT_FILE, new_id(), b"never named")
    await store.delete(PUT_FILE, "files.files", {"filename": {"$ne": None}, "length": {"$lt": 40}})
    await sweep(state)
    assert (await read(running, token, sent.json["file"])).status == 200, "not within the day"
    await sweep(state, SOON)
    assert (await read(running, token, sent.json["file"])).status == 404
    for collection in ("uploads", "files.files", "files.chunks"):
        assert await store.count(collection, {}) == 0, collection


async def test_a_virus_is_refused_and_so_is_everything_while_the_scanner_is_away(
    start_world: StartWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Clamd(anywhere=True) as clamd:
        monkeypatch.setenv("PREAU_CLAMD_URL", clamd.url)
        async with start_world({"family": build}) as running:
            token = running.token()
            assert (await send(running, token, pdf())).status == 201
            infected = await send(running, token, pdf() + EICAR)
            assert (infected.status, infected.json["code"]) == (422, "file-infected")
            await clamd.__aexit__(None, None, None)
            away = await send(running, token, pdf())
            assert (away.status, away.json["code"]) == (503, "scanner-unavailable")
            assert away.headers["Retry-After"] == "60"
            assert await running.store("family").count("uploads", {}) == 1


async def test_nobody_sends_or_reads_without_a_token_of_the_town(running: World) -> None:
    sent = await send(running, running.token(), pdf())
    for token in (None, running.token("andancette"), running.token("andancette", roles=("x",))):
        assert (await send(running, token, pdf())).status in (401, 403)
        path = f"{BASE}/files/{sent.json['file']}"
        assert (await running.call("GET", path, token=token)).status in (401, 403, 404)


async def test_what_waits_unnamed_is_bounded_in_bytes(
    running: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, other = running.token(account="a" * 32), running.token(account="b" * 32)
    size = (await send(running, token, photograph(), "photo.jpg")).json["size"]
    monkeypatch.setattr(commands, "MOST_WAITING_BYTES", size + 100)
    refused = await send(running, token, photograph(), "photo.jpg")
    assert (refused.status, refused.json["code"]) == (413, "too-many-bytes")
    assert "joignez-les" in refused.json["detail"]
    assert (await send(running, other, image(size=(8, 8)), "photo.jpg")).status == 201
