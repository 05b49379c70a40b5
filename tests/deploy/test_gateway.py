"""The gateway's own configuration, run by a real nginx in front of real HTTP servers."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL

from deploy.local.process import free_port, spawn, terminate
from services.family.domain.sheets import MAX_BYTES
from services.family.domain.uploads import MAX_FILE_BYTES
from tests.world import eventually

CONFIG = Path(__file__).parents[2] / "deploy" / "gateway" / "nginx.conf"
SERVICES = ("identity", "family", "booking", "billing", "notify")
BEHIND = (*SERVICES, "portal")


def nginx() -> str:
    """The program; `make test` installs it."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, "nginx is missing: as root, sh deploy/local/debian-packages.sh nginx"
    return found


class Gateway:
    """A running nginx and the services behind it, which say what they were asked."""

    def __init__(self, port: int, portals: int, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.for_portal = f"http://127.0.0.1:{portals}"
        self.port = port
        self.folder = folder
        self.services: dict[str, TestServer] = {}

    def log(self) -> list[dict[str, Any]]:
        """The lines of the access log."""
        return [json.loads(line) for line in (self.folder / "access").read_text().splitlines()]


def service(name: str, port: int | None = None) -> TestServer:
    """A server that answers what it was asked, as JSON, with the status in ``?status=``."""

    async def echo(request: web.Request) -> web.Response:
        body = await request.read()
        status = int(request.query.get("status", 200))
        seen = {
            "service": name,
            "path": request.raw_path,
            "headers": {name.lower(): value for name, value in request.headers.items()},
            "bytes": len(body),
        }
        extra = {"Retry-After": "7"} if status == 503 else {}
        if policy := request.query.get("policy"):
            extra |= {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff"}
        return web.json_response(seen, status=status, headers={"X-Request-ID": "own", **extra})

    app = web.Application(client_max_size=2**25)
    app.router.add_route("*", "/{path:.*}", echo)
    return TestServer(app, host="127.0.0.1", port=port)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where nginx writes; its workers, who are nobody when run by root, must get there."""
    with tempfile.TemporaryDirectory(prefix="preau-nginx-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@pytest.fixture(scope="module")
async def gateway(folder: Path) -> AsyncIterator[Gateway]:
    port, portals = free_port(), free_port()
    gateway = Gateway(port, portals, folder)
    config = CONFIG.read_text()
    for name in BEHIND:
        server = service(name)
        await server.start_server()
        gateway.services[name] = server
        config, count = re.subn(rf"{name}:8080;", f"127.0.0.1:{server.port};", config)
        assert count == 1, f"the configuration routes {name} once"
    # Only addresses, ports and places differ from what is deployed.
    config = config.replace("listen 8080", f"listen 127.0.0.1:{port}")
    config = config.replace("listen 8081", f"listen 127.0.0.1:{portals}")
    config = config.replace("8081 ", f"{portals} ")
    config = config.replace("/tmp/", f"{folder}/")
    config = config.replace("/dev/stdout", f"{folder}/access")
    config = config.replace("/dev/stderr", f"{folder}/error")
    file = folder / "nginx.conf"
    file.write_text(config)
    process = spawn([nginx(), "-c", str(file), "-g", "daemon off;"], output=folder / "output")
    try:

        async def up() -> bool:
            assert process.poll() is None, (folder / "output").read_text()
            return await listens(port)

        await eventually(up, what="nginx listens")
        yield gateway
    finally:
        process.send_signal(signal.SIGQUIT)
        await asyncio.to_thread(process.wait, 10)
        terminate(process, patience=1)
        for server in gateway.services.values():
            await server.close()


async def listens(port: int) -> bool:
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def problem(answer: aiohttp.ClientResponse, status: int, code: str) -> None:
    """Check an error of the gateway."""
    assert answer.status == status
    assert answer.content_type == "application/problem+json"
    body = await answer.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["type"] == f"urn:preau:problem:{code}"
    assert {"title", "detail"} <= body.keys()


def test_the_configuration_as_deployed_is_valid(folder: Path) -> None:
    checked = subprocess.run(
        [nginx(), "-t", "-q", "-c", str(CONFIG)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert checked.stderr == ""


@pytest.mark.parametrize("name", SERVICES)
async def test_each_service_gets_its_own_paths(
    gateway: Gateway, client: aiohttp.ClientSession, name: str
) -> None:
    url = URL(f"{gateway.url}/api/{name}/v1/ville/%C3%A9t%C3%A9?a=1%2F2&b=..", encoded=True)
    async with client.get(url) as answer:
        seen = await answer.json()
    assert answer.status == 200
    assert seen["service"] == name
    assert seen["path"] == f"/api/{name}/v1/ville/%C3%A9t%C3%A9?a=1%2F2&b=.."


async def test_nothing_but_the_services_is_reached(
    gateway: Gateway, client: aiohttp.ClientSession
) -> None:
    for path in ("/", "/metrics", "/readyz", "/api", "/api/", "/api/rabbitmq/x", "/static"):
        async with client.get(URL(f"{gateway.url}{path}", encoded=True)) as answer:
            await problem(answer, 404, "not-found")
    async with client.get(f"{gateway.url}/problem/503") as answer:
        await problem(answer, 404, "not-found")


@pytest.mark.parametrize(
    "path",
    [
        "/api/booking/../identity/v1",
        "/api/booking/%2e%2e/identity/v1",
        "/api/booking/.%2E/%2e./metrics",
        "/api/booking/..%2f..%2fmetrics",
        "/api/booking/..%5cmetrics",
        "/api/booking/..%2Fmetrics",
        "/api/booking/a\\b",
        "/api/booking/a%00",
        "/api/booking//metrics",
        "/api/booking/a/.",
        "/api/booking/..",
        "/api/booking/..?x",
        "//api/booking/v1",
        "/../../etc/passwd",
    ],
)
async def test_no_crooked_path_reaches_a_service(gateway: Gateway, path: str) -> None:
    status, body = await raw(gateway.port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert status == 400
    assert b"bad-path" in body or b"400 Bad Request" in body


async def test_an_encoded_service_name_is_no_service(gateway: Gateway) -> None:
    request = b"GET /api/%62ooking/v1 HTTP/1.1\r\nHost: x\r\n\r\n"
    status, body = await raw(gateway.port, request)
    assert status == 404
    assert b"not-found" in body


async def test_two_requests_cannot_hide_in_one(gateway: Gateway) -> None:
    smuggled = (
        b"POST /api/booking/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    status, _ = await raw(gateway.port, smuggled)
    assert status == 400


async def raw(port: int, request: bytes) -> tuple[int, bytes]:
    """Send bytes as they are; the status and the rest of the first answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(5):
        status = int((await reader.readline()).split()[1])
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])  # type: ignore[index]
        body = await reader.readexactly(length)
    writer.close()
    return status, body


