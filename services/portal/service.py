"""Wiring of the portal, alone in a process or beside services in one."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop
from aiohttp import ClientSession, DummyCookieJar, hdrs, web

from services.portal.gateway import Gateway
from services.portal.languages.catalogues import languages
from services.portal.pages import PAGES
from services.portal.rendering import Pages
from services.portal.serving import SECURITY_HEADERS, nowhere, page_routes
from services.portal.sessions import Seals
from services.portal.settings import Settings
from services.portal.towns import Towns
from services.portal.web import Portal
from shared import logs

_STATIC = Path(__file__).parent / "static"
_MEDIA_TYPES = {
    ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".woff2": "font/woff2",
}  # fmt: skip


def portal_routes(
    settings: Settings, http: ClientSession, *, alone: bool = False
) -> list[web.RouteDef]:
    """Every route of the portal; ``http`` calls the API and is the caller's to close. ``alone``:
    every other address is nothing, and told so as a page."""
    version, files = _static_files()
    gateway = Gateway(http, settings.gateway_url.rstrip("/"))
    portal = Portal(
        gateway, Seals(settings.cookie_keys), Towns(gateway),
        Pages(version, languages(settings.languages)), settings.clock(),
        settings.behind_gateway,
    )  # fmt: skip
    static = web.get(f"/static/{version}/{{name}}", _serve(files))
    rest = [web.get("/{rest:.*}", nowhere(portal))] if alone else []
    return [static, *page_routes(portal, PAGES), *rest]


def calling() -> ClientSession:
    """The client that calls the API: it keeps no cookie."""
    return ClientSession(cookie_jar=DummyCookieJar())


def application(settings: Settings) -> web.Application:
    """The portal alone."""
    app = web.Application(client_max_size=0)

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def open_and_close(app: web.Application) -> AsyncIterator[None]:
        http = calling()
        app.router.add_routes(portal_routes(settings, http, alone=True))
        yield
        await http.close()

    app.router.add_get("/livez", live)
    app.router.add_get("/readyz", live)
    app.cleanup_ctx.append(open_and_close)
    return app


async def _run(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(application(settings), access_log=None, shutdown_timeout=10)
    await runner.setup()
    await web.TCPSite(runner, settings.bind, settings.port, backlog=1024).start()
    await stop.wait()
    await runner.cleanup()


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    settings = Settings()
    logs.configure("portal", settings.log_level)
    uvloop.run(_run(settings))


@dataclass(frozen=True)
class _File:
    """A static file; ``packed`` by gzip once and for all, where that makes it smaller."""

    media_type: str
    content: bytes
    packed: bytes

    @staticmethod
    def read(path: Path) -> _File:
        content = path.read_bytes()
        packed = gzip.compress(content, mtime=0)
        smaller = packed if len(packed) < len(content) else b""
        return _File(_MEDIA_TYPES[path.suffix], content, smaller)


def _static_files() -> tuple[str, dict[str, _File]]:
    """The files and a name for all of them together: an address whose content never changes."""
    files = {
        file.name: _File.read(file)
        for file in sorted(_STATIC.iterdir())
        if file.suffix in _MEDIA_TYPES
    }
    whole = hashlib.sha256(b"".join(one.content for one in files.values()))
    return whole.hexdigest()[:12], files


def _serve(files: dict[str, _File]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        if (found := files.get(request.match_info["name"])) is None:
            raise web.HTTPNotFound
        packed = bool(found.packed) and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, "")
        answer = web.Response(
            body=found.packed if packed else found.content, content_type=found.media_type,
            headers=SECURITY_HEADERS,
        )  # fmt: skip
        answer.headers[hdrs.CACHE_CONTROL] = "public, max-age=31536000, immutable"
        answer.headers[hdrs.VARY] = hdrs.ACCEPT_ENCODING
        if packed:
            answer.headers[hdrs.CONTENT_ENCODING] = "gzip"
        return answer

    return serve
