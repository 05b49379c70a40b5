"""Serves routes with aiohttp: parse, check the bearer, call, answer."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
import warnings
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from typing import Any

import orjson
from aiohttp import content_disposition_filename, hdrs, parse_content_disposition, web
from pydantic import TypeAdapter, ValidationError

from shared import context
from shared.audit import Act, Audit
from shared.auth import Bearer, Keyring
from shared.errors import Refused, StoreUnavailable
from shared.ids import derived_id, new_id
from shared.logs import get_logger
from shared.metrics import HTTP_SECONDS, exposition
from shared.web.answers import answered
from shared.web.audit import AUDIT_ROUTES, begin_act, note_subjects
from shared.web.browsable import STYLE, page
from shared.web.conditional import Expected, expected
from shared.web.openapi import document
from shared.web.problem import invalid_input, problem_answer
from shared.web.routes import Call, Command, Input, NoBody, NoQuery, Received, Route

_log = get_logger()
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_KEY = re.compile(r"[!-~]{8,128}")
_SLUG = re.compile(r"[a-z][a-z0-9-]{0,62}")
_STORE_AWAY = Refused(
    "store-unavailable", "Le service est momentanément indisponible. Réessayez dans un instant.",
    status=503, retry_after=5,
)  # fmt: skip
_USER_AGENT = 400
#: Files in a service's hands at once, which bounds the memory of all of them.
_FILES_AT_ONCE = 6
_FILE_SECONDS = 60.0
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def base_path(service: str) -> str:
    """Where a service's routes hang."""
    return f"/api/{service}/v1/{{town}}"


def add_service(
    app: web.Application,
    name: str,
    purpose: str,
    routes: Sequence[Route],
    state: Any,
    keys: Keyring,
    audit: Audit,
) -> None:
    """Mount a service: its routes (handlers are called with ``state``), its audit, its OpenAPI, and
    that as a page to read (``shared.web.browsable``)."""
    base = base_path(name)

    @cache
    def openapi() -> dict[str, Any]:
        return document(name, purpose, [*routes, *AUDIT_ROUTES], base)

    makes: dict[str, tuple[Callable[[], bytes], str]] = {
        "openapi.json": (lambda: orjson.dumps(openapi()), "application/json"),
        "docs": (lambda: page(name, openapi()).encode(), "text/html"),
        "docs.css": (STYLE.encode, "text/css"),
    }
    for path, (make, media_type) in makes.items():
        app.router.add_get(f"/api/{name}/{path}", _fixed(make, media_type))
    files = asyncio.Semaphore(_FILES_AT_ONCE)
    mounted = [*((one, state) for one in routes), *((one, audit) for one in AUDIT_ROUTES)]
    for route, given in mounted:
        endpoint = _endpoint(name, route, given, keys, audit)
        if route.takes:
            endpoint = _few_at_once(files, endpoint)
        app.router.add_route(route.method, base + route.path, endpoint)


