"""The one door to the public API: every call of the portal goes through here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout

from shared.logs import get_logger

_log = get_logger()
_PATIENCE = ClientTimeout(total=30, connect=3)
#: Seconds between tries, for what another service is about to hear.
PAUSES = (0.2, 0.5, 1, 2, 4)
#: For a file that is worked through before the answer.
LONG_PATIENCE = ClientTimeout(total=55, connect=3)
_AWAY = "Le service est momentanément indisponible. Réessayez dans un instant."


@dataclass(frozen=True)
class FieldProblem:
    """One field at fault: its JSON pointer in the body that was sent, and a sentence."""

    field: str
    message: str

    @property
    def said(self) -> str:
        """The sentence by itself: after no label."""
        return self.message[:1].upper() + self.message[1:]


class Problem(Exception):
    """What the API refused: ``detail`` is for people, ``code`` for programs."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(body.get("code", "unknown"))
        self.detail = str(body.get("detail", _AWAY))
        self.body = body
        self.errors = _errors(body)
        super().__init__(self.code)

    def named(self, names: Mapping[str, str]) -> Problem:
        """The same, with the fields as a form calls them: ``names`` says it of a pointer or of
        what it begins with, the longest first."""
        self.errors = tuple(replace(one, field=_named(one.field, names)) for one in self.errors)
        return self


def placed(message: str, line: int | None, column: int | None) -> str:
    """A sentence, with its place in a text where it has one."""
    return message if line is None else f"Ligne {line}, colonne {column} : {message}"


def _named(pointer: str, names: Mapping[str, str]) -> str:
    parts = pointer.strip("/").split("/")
    starts = ("/".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((f"/{names[one]}" for one in starts if one in names), pointer)


def _errors(body: Mapping[str, Any]) -> tuple[FieldProblem, ...]:
    if listed := body.get("errors"):
        return tuple(
            FieldProblem(
                one["field"], placed(one["message"], one.get("line"), one.get("column"))
            )
            for one in listed
        )  # fmt: skip
    if pointer := body.get("field"):
        return (FieldProblem(pointer, str(body.get("detail", ""))),)
    return ()


@dataclass(frozen=True)
class Caller:
    """On whose behalf the portal calls: the token, and where the browser is."""

    town: str
    token: str | None = None
    address: str = ""
    device: str = ""


@dataclass(frozen=True)
class Content:
    """What the API answered; ``version`` is its ``ETag``."""

    body: bytes
    media_type: str
    disposition: str | None
    version: str | None = None


@dataclass(frozen=True)
class Gateway:
    """Calls ``{origin}/api/{service}/v1/{town}/{path}``."""

    http: ClientSession
    origin: str

    async def get(self, caller: Caller, path: str, **query: Any) -> Any:
        """The JSON of ``service/path``; query values that are ``None`` are left out, a list gives
        its values one by one.

        Raises ``Problem``.
        """
        content = await self._call(caller, "GET", path, query=query)
        return orjson.loads(content.body)

    async def versioned(self, caller: Caller, path: str) -> tuple[Any, str]:
        """The JSON of ``service/path`` and its version, to be sent with a change of it. Raises
        ``Problem``."""
        content = await self._call(caller, "GET", path)
        return orjson.loads(content.body), content.version or "*"

    async def file(self, caller: Caller, path: str, **query: Any) -> Content:
        """A file. Raises ``Problem``."""
        return await self._call(caller, "GET", path, query=query)

    async def made(self, caller: Caller, path: str, body: Any, *, once: str) -> Content:
        """A file that is made by asking for it, once for each ``once``. Raises ``Problem``."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": once}
        return await self._call(caller, "POST", path, raw=orjson.dumps(body), headers=headers)

    async def send(
        self, caller: Caller, method: str, path: str, body: Any = None, *, once: str | None = None,
        version: str | None = None,
    ) -> Any:  # fmt: skip
        """Do something, once for each ``once`` (its idempotency key), to what still has this
        ``version`` where one is given; the JSON of the answer, or ``None`` where there is none.
        Raises ``Problem``."""
        raw = b"" if body is None else orjson.dumps(body)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if once:
            headers["Idempotency-Key"] = once
        if version:
            headers["If-Match"] = version
        content = await self._call(caller, method, path, raw=raw, headers=headers)
        return orjson.loads(content.body) if content.body else None

    async def send_file(
        self, caller: Caller, name: str, media_type: str, raw: bytes, *, once: str,
        to: str = "family/files", patience: ClientTimeout = _PATIENCE, **query: Any,
    ) -> Any:  # fmt: skip
        """Send a file, once for each ``once``, to where files are kept (the answer's ``file`` is
        its id, to be named within the day) or to what reads it. Raises ``Problem``."""
        headers = {
            "Content-Type": media_type,
            "Idempotency-Key": once,
            # RFC 6266: the accents of a name arrive as they were typed.
            "Content-Disposition": "attachment; filename*=UTF-8''"
            + quote(name, safe="", errors="replace"),
        }
        content = await self._call(
            caller, "POST", to, query=query, raw=raw, headers=headers, patience=patience
        )
        return orjson.loads(content.body)

    async def _call(
        self,
        caller: Caller,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        raw: bytes = b"",
        headers: Mapping[str, str] | None = None,
        patience: ClientTimeout = _PATIENCE,
    ) -> Content:
        service, _, rest = path.partition("/")
        url = f"{self.origin}/api/{service}/v1/{caller.town}/{rest}"
        sent = {**(headers or {}), "X-Forwarded-For": caller.address, "User-Agent": caller.device}
        if caller.token:
            sent["Authorization"] = f"Bearer {caller.token}"
        asked = [pair for name, one in (query or {}).items() for pair in _pairs(name, one)]
        try:
            async with self.http.request(
                method, url, params=asked, data=raw or None, headers=sent, timeout=patience,
                allow_redirects=False,
            ) as answer:  # fmt: skip
                body = await answer.read()
                if answer.ok:
                    disposition = answer.headers.get("Content-Disposition")
                    version = answer.headers.get("ETag")
                    return Content(body, answer.content_type, disposition, version)
                problem = Problem(answer.status, _said(body))
        except (ClientError, TimeoutError) as error:
            _log.warning("api-away", service=service, kind=type(error).__name__)
            raise Problem(503, {"code": "service-unavailable", "detail": _AWAY}) from error
        raise problem


def _pairs(name: str, value: Any) -> list[tuple[str, str]]:
    """A value of a query; a list is as many of the same name."""
    values = value if isinstance(value, list | tuple) else [value]
    return [(name, str(one)) for one in values if one is not None]


def _said(body: bytes) -> Mapping[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


async def once_heard(send: Callable[[], Awaitable[Any]], *, fresh: bool) -> Any:
    """Name documents; of those that family has only just kept (``fresh``), booking hears a moment
    later, and knows none of them before. The last refusal counts."""
    for pause in PAUSES if fresh else ():
        try:
            return await send()
        except Problem as problem:
            if problem.code != "document-unknown":
                raise
        await asyncio.sleep(pause)
    return await send()
