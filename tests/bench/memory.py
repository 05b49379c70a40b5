"""Memory: each service idle in a process of its own, and all of them in one as in the demo."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import aiohttp

from deploy.local.process import free_port, spawn, terminate
from services.registry import BUILDS
from shared.ids import new_id
from tests.bench.measure import Row, Servers, memory_megabytes, row
from tests.world import SIGNING_KEYS, eventually


async def measure(servers: Servers) -> list[Row]:
    """Resident memory once ready, in megabytes; the database's beside."""
    rows = [row(f"memory, {name} idle", [await _idle(servers, [name])], "MB") for name in BUILDS]
    rows.append(row("memory, all services in one process", [await _idle(servers, [*BUILDS])], "MB"))
    rows.append(row("memory, mongod", [memory_megabytes(servers.mongod)], "MB"))
    return rows


async def _idle(servers: Servers, names: Sequence[str]) -> float:
    port = free_port()
    environment = {
        **os.environ, "MONGODB_URL": servers.mongodb_url, "AMQP_URL": servers.amqp_url,
        "SMTP_URL": "smtp://127.0.0.1:9", "PREAU_NAMESPACE": f"m{new_id()[-6:]}",
        "PREAU_PORT": str(port), "PREAU_LOG_LEVEL": "ERROR", "PREAU_SIGNING_KEYS": SIGNING_KEYS,
    }  # fmt: skip
    log = servers.folder / "memory.log"
    command = [sys.executable, "-c", "from services.cli import main; main()", "run", *names]
    child = spawn(command, env=environment, output=log)

    async def ready() -> bool:
        try:
            async with (
                aiohttp.ClientSession() as http,
                http.get(f"http://127.0.0.1:{port}/readyz") as got,
            ):
                return got.status == 200
        except (aiohttp.ClientError, OSError):
            return False

    try:
        await eventually(ready)
        return memory_megabytes(child.pid)
    finally:
        terminate(child, patience=15)
