"""A service's OpenAPI document as a page to read: one page, no script, no other origin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader

_PAGES = Path(__file__).parent / "pages"
STYLE = (_PAGES / "docs.css").read_text()
_TEMPLATE = Environment(
    loader=FileSystemLoader(_PAGES), autoescape=True, trim_blocks=True, lstrip_blocks=True
).get_template("docs.html.jinja")  # fmt: skip

_BY_FORMAT = {
    "date": "2026-09-14",
    "date-time": "2026-09-14T10:00:00+02:00",
    "time": "08:30:00",
    "email": "prenom.nom@example.fr",
    "uri": "https://example.fr/",
}
_BY_TYPE: dict[str, Any] = {
    "string": "texte", "integer": 1, "number": 1.5, "boolean": True, "null": None
}  # fmt: skip
_DEEPEST = 8


def page(service: str, document: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document made by ``shared.web.openapi``."""
    return _TEMPLATE.render(
        service=service, info=document["info"], groups=_groups(document), problem=_problem()
    )


def example(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int = 0) -> Any:
    """A value that a JSON Schema admits as far as a reader is concerned: its own example or
    default, else one made up from its type. Patterns are not followed."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return None if depth > _DEEPEST else example(schemas[name], schemas, depth + 1)
    for key in ("example", "const", "default"):
        if schema.get(key) is not None:
            return schema[key]
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if schema.get(key):
            return example(schema[key][0], schemas, depth + 1)
    return _made_up(schema, schemas, depth)


def _made_up(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type", "object")
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: example(field, schemas, depth + 1) for name, field in fields.items()}
    if kind == "array":
        if "prefixItems" in schema:
            return [example(one, schemas, depth + 1) for one in schema["prefixItems"]]
        return [example(schema["items"], schemas, depth + 1)] if "items" in schema else []
    if kind == "string" and "format" in schema:
        return _BY_FORMAT.get(schema["format"], _BY_TYPE["string"])
    if kind in ("integer", "number") and "minimum" in schema:
        return schema["minimum"]
    return _BY_TYPE.get(kind)


def _groups(document: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations, by the first part of their path after the town."""
    found: dict[str, list[dict[str, Any]]] = {}
    for operation in _operations(document):
        found.setdefault(operation["path"].split("/")[5], []).append(operation)
    return found


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            success, answer = next(
                (status, answer)
                for status, answer in operation["responses"].items()
                if status.startswith("2")
            )
            yield {
                "id": operation["operationId"],
                "method": method.upper(),
                "path": path,
                "summary": operation["summary"],
                "bearer": "security" in operation,
                "parameters": [
                    {**one, "shape": _shape(one["schema"])} for one in operation["parameters"]
                ],
                "body": _shown(operation.get("requestBody"), schemas),
                "status": success,
                "answer": _shown(answer, schemas),
                "codes": operation["x-problem-codes"],
            }


def _shape(schema: Mapping[str, Any]) -> str:
    """A parameter's type in a few words."""
    if "anyOf" in schema:
        parts = [_shape(one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(parts)
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    return str(schema.get("format") or schema.get("type", ""))


def _shown(part: Mapping[str, Any] | None, schemas: Mapping[str, Any]) -> str | None:
    """An example of the JSON that a body or an answer holds."""
    content = (part or {}).get("content", {}).get("application/json")
    return None if content is None else _pretty(example(content["schema"], schemas))


def _problem() -> str:
    return _pretty({
        "type": "urn:preau:problem:not-found", "title": "Introuvable", "status": 404,
        "code": "not-found", "detail": "Introuvable : cette demande.",
    })  # fmt: skip


def _pretty(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