async def test_a_large_body_is_refused_before_the_service(
    gateway: Gateway, client: aiohttp.ClientSession
) -> None:
    url = f"{gateway.url}/api/booking/v1"
    async with client.post(url, data=io.BytesIO(b"x" * 1_000_000)) as answer:
        assert (await answer.json())["bytes"] == 1_000_000
    async with client.post(url, data=io.BytesIO(b"x" * 1_100_000)) as answer:
        await problem(answer, 413, "body-too-large")


@pytest.mark.parametrize(("what", "most"), [("files", MAX_FILE_BYTES), ("imports", MAX_BYTES)])
async def test_a_file_may_be_larger_than_another_body(
    gateway: Gateway, client: aiohttp.ClientSession, what: str, most: int
) -> None:
    url = f"{gateway.url}/api/family/v1/veyras/{what}"
    async with client.post(url, data=io.BytesIO(b"x" * most)) as answer:
        seen = await answer.json()
        assert seen["bytes"] == most
        assert seen["headers"]["x-real-ip"] == "127.0.0.1"
    async with client.post(url, data=io.BytesIO(b"x" * (most + 1))) as answer:
        await problem(answer, 413, "body-too-large")
    async with client.post(f"{url}/../families", data=io.BytesIO(b"x" * 1_100_000)) as answer:
        assert answer.status in (400, 413)


async def test_a_service_that_is_down_is_a_503(
    gateway: Gateway, client: aiohttp.ClientSession
) -> None:
    down = gateway.services["billing"]
    port = down.port
    await down.close()
    started = time.monotonic()
    async with client.get(f"{gateway.url}/api/billing/v1") as answer:
        await problem(answer, 503, "service-unavailable")
        assert answer.headers.getall("Retry-After") == ["5"]
    assert time.monotonic() - started < 3
    async with client.get(f"{gateway.url}/api/booking/v1") as answer:
        assert answer.status == 200, "the others go on"
    async with client.get(f"{gateway.url}/livez") as answer:
        assert await answer.json() == {"status": "ok"}
    assert gateway.log()[-2]["service"] == "billing"
    gateway.services["billing"] = service("billing", port)
    await gateway.services["billing"].start_server()
    async with client.get(f"{gateway.url}/api/billing/v1") as answer:
        assert answer.status == 200, "found again without a restart of the gateway"


async def test_a_services_own_refusals_pass_as_they_are(
    gateway: Gateway, client: aiohttp.ClientSession
) -> None:
    for status in (400, 401, 404, 409, 413, 422, 429, 500, 503):
        async with client.get(f"{gateway.url}/api/family/v1?status={status}") as answer:
            assert answer.status == status
            assert (await answer.json())["service"] == "family"
    assert answer.headers.getall("Retry-After") == ["7"]


