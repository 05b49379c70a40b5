"""Asks the Base Adresse Nationale for addresses: never in anybody's way.

A family that types an address goes on typing when nothing answers. So each question has little
time, few go out at once and per second, answers are kept for an hour, and after a failure nothing
is asked for a while: then every answer is at once that the service is away.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

import aiohttp

from services.family.domain.addresses import Suggestion, question, suggestions
from shared.clock import Clock
from shared.logs import get_logger

_SECONDS = 2.0
_AT_ONCE = 8
#: The Géoplateforme takes 50 a second from one address; several replicas may share ours.
_PER_SECOND, _BURST = 10.0, 20.0
_KEPT, _KEPT_FOR = 5000, timedelta(hours=1)
_LEFT_ALONE = timedelta(seconds=20)

_log = get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """``away``: nothing could be asked; the address is written freely."""

    addresses: tuple[Suggestion, ...] = ()
    away: bool = False


_AWAY = Answer(away=True)


class AddressBook:
    """One process's questions to the service at ``url``; without one, it is always away."""

    def __init__(self, url: str | None, clock: Clock) -> None:
        self._url = url.rstrip("/") if url else None
        self._clock = clock
        self._http: aiohttp.ClientSession | None = None
        self._known: OrderedDict[tuple[str, int], tuple[datetime, Answer]] = OrderedDict()
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._left = _BURST
        self._counted = clock.machine()
        self._quiet_until = self._counted

    async def complete(self, typed: str, limit: int) -> Answer:
        """At most ``limit`` addresses that begin like what was typed."""
        asked = question(typed)
        if asked is None:
            return Answer()
        now = self._clock.machine()
        about = (asked.casefold(), limit)
        known = self._known.get(about)
        if known is not None and now - known[0] < _KEPT_FOR:
            self._known.move_to_end(about)
            return known[1]
        if self._url is None or now < self._quiet_until or not self._may_ask(now):
            return _AWAY
        answer = await self._ask(self._url, asked, limit)
        if not answer.away:
            self._known[about] = (now, answer)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return answer

    async def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            await self._http.close()

    def _may_ask(self, now: datetime) -> bool:
        """Take one question from what the rate allows."""
        since = (now - self._counted).total_seconds()
        self._left = min(_BURST, self._left + max(0.0, since) * _PER_SECOND)
        self._counted = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    async def _ask(self, url: str, asked: str, limit: int) -> Answer:
        if self._http is None:
            self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS))
        query = {"q": asked, "limit": str(limit), "autocomplete": "1", "index": "address"}
        try:
            async with (
                asyncio.timeout(_SECONDS),
                self._turns,
                self._http.get(f"{url}/search", params=query, allow_redirects=False) as got,
            ):
                if got.status == 400:
                    # It does not like what was typed: nothing is wrong with the service.
                    return Answer()
                got.raise_for_status()
                return Answer(tuple(suggestions(await got.json(content_type=None))[:limit]))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self._quiet_until = self._clock.machine() + _LEFT_ALONE
            _log.warning("addresses-away", reason=type(error).__name__)
            return _AWAY
