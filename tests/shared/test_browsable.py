"""The OpenAPI document as a page: complete, safe, with examples that the server would take."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from pydantic import TypeAdapter

from services.documents import ROUTES, purpose
from shared.web.browsable import example, page
from shared.web.openapi import document
from shared.web.server import base_path
from tests.shared.conftest import Order, Speaker


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


async def _get(speaker: Speaker, path: str) -> tuple[int, str, Any]:
    async with speaker.http.get(f"{speaker.origin}/api/sample/{path}") as got:
        return got.status, await got.text(), got.headers


async def test_the_page_shows_what_may_be_asked_and_how_it_may_fail(speaker: Speaker) -> None:
    status, text, headers = await _get(speaker, "docs")
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    for said in ("/api/sample/v1/{town}/orders", "Create", "Idempotency-Key", "full", "2026-09-14"):
        assert said in text
    style = await _get(speaker, "docs.css")
    assert (style[0], style[2]["Content-Type"]) == (200, "text/css; charset=utf-8")


async def test_the_page_runs_nothing_and_takes_nothing_from_elsewhere(speaker: Speaker) -> None:
    _, text, headers = await _get(speaker, "docs")
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self'")
    assert "unsafe" not in policy
    for tag, attributes in _Page(text).tags:
        assert tag not in ("script", "iframe", "img", "style")
        assert not {name for name in attributes if name.startswith("on") or name == "style"}
        for name in ("href", "src"):
            assert ":" not in (attributes.get(name) or "")


@pytest.mark.parametrize("service", ROUTES)
def test_every_service_has_a_page_with_all_its_operations(service: str) -> None:
    said = document(service, purpose(service), ROUTES[service], base_path(service))
    text = page(service, said)
    ids = {attributes["id"] for _, attributes in _Page(text).tags if "id" in attributes}
    operations = [one for methods in said["paths"].values() for one in methods.values()]
    assert {one["operationId"] for one in operations} <= ids
    assert len(re.findall("<h3>Problems</h3>", text)) == len(operations)


def test_words_are_shown_as_words() -> None:
    said = document("sample", "<script>alert(1)</script>", [], base_path("sample"))
    assert "<script>" not in page("sample", said)


def test_an_example_is_what_the_model_takes() -> None:
    schema = Order.model_json_schema()
    made = example(schema, schema["$defs"])
    assert TypeAdapter(Order).validate_python(made).items[0].name == "texte"


def test_a_schema_that_holds_itself_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}}
    assert example(node, {"Node": node})
