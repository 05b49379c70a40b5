"""Serving a simulator on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web


class Simulator(Protocol):
    """What has an application, and learns at which origin it is served."""

    origin: str

    def app(self) -> web.Application:
        """The application to serve."""


@asynccontextmanager
async def serving(simulator: Simulator, port: int = 0) -> AsyncIterator[str]:
    """Serve until the block ends; yields the origin (``http://localhost:…``).

    A port that is taken gives way to any free one.
    """
    runner = web.AppRunner(simulator.app(), access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
        simulator.origin = f"http://localhost:{runner.addresses[0][1]}"
        yield simulator.origin
    finally:
        await runner.cleanup()
