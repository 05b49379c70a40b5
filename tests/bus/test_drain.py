"""A process told to stop finishes what it has in hand, and only that."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import shared.runner
from deploy.local.process import free_port, spawn
from deploy.local.proxy import TcpProxy
from shared.events import Envelope
from tests.bus.rig import Counted, Rig
from tests.world import eventually, is_ready, publish

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def _process(rig: Rig, folder: Path) -> AsyncIterator[tuple[Any, str]]:
    port = free_port()
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "MONGODB_URL": rig.mongodb_url,
        "PREAU_NAMESPACE": rig.namespace,
        "PREAU_PORT": str(port),
        "PREAU_LEASE_SECONDS": "1",  # of what it was taking from the local bus when it was told
    }
    env.pop("AMQP_URL", None)
    if rig.amqp_url:
        env["AMQP_URL"] = rig.amqp_url
    command = [sys.executable, "-m", "tests.bus.process", str(folder)]
    process = spawn(command, env=env, output=folder / "log")
    try:
        origin = f"http://127.0.0.1:{port}"

        async def ready() -> bool:
            assert process.poll() is None, (folder / "log").read_text()
            return await is_ready(origin)

        await eventually(ready)
        yield process, origin
    finally:
        process.kill()
        process.wait()


async def _ended(process: Any) -> int:
    async def ended() -> bool:
        return process.poll() is not None

    await eventually(ended, what="process ended")
    return int(process.returncode)


async def test_sigterm_lets_handlers_finish_and_the_last_events_leave(
    rig: Rig, tmp_path: Path
) -> None:
    async with rig.replica(services=["testing"]) as sayer:
        async with _process(rig, tmp_path) as (process, origin):
            said = rig.envelope(Counted(key="slow", number=1), "slow")
            await publish(sayer.bus, said)

            async def begun() -> bool:
                return (tmp_path / "begun").exists()

            await eventually(begun)
            async with aiohttp.ClientSession() as http:
                body = {"key": "last", "number": 7}
                async with http.post(f"{origin}/api/testing/v1/veyras/say", json=body) as got:
                    assert got.status == 204
            process.send_signal(signal.SIGTERM)

            async def draining() -> bool:
                return (tmp_path / "draining").exists()

            await eventually(draining, what="it waits for its handler")
            (tmp_path / "go-on").touch()
            assert await _ended(process) == 0

        again: list[str] = []

        async def behave(envelope: Envelope, _: Any) -> None:
            again.append(envelope.id)

        assert await sayer.publisher.unsaid() == 0, "the last event left before the end"
        async with rig.replica(behave, services=["listening"]) as next_one:
            assert await next_one.listener.numbers("slow") == [1]

            async def last_heard() -> bool:
                return await next_one.listener.numbers("last") == [7]

            await eventually(last_heard)
            assert said.id not in again, "acknowledged before the end"


# The driver leaves a socket unclosed when a connection attempt is cancelled.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_sigterm_with_the_store_away_ends_in_time_and_loses_nothing(
    rig: Rig, mongodb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.runner, "_PATIENCE", 2.0)
    host, _, port = mongodb_url.removeprefix("mongodb://").partition("/")[0].partition(":")
    async with (
        TcpProxy(host, int(port)) as proxy,
        rig.replica(services=["testing"]) as sayer,
    ):
        through = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
        began = asyncio.Event()
        away = asyncio.Event()

        async def behave(_: Envelope, __: Any) -> None:
            began.set()
            await away.wait()

        async with rig.replica(
            behave, services=["listening"], MONGODB_URL=through, PREAU_LEASE_SECONDS=1
        ):
            await publish(sayer.bus, rig.envelope(Counted(key="k", number=1), "k"))
            await asyncio.wait_for(began.wait(), 10)
            await proxy.cut()
            away.set()
            started = time.monotonic()
        assert time.monotonic() - started < 10
        async with rig.replica(services=["listening"]) as next_one:

            async def heard() -> bool:
                return await next_one.listener.numbers("k") == [1]

            await eventually(heard)
            assert not await next_one.listener.held()
    gc.collect()
