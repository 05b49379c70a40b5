"""OpenAPI 3.1 of a service, generated from its routes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from shared.web.problem import MEDIA_TYPE, Problem
from shared.web.routes import Empty, Files, NoBody, NoQuery, PageQuery, Route

_REF = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"{(\w+)}")


def document(service: str, purpose: str, routes: Sequence[Route], base: str) -> dict[str, Any]:
    """The document of ``service``; ``base`` is the path its routes hang under."""
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
    models += [(r.body, "validation") for r in routes if r.body is not NoBody]
    models += [
        (r.answer, "serialization")
        for r in routes
        if not isinstance(r.answer, Files) and r.answer is not Empty
    ]
    named, definitions = models_json_schema(
        sorted(set(models), key=lambda model: (model[0].__name__, model[1])),
        ref_template=_REF,
    )
    paths: dict[str, Any] = {}
    for route in routes:
        operation = _operation(service, route, named)
        paths.setdefault(base + route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Préau – {service}", "version": "1", "description": purpose},
        "paths": paths,
        "components": {
            "schemas": {**_query_definitions(routes), **definitions.get("$defs", {})},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _query_definitions(routes: Sequence[Route]) -> dict[str, Any]:
    """What the fields of queries refer to: closed lists."""
    found: dict[str, Any] = {}
    for route in routes:
        found |= route.query.model_json_schema(ref_template=_REF).get("$defs", {})
    return found


def _operation(service: str, route: Route, named: Any) -> dict[str, Any]:
    problem = {MEDIA_TYPE: {"schema": named[(Problem, "serialization")]}}
    success: dict[str, Any] = {"description": "Done"}
    tag = {"ETag": {"schema": {"type": "string"}, "description": "The version answered"}}
    if route.versioned:
        success["headers"] = tag
    if isinstance(route.answer, Files):
        success["content"] = {one: {"schema": {}} for one in route.answer.media_types}
    elif route.answer is not Empty:
        success["content"] = {
            "application/json": {"schema": named[(route.answer, "serialization")]}
        }
    operation: dict[str, Any] = {
        "operationId": f"{service}_{route.handler.__name__}",
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": {
            str(route.status): success,
            **(
                {"304": {"description": "Not changed: as `If-None-Match` says", "headers": tag}}
                if _rereads(route)
                else {}
            ),
            **({"303": {"description": "Where a browser goes on"}} if route.redirects else {}),
            "default": {"description": _refusals(route), "content": problem},
        },
        "x-problem-codes": sorted(_codes(route)),
    }
    if not route.access.public:
        operation["security"] = [{"bearer": []}]
    if route.body is not NoBody:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": named[(route.body, "validation")]}},
        }
    if route.takes:
        operation["requestBody"] = {
            "required": True,
            "description": f"The file itself, at most {route.max_body} bytes",
            "content": {media_type: {"schema": {}} for media_type in route.takes},
        }
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    names = ["town", *_PARAMETER.findall(route.path)]
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
    if route.query is not NoQuery:
        schema = route.query.model_json_schema(ref_template=_REF)
        required = schema.get("required", [])
        parameters += [
            {"name": name, "in": "query", "required": name in required, "schema": field}
            for name, field in schema["properties"].items()
        ]
    text = {"type": "string"}
    if route.takes:
        parameters.append(_header(
            "Content-Disposition", text, required=False,
            what="The file's name, as in `attachment; filename*=UTF-8''certificat.pdf` (RFC 6266);"
            " what it is is told by its content.",
        ))  # fmt: skip
    if route.idempotent:
        parameters.append(_header(
            "Idempotency-Key", {**text, "minLength": 8, "maxLength": 128}, required=True,
            what="The same key with the same body has one effect and one answer.",
        ))  # fmt: skip
    if route.guarded:
        parameters.append(_header(
            "If-Match", text, required=True,
            what="The `ETag` of what is to be changed: refused when it has changed meanwhile.",
        ))  # fmt: skip
    if _rereads(route):
        parameters.append(_header(
            "If-None-Match", text, required=False,
            what="An `ETag` held: 304 when nothing has changed.",
        ))  # fmt: skip
    return parameters


def _rereads(route: Route) -> bool:
    return route.versioned and route.method == "GET"


def _header(name: str, schema: dict[str, Any], *, required: bool, what: str) -> dict[str, Any]:
    return {
        "name": name, "in": "header", "required": required, "schema": schema, "description": what
    }  # fmt: skip


def _refusals(route: Route) -> str:
    return "Refused: " + ", ".join(sorted(_codes(route)))


_COMMON = ("invalid-input", "not-found", "store-unavailable")


def _of_access(route: Route) -> tuple[str, ...]:
    return () if route.access.public else ("forbidden", "token-expired", "token-invalid")


def _of_query(route: Route) -> tuple[str, ...]:
    return ("cursor-unknown",) if issubclass(route.query, PageQuery) else ()


def _of_file(route: Route) -> tuple[str, ...]:
    return ("body-too-large", "upload-too-slow") if route.takes else ()


def _of_guard(route: Route) -> tuple[str, ...]:
    return ("changed-meanwhile", "precondition-required") if route.guarded else ()


def _codes(route: Route) -> set[str]:
    more = (*_of_access(route), *_of_query(route), *_of_guard(route), *_of_file(route))
    return {*route.refusals, *_COMMON, *more}


def error_codes(routes: Sequence[Route]) -> set[str]:
    """Every code the routes declare, the common ones included."""
    return {code for route in routes for code in _codes(route)}
