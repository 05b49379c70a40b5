"""How much a form may hold, read before anybody is known."""

from __future__ import annotations

import pytest
from aiohttp import FormData, web
from aiohttp.test_utils import TestClient, TestServer

from services.portal import forms


async def _sent(**parts: bytes) -> tuple[int, str]:
    """The status, and the names of the files, of a form with these files."""

    async def take(request: web.Request) -> web.Response:
        form = await forms.read_form(request)
        return web.Response(text=",".join(one.name for one in form.files))

    app = web.Application()
    app.router.add_post("/", take)
    body = FormData()
    for name, content in parts.items():
        body.add_field(name, content, filename=f"{name}.pdf", content_type="application/pdf")
    async with TestClient(TestServer(app)) as client:
        answer = await client.post("/", data=body)
        return answer.status, await answer.text() if answer.status == 200 else ""


async def test_a_form_is_bounded_as_a_whole_and_by_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MAX_FILE", 1000)
    monkeypatch.setattr(forms, "MAX_FORM", 2500)
    file = b"x" * 1000
    assert await _sent(one=file, two=file) == (200, "one.pdf,two.pdf")
    assert (await _sent(one=file + b"x"))[0] == 413
    assert (await _sent(one=file, two=file, three=file))[0] == 413
