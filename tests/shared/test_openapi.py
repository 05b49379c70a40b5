"""The generated document is OpenAPI 3.1 and says what the server does."""

from __future__ import annotations

from openapi_spec_validator import OpenAPIV31SpecValidator

from shared.web.audit import AUDIT_ROUTES
from shared.web.openapi import error_codes
from tests.shared.conftest import ROUTES, Speaker


async def test_the_document_is_valid_and_complete(speaker: Speaker) -> None:
    status, document, _ = await speaker.ask("GET", f"{speaker.origin}/api/sample/openapi.json")
    assert status == 200
    OpenAPIV31SpecValidator(document).validate()
    operations = {
        (method, path) for path, methods in document["paths"].items() for method in methods
    }
    base = "/api/sample/v1/{town}"
    mounted = [*ROUTES, *AUDIT_ROUTES]
    assert operations == {(route.method.lower(), base + route.path) for route in mounted}
    create = document["paths"][f"{base}/orders"]["post"]
    assert {p["name"] for p in create["parameters"]} == {"town", "Idempotency-Key"}
    assert "201" in create["responses"]
    assert "full" in create["responses"]["default"]["description"]
    listing = document["paths"][f"{base}/orders"]["get"]
    assert {p["name"] for p in listing["parameters"]} == {
        "town", "limit", "since", "colour", "tags",
    }  # fmt: skip
    assert "security" not in listing
    scan = document["paths"][f"{base}/scans"]["post"]
    assert list(scan["requestBody"]["content"]) == ["application/pdf", "image/png"]
    assert [one["name"] for one in scan["parameters"]] == [
        "town", "Content-Disposition", "Idempotency-Key",
    ]  # fmt: skip
    paper = document["paths"][f"{base}/printed/{{name}}"]["get"]["responses"]["200"]
    assert list(paper["content"]) == ["application/pdf"]
    assert document["paths"][f"{base}/mine"]["get"]["security"] == [{"bearer": []}]


async def test_tags_are_described_where_they_are_given_and_wanted(speaker: Speaker) -> None:
    _, document, _ = await speaker.ask("GET", f"{speaker.origin}/api/sample/openapi.json")
    paper = document["paths"]["/api/sample/v1/{town}/papers/{v}"]
    assert "ETag" in paper["get"]["responses"]["200"]["headers"]
    assert "304" in paper["get"]["responses"]
    assert {"If-None-Match"} == {p["name"] for p in paper["get"]["parameters"]} - {"town", "v"}
    assert {"If-Match"} == {p["name"] for p in paper["put"]["parameters"]} - {"town", "v"}
    assert {"changed-meanwhile", "precondition-required"} <= set(paper["put"]["x-problem-codes"])


def test_every_code_is_listed() -> None:
    assert {"full", "invalid-input", "token-expired"} <= error_codes(ROUTES)
