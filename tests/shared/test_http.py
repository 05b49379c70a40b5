"""Every way to fail is a problem+json that a person and a program can act on."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.web.problem import MEDIA_TYPE
from tests.shared.conftest import Speaker

KEY = {"Idempotency-Key": "a-key-of-mine"}
JSON = {"Content-Type": "application/json"}
GOOD = {"title": "Cantine"}


def _is_problem(status: int, body: Any, headers: Any, code: str) -> None:
    assert headers["Content-Type"].split(";")[0] == MEDIA_TYPE
    assert body["status"] == status
    assert body["code"] == code
    assert body["type"] == f"urn:preau:problem:{code}"
    assert body["title"]
    assert body["detail"]
    assert headers["X-Request-ID"]
    assert headers["Cache-Control"] == "no-store"


async def test_a_good_request_is_answered(speaker: Speaker) -> None:
    status, body, headers = await speaker.ask("POST", "/orders", json=GOOD, headers=KEY)
    assert (status, body["title"]) == (201, "Cantine")
    again = await speaker.ask("POST", "/orders", json=GOOD, headers=KEY)
    assert again[1]["id"] == body["id"], "the same key is the same act"
    other = await speaker.ask(
        "POST", "/orders", json=GOOD, headers={"Idempotency-Key": "another-key"}
    )
    assert other[1]["id"] != body["id"]
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (b"", ""),
        (b"{", ""),
        (b"[]", ""),
        (b"[" * 1500, ""),
        (b"null", ""),
        (b"{}", "/title"),
        (b'{"title": 3}', "/title"),
        (b'{"title": "x"}', "/title"),
        (b'{"title": "' + b"x" * 41 + b'"}', "/title"),
        (b'{"title": "ok", "day": "2026-02-30"}', "/day"),
        (b'{"title": "ok", "unknown": 1}', "/unknown"),
        (b'{"title": "ok", "a/b~c": 1}', "/a~1b~0c"),
        (b'{"title": "ok", "items": [{"name": "n"}, {"count": 1}]}', "/items/1/name"),
        (b'{"title": "ok", "items": [{"name": "n", "count": -1}]}', "/items/0/count"),
        (b'{"title": "ok", "items": [{}, {}, {}, {}]}', "/items"),
        (b'{"title": "a\\u0000b"}', ""),
        (b'{"title": "a\\ud800b"}', ""),
        (b'{"title": "a\x00b"}', ""),
    ],
)
async def test_bad_bodies_name_the_field(speaker: Speaker, data: bytes, field: str) -> None:
    status, body, headers = await speaker.ask("POST", "/orders", data=data, headers=KEY | JSON)
    assert status == 422
    _is_problem(status, body, headers, "invalid-input")
    assert body.get("field", "") == field or any(e["field"] == field for e in body["errors"])


async def test_every_fault_is_listed_in_french(speaker: Speaker) -> None:
    wrong = {"title": "x", "day": "hier", "items": [{"name": ""}], "other": True}
    _, body, _ = await speaker.ask("POST", "/orders", json=wrong, headers=KEY)
    assert {error["field"]: error["message"] for error in body["errors"]} == {
        "/title": "trop court (au moins 2 caractères).",
        "/day": "une date est attendue (AAAA-MM-JJ).",
        "/items/0/name": "trop court (au moins 1 caractères).",
        "/other": "champ inconnu.",
    }
    _, body, _ = await speaker.ask("POST", "/orders", data=b"{", headers=KEY | JSON)
    assert body["detail"] == "La demande : ce n'est pas du JSON."
    _, body, _ = await speaker.ask("POST", "/orders", data=b"[]", headers=KEY | JSON)
    assert body["detail"] == "La demande : un objet est attendu."


@pytest.mark.parametrize("title", ["Été 🌞", json.dumps("🌞 été")[1:-1], "a\tb\nc", "日本"])
async def test_any_text_may_be_written(speaker: Speaker, title: str) -> None:
    escaped = title if "\\u" in title else json.dumps(title)[1:-1]
    data = f'{{"title": "{escaped}"}}'.encode()
    status, body, _ = await speaker.ask("POST", "/orders", data=data, headers=KEY | JSON)
    assert status == 201
    assert body["title"] == json.loads(f'"{escaped}"')


async def test_bytes_that_are_no_text(speaker: Speaker) -> None:
    data = b'{"title": "\xff\xfe"}'
    status, body, headers = await speaker.ask("POST", "/orders", data=data, headers=KEY | JSON)
    assert status == 400
    _is_problem(status, body, headers, "not-utf-8")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_other_media_types(speaker: Speaker, kind: str) -> None:
    how = KEY | ({"Content-Type": kind} if kind else {})
    status, body, headers = await speaker.ask("POST", "/orders", data=b"{}", headers=how)
    assert status == 415
    _is_problem(status, body, headers, "media-type")


async def test_bodies_are_bounded_declared_or_not(speaker: Speaker) -> None:
    big = b'{"title": "' + b"x" * 2000 + b'"}'

    async def in_pieces() -> Any:
        for start in range(0, len(big), 500):
            yield big[start : start + 500]

    for data in (big, in_pieces(), io.BytesIO(b" " * 1_100_000)):
        status, body, headers = await speaker.ask("POST", "/orders", data=data, headers=KEY | JSON)
        assert status == 413
        _is_problem(status, body, headers, "body-too-large")


@pytest.mark.parametrize("key", [None, "short", "x" * 129, "with space in it", "clé-accentuée"])
async def test_an_idempotency_key_is_compulsory(speaker: Speaker, key: str | None) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}
    status, body, got = await speaker.ask("POST", "/orders", json=GOOD, headers=headers)
    assert status == 400
    _is_problem(status, body, got, "idempotency-key-missing")


@pytest.mark.parametrize("path", ["/nowhere", "/orders/1/2"])
async def test_unknown_addresses(speaker: Speaker, path: str) -> None:
    status, body, headers = await speaker.ask("GET", path)
    assert status == 404
    _is_problem(status, body, headers, "not-found")


async def test_a_town_that_cannot_be(speaker: Speaker) -> None:
    status, body, headers = await speaker.ask(
        "GET", f"{speaker.origin}/api/sample/v1/Veyras!/orders"
    )
    assert status == 404
    _is_problem(status, body, headers, "not-found")


async def test_other_methods_say_which_are_allowed(speaker: Speaker) -> None:
    status, body, headers = await speaker.ask("DELETE", "/orders")
    assert status == 405
    _is_problem(status, body, headers, "method-not-allowed")
    assert set(headers["Allow"].replace(" ", "").split(",")) == {"GET", "POST"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "?/limit"),
        ("limit=many", "?/limit"),
        ("since=yesterday", "?/since"),
        ("colour=green", "?/colour"),
        ("other=1", "?/other"),
        ("tags=%00", None),
        ("%ff=1", None),
        ("%00=1", None),
    ],
)
async def test_bad_queries(speaker: Speaker, query: str, field: str | None) -> None:
    answer = await speaker.raw(
        f"GET /api/sample/v1/veyras/orders?{query} HTTP/1.1\r\n"
        "Host: x\r\nConnection: close\r\n\r\n".encode()
    )
    head, _, tail = answer.partition(b"\r\n\r\n")
    assert b" 422 " in head.splitlines()[0]
    body = json.loads(tail)
    assert body["code"] == "invalid-input"
    assert field is None or body["field"] == field


async def test_good_queries(speaker: Speaker) -> None:
    _, body, _ = await speaker.ask("GET", "/orders?limit=5&tags=a&tags=b&colour=red")
    assert body == {"town": "veyras", "limit": 5, "tags": ["a", "b"]}


@pytest.mark.parametrize(
    ("part", "status"), [("%00", 404), ("%1b", 404), ("%ff", 200), ("%ED%A0%80", 200)]
)
async def test_path_parts_that_are_no_text(speaker: Speaker, part: str, status: int) -> None:
    """Control characters are nobody's id; bytes that are no UTF-8 arrive as they were written."""
    answer = await speaker.raw(
        f"GET /api/sample/v1/veyras/orders/{part} HTTP/1.1\r\n"
        "Host: x\r\nConnection: close\r\n\r\n".encode()
    )
    head, _, tail = answer.partition(b"\r\n\r\n")
    assert f" {status} ".encode() in head.splitlines()[0]
    assert status == 200 or json.loads(tail)["code"] == "not-found"