async def test_security_headers_are_on_every_answer(
    gateway: Gateway, client: aiohttp.ClientSession
) -> None:
    paths = ("/livez", "/nothing", "/api/notify/v1", "/api/notify/v1?status=500")
    for path in paths:
        async with client.get(f"{gateway.url}{path}") as answer:
            headers = answer.headers
        assert headers.getall("X-Content-Type-Options") == ["nosniff"]
        assert headers.getall("X-Frame-Options") == ["DENY"]
        assert headers.getall("Referrer-Policy") == ["no-referrer"]
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Strict-Transport-Security"].startswith("max-age=")
        [request_id] = headers.getall("X-Request-ID")
        assert re.fullmatch(r"[0-9a-f]{32}", request_id)
        assert headers["Server"] == "nginx", "no version"


async def test_a_page_of_a_service_says_itself_what_it_may_load(
    gateway: Gateway, client: aiohttp.ClientSession
) -> None:
    own = "default-src 'none'; style-src 'self'"
    async with client.get(f"{gateway.url}/api/notify/docs", params={"policy": own}) as answer:
        assert answer.headers.getall("Content-Security-Policy") == [own]
        assert answer.headers.getall("X-Content-Type-Options") == ["nosniff"]


async def test_a_client_cannot_say_who_it_is_in_the_proxys_name(
    gateway: Gateway, client: aiohttp.ClientSession
) -> None:
    spoofed = {
        "X-Forwarded-For": "10.0.0.1",
        "X-Real-IP": "10.0.0.1",
        "Forwarded": "for=10.0.0.1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Request-ID": "chosen-by-the-client",
        "Cookie": "session=1",
        "Authorization": "Bearer token",
        "Idempotency-Key": "k",
    }
    async with client.get(f"{gateway.url}/api/booking/v1", headers=spoofed) as answer:
        seen = (await answer.json())["headers"]
        told = answer.headers["X-Request-ID"]
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-real-ip"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["x-forwarded-host"] == "127.0.0.1"
    assert seen["x-request-id"] == told != "chosen-by-the-client"
    assert "forwarded" not in seen
    assert "cookie" not in seen
    assert seen["authorization"] == "Bearer token"
    assert seen["idempotency-key"] == "k"


async def test_pages_are_the_portals_which_is_told_who_asks(
    gateway: Gateway, client: aiohttp.ClientSession
) -> None:
    sent = {"X-Forwarded-For": "10.0.0.1", "Cookie": "__Host-a=1", "Authorization": "Bearer t"}
    async with client.get(f"{gateway.url}/veyras/factures?a=1", headers=sent) as answer:
        seen = await answer.json()
        request_id = answer.headers["X-Request-ID"]
    assert (seen["service"], seen["path"]) == ("portal", "/veyras/factures?a=1")
    assert seen["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert seen["headers"]["cookie"] == "__Host-a=1"
    assert "authorization" not in seen["headers"]
    url = f"{gateway.url}/veyras/documents"
    async with client.post(url, data=io.BytesIO(b"x" * 20_000_000)) as answer:
        assert (await answer.json())["bytes"] == 20_000_000
    [line] = [line for line in gateway.log() if line["request_id"] == request_id]
    assert line["service"] == "portal"


async def test_the_portals_own_port_believes_where_a_browser_is(
    gateway: Gateway, client: aiohttp.ClientSession
) -> None:
    told = {"X-Forwarded-For": "203.0.113.7"}
    async with client.get(f"{gateway.for_portal}/api/booking/v1", headers=told) as answer:
        seen = (await answer.json())["headers"]
    assert seen["x-forwarded-for"] == seen["x-real-ip"] == "203.0.113.7"
    async with client.get(f"{gateway.for_portal}/veyras", headers=told) as answer:
        await problem(answer, 404, "not-found")


async def test_the_log_names_no_family(gateway: Gateway, client: aiohttp.ClientSession) -> None:
    async with client.get(
        f"{gateway.url}/api/family/v1/ville/families/zoe-martin?name=Zoe"
    ) as answer:
        request_id = answer.headers["X-Request-ID"]
    # nginx logs a request before it takes the next one of the same connection.
    async with client.get(f"{gateway.url}/api/family/v1"):
        [found] = [line for line in gateway.log() if line["request_id"] == request_id]
    assert found["service"] == "family"
    assert found["status"] == 200
    text = (gateway.folder / "access").read_text()
    assert "zoe-martin" not in text
    assert "Zoe" not in text
    assert "127.0.0.1" not in text


async def test_a_flood_from_one_address_is_slowed(gateway: Gateway) -> None:
    # One connection, many requests at once: nginx counts them as they come.
    request = b"GET /api/booking/v1 HTTP/1.1\r\nHost: x\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(request * 600 + request.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    async with asyncio.timeout(20):
        answers = await reader.read(-1)
    writer.close()
    assert answers.count(b"HTTP/1.1 200") >= 100
    assert answers.count(b"HTTP/1.1 429") >= 100
    assert b"too-many-requests" in answers
    assert b"Retry-After: 1\r\n" in answers
