"""A running piece of Préau in the test's own process: real store, real bus, real HTTP.

``world(...)`` starts the named services under one port, with a town clock the test may move.
What the absent services would have said is said with ``World.say``; tokens are signed with
``World.token`` by the key that identity, when present, signs with too.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from shared.auth import ACCESS_TOKEN_SECONDS, Bearer, FamilyRight, Signer, new_private_jwks
from shared.clock import MovedClock, write_offset
from shared.contracts.identity import KeysRotated
from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.events import ALL_TOWNS, Envelope, Event
from shared.ids import new_id
from shared.runner import Build, Runner
from shared.settings import CommonSettings
from shared.store import Store, connect

SIGNING_KEYS = new_private_jwks(["test-key"])
START = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)  # Monday 14 September 2026, 10:00 in Paris


async def eventually(
    check: Callable[[], Awaitable[Any]], *, within: float = 15, what: str = "condition"
) -> Any:
    """Ask again until ``check`` answers something true; fail after ``within`` seconds."""
    deadline = monotonic() + within
    while True:
        found = await check()
        if found:
            return found
        if monotonic() > deadline:
            pytest.fail(f"never happened within {within} s: {what}")
        await asyncio.sleep(0.02)


@dataclass
class Answer:
    """An HTTP answer: status, parsed JSON (or None), headers."""

    status: int
    json: Any
    headers: Mapping[str, str]


@dataclass
class World:
    """Handles on what runs."""

    runner: Runner
    origin: str
    http: aiohttp.ClientSession
    clock: MovedClock
    clock_file: Path
    namespace: str
    mongodb_url: str
    signer: Signer = field(default_factory=lambda: Signer(SIGNING_KEYS))
    _sequence: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def move_to(self, town_now: datetime) -> None:
        """Set the town's clock."""
        write_offset(self.clock_file, town_now)

    def store(self, service: str) -> Store:
        """A service's own store, to look into."""
        for running in self.runner.running:
            if running.service.name == service:
                return running.parts.store
        raise KeyError(service)

    def token(
        self,
        town: str = "veyras",
        *,
        account: str | None = None,
        families: Mapping[str, str] | None = None,
        roles: tuple[str, ...] = (),
    ) -> str:
        """An access token; ``families`` maps family to guardian."""
        now = datetime.now(UTC)
        rights = tuple(FamilyRight(*pair) for pair in (families or {}).items())
        bearer = Bearer(
            account or new_id(), town, new_id(), rights, frozenset(roles),
            int((now + timedelta(seconds=ACCESS_TOKEN_SECONDS)).timestamp()),
        )  # fmt: skip
        return self.signer.sign(bearer, now)

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        json: Any = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One HTTP request; an ``Idempotency-Key`` goes with each POST, PUT, PATCH, DELETE."""
        sent = {**(headers or {})}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if method != "GET":
            sent["Idempotency-Key"] = key or new_id()
        async with self.http.request(method, self.origin + path, json=json, headers=sent) as got:
            raw = await got.read()
            is_json = "json" in got.headers.get("Content-Type", "")
            return Answer(got.status, (await got.json(content_type=None)) if raw and is_json
                          else None, got.headers)  # fmt: skip

    async def say(
        self,
        event: Event,
        subject: str,
        *,
        town: str = "veyras",
        sequence: int | None = None,
        time: datetime | None = None,
    ) -> Envelope:
        """Publish an event as an absent service would, said now or at the town's ``time``."""
        envelope = Envelope(
            id=new_id(), type=event.type, subject=subject, town=town,
            time=time or self.clock.town(), sequence=sequence or next(self._sequence),
            correlation=new_id(), causation=None,
            data=event.model_dump(mode="json"),
        )  # fmt: skip

        async def published() -> bool:
            return (await self.runner.bus.publish([envelope]))[0]

        await eventually(published, what=f"{event.type} published")
        return envelope


@asynccontextmanager
async def world(
    builds: Mapping[str, Build],
    *,
    mongodb_url: str,
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    amqp_url: str | None = None,
    smtp_url: str | None = None,
    start: datetime = START,
    replica: bool = False,
) -> AsyncIterator[World]:
    """Start ``builds`` in this process; drain and drop their databases afterwards.

    A ``replica`` joins what runs under the same namespace, and leaves its databases to it.
    """
    clock_file = tmp_path / "clock"
    write_offset(clock_file, start)
    monkeypatch.setenv("PREAU_SIGNING_KEYS", SIGNING_KEYS)
    if smtp_url:
        monkeypatch.setenv("SMTP_URL", smtp_url)
    settings = CommonSettings(
        MONGODB_URL=SecretStr(mongodb_url), AMQP_URL=SecretStr(amqp_url) if amqp_url else None,
        PREAU_NAMESPACE=namespace, PREAU_PORT=0, PREAU_CLOCK_FILE=clock_file,
        PREAU_RETRY_DELAYS=(0.1, 0.2, 0.3),
    )  # type: ignore[call-arg]  # fmt: skip
    runner = Runner(builds, settings, SUBSCRIPTIONS)
    await runner.start()
    try:
        await runner.ready()
        origin = f"http://127.0.0.1:{runner.port}"
        async with aiohttp.ClientSession() as http:
            running = World(
                runner, origin, http, MovedClock(clock_file), clock_file, namespace, mongodb_url
            )
            if "identity" not in builds:
                keys = KeysRotated(jwks=running.signer.public_jwks())
                await running.say(keys, "signing_keys/current", town=ALL_TOWNS)
            yield running
    finally:
        await runner.stop()
        if not replica:
            await drop_databases(mongodb_url, namespace)


async def drop_databases(mongodb_url: str, namespace: str) -> None:
    """Remove what a test left."""
    client = connect(mongodb_url)
    for name in await client.list_database_names():
        if name.startswith(f"{namespace}_"):
            await client.drop_database(name)
    await client.close()
