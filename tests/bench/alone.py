"""One service as a process of its own, with a town and families, measured from outside."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import aiohttp

from deploy.local.process import free_port, spawn, terminate
from shared.auth import Signer
from shared.bus.amqp import AmqpBus
from shared.clock import MachineClock, write_offset
from shared.contracts.identity import KeysRotated, TownChanged
from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.contracts.town_file import TownFile
from shared.days import Days, days_between
from shared.holidays import FrenchHolidays
from shared.ids import new_id
from shared.store import Store, connect
from tests.bench.measure import Servers, cpu_seconds
from tests.faults.stage import Stage
from tests.samples import Household
from tests.world import SIGNING_KEYS, START, eventually

AT_ONCE = 8


@dataclass(frozen=True)
class Spent:
    """CPU of the service and of the database, and time, in seconds."""

    service: float
    database: float
    seconds: float

    @property
    def cpu(self) -> float:
        """Both together."""
        return self.service + self.database


@dataclass(frozen=True)
class Alone:
    """What runs, and the hands that play the others."""

    stage: Stage
    store: Store
    http: aiohttp.ClientSession
    api: str
    pid: int
    mongod: int
    stop: Callable[[], None]

    async def introduce(self, file: TownFile, families: Sequence[Household]) -> None:
        """Say the town and its families; return once they are known."""
        jwks = self.stage.signer.public_jwks()
        await self.stage.say(KeysRotated(jwks=jwks), "signing_keys/current", "all")
        await self.stage.say(TownChanged(version=1, file=file), f"towns/{file.town}")
        for family in families:
            await self.stage.say(family.card(), f"families/{family.id}")

        async def heard() -> bool:
            known = {
                kind: await self.store.count(f"copy_{kind}", {})
                for kind in ("keys", "towns", "families")
            }
            return all(known.values()) and known["families"] >= len(families)

        await eventually(heard)

    async def get(self, path: str, family: Household) -> Any:
        """What a family reads."""
        headers = {"Authorization": f"Bearer {self.stage.token(family)}"}
        async with self.http.get(f"{self.api}/{path}", headers=headers) as got:
            content = await got.json()
            assert got.status == 200, content
            return content

    async def ask(self, family: Household, body: Any, token: str | None = None) -> Any:
        """What a family asks."""
        bearer = token or self.stage.token(family)
        headers = {"Authorization": f"Bearer {bearer}", "Idempotency-Key": new_id()}
        async with self.http.post(f"{self.api}/requests", json=body, headers=headers) as got:
            content = await got.json()
            assert got.status == 201, content
            return content

    async def spent(self, work: Awaitable[None]) -> Spent:
        """What some work costs, until its events are confirmed by the broker."""
        before = (cpu_seconds(self.pid), cpu_seconds(self.mongod), time.monotonic())
        await work
        await eventually(partial(_said, self.store), what="events confirmed")
        after = (cpu_seconds(self.pid), cpu_seconds(self.mongod), time.monotonic())
        return Spent(*(end - start for start, end in zip(before, after, strict=True)))


@asynccontextmanager
async def service_alone(servers: Servers, service: str) -> AsyncIterator[Alone]:
    """A service, started, its clock at ``START``."""
    namespace = f"b{new_id()[-6:]}"
    clock_file = servers.folder / "clock"
    write_offset(clock_file, START)
    port = free_port()
    environment = {
        **os.environ, "MONGODB_URL": servers.mongodb_url, "AMQP_URL": servers.amqp_url,
        "PREAU_NAMESPACE": namespace, "PREAU_CLOCK_FILE": str(clock_file),
        "PREAU_PORT": str(port), "PREAU_LOG_LEVEL": "ERROR",
    }  # fmt: skip
    command = [sys.executable, "-m", f"services.{service}"]
    child = spawn(command, env=environment, output=servers.folder / f"{service}.log")
    bus = AmqpBus(servers.amqp_url, namespace, SUBSCRIPTIONS)
    await bus.start()
    client = connect(servers.mongodb_url)
    store = Store(client, f"{namespace}_{service}", MachineClock())
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as http:
            stage = Stage(
                {}, bus, http, clock_file, None, servers.mongodb_url, namespace,  # type: ignore[arg-type]
                Signer(SIGNING_KEYS),
            )  # fmt: skip
            yield Alone(
                stage, store, http, f"http://127.0.0.1:{port}/api/{service}/v1/veyras", child.pid,
                servers.mongod, partial(terminate, child, patience=15),
            )  # fmt: skip
    finally:
        terminate(child, patience=15)
        await client.drop_database(f"{namespace}_{service}")
        await bus.stop()
        await client.close()


def school_days(file: TownFile) -> list[date]:
    """The days of a school year on which there is service."""
    days = Days(file, FrenchHolidays())
    year = days_between(date(2026, 9, 15), date(2027, 7, 2))
    return [day for day in year if days.closed("school-days", day) is None]


async def _said(store: Store) -> bool:
    return not await store.count("requests", {"pending.0.id": {"$exists": True}})