_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def _fixed(
    make: Callable[[], bytes], media_type: str
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """What never changes is made when it is first asked for, off the loop: a service starts without
    it."""
    made: list[bytes] = []
    headers = {"Content-Security-Policy": _PAGE_POLICY, "X-Content-Type-Options": "nosniff"}
    charset = "utf-8" if media_type.startswith("text/") else None

    async def answer(_: web.Request) -> web.Response:
        if not made:
            made.append(await asyncio.to_thread(make))
        return web.Response(body=made[0], content_type=media_type, charset=charset, headers=headers)

    return answer


BEHIND_GATEWAY = web.AppKey("behind_gateway", bool)


def _address(request: web.Request) -> str:
    """The caller's address: the gateway's word for it, where there is a gateway."""
    if request.app[BEHIND_GATEWAY]:
        return request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
    return request.remote or ""


def add_operations(
    app: web.Application,
    ready: Callable[[], Awaitable[bool]],
    count: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Mount ``/livez`` (no dependency), ``/readyz`` and ``/metrics``.

    ``count`` is awaited before metrics are answered: it sets those that nobody keeps up to date.
    """

    async def livez(_: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def readyz(_: web.Request) -> web.Response:
        ok = await ready()
        return web.json_response({"ready": ok}, status=200 if ok else 503)

    async def metrics(_: web.Request) -> web.Response:
        if count is not None:
            await count()
        return web.Response(body=exposition(), content_type="text/plain", charset="utf-8")

    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)


@web.middleware
async def problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn every way to fail into problem+json."""
    given = request.headers.get("X-Request-ID", "")
    request_id = given if _REQUEST_ID.fullmatch(given) else new_id()
    context.correlation.set(request_id)
    try:
        answer = await handler(request)
    except Refused as refused:
        answer = problem_answer(refused)
    except StoreUnavailable:
        answer = problem_answer(_STORE_AWAY)
    except web.HTTPException as error:
        answer = problem_answer(_of_http(error))
        if allowed := error.headers.get(hdrs.ALLOW):
            answer.headers[hdrs.ALLOW] = allowed
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - the last resort of a request
        _log.error("request-failed", correlation=request_id, exc_info=error)
        answer = problem_answer(
            Refused(
                "server-error",
                f"Erreur inattendue. Donnez ce numéro au service : {request_id}.",
                status=500,
            )
        )
    answer.headers["X-Request-ID"] = request_id
    return answer


def _of_http(error: web.HTTPException) -> Refused:
    codes = {404: ("not-found", "Cette adresse n'existe pas."),
             405: ("method-not-allowed", "Cette méthode n'est pas admise ici."),
             413: ("body-too-large", "Les données envoyées sont trop volumineuses.")}  # fmt: skip
    code, detail = codes.get(error.status, ("http-error", error.reason))
    return Refused(code, detail, status=error.status)


Endpoint = Callable[[web.Request], Awaitable[web.Response]]


def _few_at_once(hands: asyncio.Semaphore, endpoint: Endpoint) -> Endpoint:
    """The others wait, their files unread, on their connections."""

    async def one_of_few(request: web.Request) -> web.Response:
        async with hands:
            return await endpoint(request)

    return one_of_few


def _endpoint(service: str, route: Route, state: Any, keys: Keyring, audit: Audit) -> Endpoint:
    body_type = TypeAdapter(route.body)
    lists = _list_fields(route.query)
    label = f"{route.method} {route.path}"

    async def serve(request: web.Request, act: Act) -> web.Response:
        town = request.match_info["town"]
        if not _SLUG.fullmatch(town):
            raise Refused("not-found", "Cette commune n'existe pas.", status=404)
        if any(_CONTROL.search(part) for part in request.match_info.values()):
            raise Refused("not-found", "Cette adresse n'existe pas.", status=404)
        bearer = None if route.access.public else _bearer(request, keys, town)
        if bearer is not None:
            begin_act(act, bearer, request.match_info, route.access)
        raw = await _received(request, route)
        call = Call(
            town=town,
            path=request.match_info,
            body=_parse_body(body_type, raw) if route.body is not NoBody else NoBody(),
            query=_parse_query(route.query, lists, request),
            bearer=bearer,
            access=route.access,
            command=_command(request, route, town, bearer, raw) if route.idempotent else None,
            address=_address(request),
            user_agent=request.headers.get(hdrs.USER_AGENT, "")[:_USER_AGENT],
            expected=expected(request.headers.getall(hdrs.IF_MATCH, ()))
            if route.guarded
            else Expected(),
            act=act,
            file=Received(_file_name(request), raw) if route.takes else None,
        )
        act.command = call.command.id if call.command else None
        note_subjects(act, call.query, call.body)
        answer = await route.handler(state, call)
        note_subjects(act, answer)
        return answered(request, route, answer)

    async def endpoint(request: web.Request) -> web.Response:
        started = time.perf_counter()
        status = 500
        act = Act(route.method, route.path)
        try:
            answer = await serve(request, act)
            status = answer.status
        except Refused as refused:
            status = refused.status
            raise
        except StoreUnavailable:
            status = 503
            raise
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            # Before the answer leaves: what cannot be written down is not answered.
            if act.bearer is not None:
                await audit.act(act, status)
            HTTP_SECONDS.labels(service, label, status).observe(time.perf_counter() - started)
        return answer

    return endpoint


def _bearer(request: web.Request, keys: Keyring, town: str) -> Bearer:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused("token-missing", "Connectez-vous d'abord.", status=401)
    bearer = keys.verify(token.strip())
    if bearer.town != town:
        raise Refused("wrong-town", "Votre connexion vaut pour une autre commune.", status=403)
    return bearer


async def _received(request: web.Request, route: Route) -> bytes:
    """The body, of the kind that the route takes."""
    if not route.takes:
        raw = await _read(request, route.max_body)
        if route.body is not NoBody and request.content_type != "application/json":
            raise Refused("media-type", "Envoyez du JSON (application/json).", status=415)
        return raw
    try:
        async with asyncio.timeout(_FILE_SECONDS):
            return await _read(request, route.max_body)
    except TimeoutError:
        raise Refused(
            "upload-too-slow", "L'envoi de ce fichier a pris trop de temps. Réessayez.",
            status=503, retry_after=10,
        ) from None  # fmt: skip


async def _read(request: web.Request, most: int) -> bytes:
    """The body, read no further than ``most`` bytes."""
    if (request.content_length or 0) > most:
        raise web.HTTPRequestEntityTooLarge(most, request.content_length or 0)
    raw = bytearray()
    if request.can_read_body:
        async for piece in request.content.iter_any():
            raw += piece
            if len(raw) > most:
                raise web.HTTPRequestEntityTooLarge(most, len(raw))
    return bytes(raw)


def _file_name(request: web.Request) -> str:
    """What the sender calls the file (RFC 6266); nothing when that is not said."""
    with warnings.catch_warnings(action="ignore"):  # the library warns of what is badly written
        _, parameters = parse_content_disposition(request.headers.get(hdrs.CONTENT_DISPOSITION))
    return content_disposition_filename(parameters) or ""


def _parse_body(adapter: TypeAdapter[Any], raw: bytes) -> Input:
    try:
        text = raw.decode()
        if _CONTROL.search(text) or _ESCAPED_CONTROL.search(text):
            raise Refused("invalid-input", "La saisie contient un caractère non admis.", status=422)
        body: Input = adapter.validate_json(text)
    except ValidationError as error:
        raise invalid_input(error) from error
    except UnicodeDecodeError as error:
        raise Refused("not-utf-8", "Le texte envoyé n'est pas de l'UTF-8.", status=400) from error
    return body


# Halves of a pair of surrogates, which some clients write for an emoji, are the parser's affair.
_ESCAPED_CONTROL = re.compile(r"\\u00(0[0-8bcBCefEF]|1[0-9a-fA-F]|7[fF])")


def _parse_query(model: type[Input], lists: frozenset[str], request: web.Request) -> Input:
    if not request.query and model is NoQuery:
        return NoQuery()
    values: dict[str, Any] = {
        name: request.query.getall(name) if name in lists else request.query[name]
        for name in request.query
    }
    if any(_CONTROL.search(part) for pair in request.query.items() for part in pair):
        raise Refused("invalid-input", "La saisie contient un caractère non admis.", status=422)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise invalid_input(error, "?") from error


def _list_fields(model: type[Input]) -> frozenset[str]:
    schema = model.model_json_schema()
    return frozenset(
        name for name, field in schema.get("properties", {}).items() if field.get("type") == "array"
    )


def _command(
    request: web.Request, route: Route, town: str, bearer: Bearer | None, raw: bytes
) -> Command:
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY.fullmatch(key):
        raise Refused(
            "idempotency-key-missing",
            "L'en-tête Idempotency-Key est obligatoire (8 à 128 caractères).",
            status=400,
        )
    who = bearer.account if bearer else ""
    place = request.path  # the target is part of the act: the same key elsewhere is another act
    return Command(
        id=derived_id("command", town, who, route.method, place, key),
        body_hash=hashlib.sha256(raw).hexdigest(),
    )
