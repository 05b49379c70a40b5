"""What goes to the API: a file's name; a document that was sent a moment ago."""

from __future__ import annotations

import pytest
from aiohttp import ClientSession, content_disposition_filename, parse_content_disposition, web
from aiohttp.test_utils import TestServer

from services.portal import gateway
from services.portal.gateway import Caller, Gateway, Problem, once_heard


class _Service:
    """Refuses so many times, then takes it."""

    def __init__(self, code: str, times: int) -> None:
        self.code, self.left, self.asked = code, times, 0

    async def take(self) -> str:
        self.asked += 1
        if self.asked <= self.left:
            raise Problem(422, {"code": self.code})
        return "taken"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "PAUSES", (0, 0))


async def test_what_is_heard_of_a_moment_later_is_taken() -> None:
    service = _Service("document-unknown", times=2)
    assert await once_heard(service.take, fresh=True) == "taken"
    assert service.asked == 3


@pytest.mark.parametrize(
    ("code", "fresh", "asked"),
    [("document-unknown", True, 3), ("document-unknown", False, 1), ("documents-missing", True, 1)],
)
async def test_what_stays_refused_is_said(code: str, fresh: bool, asked: int) -> None:
    service = _Service(code, times=9)
    with pytest.raises(Problem, match=code):
        await once_heard(service.take, fresh=fresh)
    assert service.asked == asked


@pytest.mark.parametrize("name", ["Vaccins de Léa, été.pdf", 'a"b;c\r\nd.pdf', "vaccins.pdf"])
async def test_a_file_keeps_its_name(name: str) -> None:
    async def keep(request: web.Request) -> web.Response:
        _, parameters = parse_content_disposition(request.headers["Content-Disposition"])
        return web.json_response({"file": content_disposition_filename(parameters)})

    app = web.Application()
    app.router.add_post("/api/family/v1/mornant/files", keep)
    async with TestServer(app) as server, ClientSession() as http:
        to = Gateway(http, str(server.make_url("")).rstrip("/"))
        kept = await to.send_file(Caller("mornant"), name, "application/pdf", b"%PDF", once="1")
    assert kept == {"file": name}
