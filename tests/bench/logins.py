"""Fifty logins at once: how much later identity answers everybody else meanwhile."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from deploy.local.process import free_port, spawn, terminate
from services.identity.commands.agents import create_agent
from services.identity.commands.towns import load_town
from services.identity.domain.accounts import Person
from services.identity.operations import identity_of_environment
from shared.ids import new_id
from shared.store import connect
from shared.town_files import read_town_file
from tests.bench.measure import Row, Servers, at_most, percentile, row
from tests.world import SIGNING_KEYS, eventually, is_ready

ROUNDS = 5
LOGINS = int(os.environ.get("PREAU_BENCH_LOGINS", "50"))
PROBES = 100
PASSWORD = "quatre chevaux verts"
TOWN = "deploy/demo/towns/veyras.yaml"


async def measure(servers: Servers) -> list[Row]:
    """The 95th percentile of a light answer, quiet and during the logins, and their difference."""
    async with _identity(servers) as api, aiohttp.ClientSession() as http:
        quiet, busy, lasted = [], [], []
        for number in range(ROUNDS + 1):
            probes = await _probes(http, api)
            probing = asyncio.create_task(_until_done(http, api, done := asyncio.Event()))
            began = time.perf_counter()
            await asyncio.gather(*(_log_in(http, api, one) for one in range(LOGINS)))
            ended = time.perf_counter()
            done.set()
            during = await probing
            if number:
                quiet.append(1000 * percentile(probes, 0.95))
                busy.append(1000 * percentile(during, 0.95))
                lasted.append(ended - began)
    later = [with_logins - alone for with_logins, alone in zip(busy, quiet, strict=True)]
    return [
        at_most(f"an answer of identity during {LOGINS} logins at once, later by", later, "ms", 50),
        row("  that answer alone, 95th percentile", quiet, "ms"),
        row(f"  the {LOGINS} logins", lasted, "s"),
    ]


async def _log_in(http: aiohttp.ClientSession, api: str, number: int) -> None:
    body = {"login_name": f"agent.{number}", "password": PASSWORD}
    headers = {"Idempotency-Key": new_id()}
    async with http.post(f"{api}/login-sessions", json=body, headers=headers) as got:
        assert got.status == 201, await got.text()


async def _probe(http: aiohttp.ClientSession, api: str) -> float:
    began = time.perf_counter()
    async with http.get(f"{api}/town") as got:
        assert got.status == 200
        await got.read()
    return time.perf_counter() - began


async def _probes(http: aiohttp.ClientSession, api: str) -> list[float]:
    return [await _probe(http, api) for _ in range(PROBES)]


async def _until_done(http: aiohttp.ClientSession, api: str, done: asyncio.Event) -> list[float]:
    found = []
    while not done.is_set():
        found.append(await _probe(http, api))
    return found


@asynccontextmanager
async def _identity(servers: Servers) -> AsyncIterator[str]:
    """Identity, started, with a town and the agents that log in; where its routes hang."""
    namespace = f"b{new_id()[-6:]}"
    port = free_port()
    environment = {
        "MONGODB_URL": servers.mongodb_url, "AMQP_URL": servers.amqp_url,
        "PREAU_NAMESPACE": namespace, "PREAU_PORT": str(port), "PREAU_LOG_LEVEL": "ERROR",
        "PREAU_SIGNING_KEYS": SIGNING_KEYS,
    }  # fmt: skip
    command = [sys.executable, "-m", "services.identity"]
    child = spawn(command, env=os.environ | environment, output=servers.folder / "identity.log")
    origin = f"http://127.0.0.1:{port}"
    try:
        await eventually(lambda: is_ready(origin), what="identity is ready")
        await _fill(environment)
        yield f"{origin}/api/identity/v1/veyras"
    finally:
        terminate(child, patience=15)
        client = connect(servers.mongodb_url)
        await client.drop_database(f"{namespace}_identity")
        await client.close()


async def _fill(environment: dict[str, str]) -> None:
    """A town and the agents that log in, as an operator makes them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        async with identity_of_environment() as identity:
            await load_town(identity, read_town_file(Path(TOWN).read_bytes()))
            person = Person(first_name="Alix", last_name="Durand")
            for number in range(LOGINS):
                login = f"agent.{number}"
                await create_agent(
                    identity, "veyras", login, f"{login}@veyras.example", person, ["read_only"],
                    PASSWORD,
                )  # fmt: skip