async def test_refusals_outages_and_bugs(
    speaker: Speaker, capsys: pytest.CaptureFixture[str]
) -> None:
    status, body, headers = await speaker.ask("GET", "/fail/refused")
    assert (status, headers["Retry-After"]) == (409, "7")
    _is_problem(status, body, headers, "full")
    status, body, headers = await speaker.ask("GET", "/fail/store")
    assert (status, headers["Retry-After"]) == (503, "5")
    _is_problem(status, body, headers, "store-unavailable")
    status, body, headers = await speaker.ask("GET", "/fail/bug")
    assert status == 500
    _is_problem(status, body, headers, "server-error")
    assert headers["X-Request-ID"] in body["detail"], "a person can say which request it was"
    assert "secret" not in json.dumps(body)
    assert (await speaker.ask("GET", "/fail/not"))[0] == 204


async def test_a_request_id_is_kept_when_it_is_one(speaker: Speaker) -> None:
    given = {"X-Request-ID": "0123456789-abcdef"}
    assert (await speaker.ask("GET", "/orders", headers=given))[2]["X-Request-ID"] == given[
        "X-Request-ID"
    ]
    odd = {"X-Request-ID": "<script>"}
    assert (await speaker.ask("GET", "/orders", headers=odd))[2]["X-Request-ID"] != "<script>"


