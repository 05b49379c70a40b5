"""Style, script, icons and font: small, and asked for once."""

from __future__ import annotations

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.portal.service import calling, portal_routes
from services.portal.settings import Settings


async def test_static_files_are_compressed_and_kept_by_browsers() -> None:
    app = web.Application()
    async with calling() as calls:
        app.add_routes(routes := portal_routes(Settings(), calls))
        path = next(one.path for one in routes if one.path.startswith("/static/"))
        async with TestServer(app) as server, aiohttp.ClientSession() as http:

            async def asked(name: str, accepted: str) -> tuple[aiohttp.ClientResponse, bytes]:
                headers = {"Accept-Encoding": accepted}
                url = server.make_url(path.format(name=name))
                async with http.get(url, headers=headers, auto_decompress=False) as answer:
                    return answer, await answer.read()

            plain, whole = await asked("portal.css", "identity")
            packed, small = await asked("portal.css", "gzip, br")
            assert "Content-Encoding" not in plain.headers
            assert packed.headers["Content-Encoding"] == "gzip"
            assert len(small) < len(whole) / 3
            for answer in (plain, packed):
                assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
                assert answer.headers["Vary"] == "Accept-Encoding"
            font, _ = await asked("atkinson-hyperlegible-next.woff2", "gzip")
            assert "Content-Encoding" not in font.headers
            assert (await asked("portal.py", "gzip"))[0].status == 404
