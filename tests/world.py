"""A running piece of Préau in the test's own process: real store, real bus, real HTTP.

``world(...)`` starts the named services under one port, with a town clock the test may move.
What the absent services would have said is said with ``World.say``; tokens are signed with
``World.token`` by the key that identity, when present, signs with too.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import aiohttp
import orjson
import pytest
from pydantic import BaseModel, SecretStr

from shared.auth import ACCESS_TOKEN_SECONDS, Bearer, FamilyRight, Signer, new_private_jwks
from shared.bus.local import QUEUE
from shared.bus.port import Bus
from shared.clock import MovedClock, write_offset
from shared.contracts.identity import KeysRotated
from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.errors import Refused
from shared.events import ALL_TOWNS, Envelope, Event, decode
from shared.ids import new_id
from shared.runner import Build, Runner
from shared.settings import CommonSettings
from shared.store import Store, connect

SIGNING_KEYS = new_private_jwks(["test-key"])
#: ``world`` on the servers and under the name of one test: the fixture ``start_world``.
StartWorld = Callable[..., AbstractAsyncContextManager["World"]]
START = datetime(2026, 9, 14, 8, 0, tzinfo=UTC)  # Monday 14 September 2026, 10:00 in Paris


async def eventually(
    check: Callable[[], Awaitable[Any]], *, within: float = 60, what: str = "condition"
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


async def is_ready(origin: str) -> bool:
    """Whether the process that listens there, if any does, says that it is ready."""
    try:
        async with aiohttp.ClientSession() as http, http.get(f"{origin}/readyz") as got:
            return got.status == 200
    except (aiohttp.ClientError, OSError):
        return False


def envelope(event: Event, subject: str, *, town: str, time: datetime, sequence: int) -> Envelope:
    """An event as another process would have said it."""
    return Envelope(
        id=new_id(), type=event.type, subject=subject, time=time, town=town, sequence=sequence,
        correlation=new_id(), causation=None, data=event.model_dump(mode="json"),
    )  # fmt: skip


async def publish(bus: Bus, *envelopes: Envelope) -> None:
    """Publish until all are taken, in order."""

    async def taken() -> bool:
        return all(await bus.publish(envelopes))

    await eventually(taken, what="published")


def access_token(
    signer: Signer,
    town: str,
    *,
    account: str | None = None,
    families: Mapping[str, str] | None = None,
    roles: tuple[str, ...] = (),
    sites: tuple[str, ...] = (),
) -> str:
    """A token signed now; ``families`` maps family to guardian."""
    now = datetime.now(UTC)
    rights = tuple(FamilyRight(*pair) for pair in (families or {}).items())
    bearer = Bearer(
        account or new_id(), town, new_id(), rights, frozenset(roles),
        int((now + timedelta(seconds=ACCESS_TOKEN_SECONDS)).timestamp()), frozenset(sites),
    )  # fmt: skip
    return signer.sign(bearer, now)


@dataclass
class Answer:
    """An HTTP answer: status, parsed JSON (or None), headers, the body as it came."""

    status: int
    json: Any
    headers: Mapping[str, str]
    body: bytes = b""

    def as_declared(self, model: type[BaseModel]) -> Answer:
        """The same, once it was read as the route's model, and is what that would be written as."""
        assert orjson.loads(model.model_validate_json(self.body).model_dump_json()) == self.json
        return self


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

    def of(self, service: str) -> Any:
        """What the runner holds of a service: its ``service``, ``parts`` and ``consumer``."""
        return next(one for one in self.runner.running if one.service.name == service)

    async def trusted(self) -> bool:
        """Whether every service that hears of the keys that tokens are signed with knows them."""
        token = self.token()
        try:
            for running in self.runner.running:
                if any(one.contract is KeysRotated for one in running.service.reactions):
                    running.parts.keys.verify(token)
        except Refused:
            return False
        return True

    def store(self, service: str) -> Store:
        """A service's own store, to look into."""
        store: Store = self.of(service).parts.store
        return store

    def state(self, service: str) -> Any:
        """What a service's route handlers are given: the use cases' collaborators."""
        return self.of(service).service.state

    async def queued(self, service: str) -> list[Envelope]:
        """The events that wait for a service on the local bus, in order."""
        client = connect(self.mongodb_url)
        store = Store(client, f"{self.namespace}_bus", self.clock)
        try:
            found = await store.find(QUEUE, {"service": service}, sort=[("order", 1)])
        finally:
            await client.close()
        return [decode(document["body"]) for document in found]

    def token(
        self,
        town: str = "veyras",
        *,
        account: str | None = None,
        families: Mapping[str, str] | None = None,
        roles: tuple[str, ...] = (),
        sites: tuple[str, ...] = (),
    ) -> str:
        """An access token; ``families`` maps family to guardian."""
        return access_token(
            self.signer, town, account=account, families=families, roles=roles, sites=sites
        )

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
                          else None, got.headers, raw)  # fmt: skip

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
        said = envelope(
            event, subject, town=town, time=time or self.clock.town(),
            sequence=sequence or next(self._sequence),
        )  # fmt: skip
        await publish(self.runner.bus, said)
        return said


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

    A ``replica`` joins what runs under the same namespace, and leaves its databases to it. The
    environment is that of the services, for the commands that operators type beside them.
    """
    clock_file = tmp_path / "clock"
    write_offset(clock_file, start)
    monkeypatch.setenv("MONGODB_URL", mongodb_url)
    monkeypatch.setenv("PREAU_NAMESPACE", namespace)
    monkeypatch.setenv("PREAU_CLOCK_FILE", str(clock_file))
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
                await eventually(running.trusted, what="the signing keys are known everywhere")
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
