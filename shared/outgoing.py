"""HTTP to what is outside the town's system: bounded in time and size, no redirect followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

_MOST_BYTES = 512 * 1024
Pairs = Sequence[tuple[str, str]]


class Unreachable(Exception):
    """No answer, or none that is one: the other side may be tried again later."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered."""

    status: int
    content_type: str
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises ``Unreachable`` when it is none."""
        try:
            return orjson.loads(self.body)
        except ValueError as error:
            raise Unreachable from error


class Outgoing:
    """One pool of connections; opened at the first request."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def get(
        self, url: str, *, within: float, query: Pairs = (), headers: Mapping[str, str] = {}
    ) -> Reply:
        """GET. Raises ``Unreachable``; ``within`` is in seconds."""
        return await self._send("GET", url, within, params=list(query), headers=headers)

    async def post(
        self,
        url: str,
        body: Mapping[str, str] | bytes,
        *,
        within: float,
        headers: Mapping[str, str] = {},
    ) -> Reply:
        """POST of a form, or of a body whose type the headers say. Raises ``Unreachable``."""
        data = body if isinstance(body, bytes) else dict(body)
        return await self._send("POST", url, within, data=data, headers=headers)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _send(self, method: str, url: str, within: float, **what: Any) -> Reply:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        timeout = aiohttp.ClientTimeout(total=within, connect=min(within, 5))
        try:
            async with self._session.request(
                method, url, timeout=timeout, allow_redirects=False, **what
            ) as answer:
                body = await answer.content.read(_MOST_BYTES + 1)
                while len(body) <= _MOST_BYTES and (more := await answer.content.read(_MOST_BYTES)):
                    body += more
                if len(body) > _MOST_BYTES:
                    raise Unreachable
                return Reply(answer.status, answer.content_type, body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unreachable from error