async def test_a_file_is_saved_under_its_name_and_runs_nowhere(speaker: Speaker) -> None:
    status, _, headers = await speaker.ask("GET", "/printed/Clés%22de%20Zoé.pdf")
    assert (status, headers["Content-Type"]) == (200, "application/pdf")
    assert headers["Content-Disposition"] == (
        "attachment; filename=\"Cl-s-de-Zo-.pdf\"; filename*=UTF-8''Cl%C3%A9s%22de%20Zo%C3%A9.pdf"
    )
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("attachment; filename=scan.pdf", "scan.pdf"),
        ("attachment; filename*=UTF-8''certificat%20m%C3%A9dical.pdf", "certificat médical.pdf"),
        ("attachment; filename=\"a.pdf\"; filename*=UTF-8''%C3%A9.pdf", "é.pdf"),
        ("attachment; filename*=UTF-8''../x.pdf", ""),
        ("attachment", ""),
        (";;;", ""),
        (None, ""),
    ],
)
async def test_a_file_is_the_body_and_its_name_a_header(
    speaker: Speaker, disposition: str | None, name: str
) -> None:
    headers = {"Idempotency-Key": "k" * 20, "Content-Type": "text/html"}
    if disposition is not None:
        headers["Content-Disposition"] = disposition
    status, answer, _ = await speaker.ask("POST", "/scans", data=b"%PDF" * 3, headers=headers)
    assert (status, answer) == (201, {"id": "12", "title": name})


async def test_no_more_of_a_file_is_read_than_its_route_admits(speaker: Speaker) -> None:
    asked = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked
        for _ in range(10_000):
            asked += 1
            yield b"x" * 1000

    headers = {"Idempotency-Key": "k" * 20}
    with contextlib.suppress(aiohttp.ClientError):
        status, answer, _ = await speaker.ask("POST", "/scans", data=endless(), headers=headers)
        assert (status, answer["code"]) == (413, "body-too-large")
    assert asked < 10_000
    status, _, _ = await speaker.ask("POST", "/scans", data=b"x" * 5000, headers=headers)
    assert status == 201


async def test_few_files_are_in_hand_at_once_and_the_others_wait(speaker: Speaker) -> None:
    headers = {"Idempotency-Key": "k" * 20}

    async def slow(begun: asyncio.Event, end: asyncio.Event) -> AsyncIterator[bytes]:
        yield b"%PDF"
        begun.set()
        await end.wait()

    end = asyncio.Event()
    begun = [asyncio.Event() for _ in range(6)]
    sent = [
        asyncio.create_task(speaker.ask("POST", "/scans", data=slow(one, end), headers=headers))
        for one in begun
    ]
    await asyncio.gather(*(one.wait() for one in begun))
    waits = asyncio.create_task(speaker.ask("POST", "/scans", data=b"%PDF", headers=headers))
    status, _, _ = await speaker.ask("GET", "/orders")
    assert status == 200, "other requests do not wait"
    assert not waits.done()
    end.set()
    assert [answer[0] for answer in await asyncio.gather(*sent, waits)] == [201] * 7


async def test_operations_are_answered(speaker: Speaker) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        status, _, _ = await _text(speaker, path)
        assert status == 200


async def _text(speaker: Speaker, path: str) -> tuple[int, str, Any]:
    async with speaker.http.get(speaker.origin + path) as got:
        return got.status, await got.text(), got.headers


async def test_whatever_is_sent_no_answer_is_a_server_error(speaker: Speaker) -> None:
    loop = asyncio.get_running_loop()
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
    titled = st.fixed_dictionaries({"title": anything}, optional={"items": anything})

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.one_of(st.binary(), st.builds(lambda x: json.dumps(x).encode(), anything | titled)))
    def check(data: bytes) -> None:
        asked = speaker.ask("POST", "/orders", data=data, headers=KEY | JSON)
        status, body, headers = asyncio.run_coroutine_threadsafe(asked, loop).result(10)
        assert status in {201, 400, 413, 422}
        if status != 201:
            _is_problem(status, body, headers, body["code"])

    await asyncio.to_thread(check)
