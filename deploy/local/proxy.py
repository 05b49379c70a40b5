"""A TCP proxy that breaks connections on purpose, for fault tests."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from types import TracebackType
from typing import Self

_CHUNK = 65536


class TcpProxy:
    """Forwards a loopback port to `host`:`port`, until told to misbehave.

    Works in the running event loop; an asynchronous context manager.
    """

    def __init__(self, host: str, port: int) -> None:
        """`host` and `port` are the real server's."""
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._flows = asyncio.Event()
        self._flows.set()
        self._connections: set[asyncio.Task[None]] = set()
        self._accepted = 0

    @property
    def host(self) -> str:
        """Where clients connect."""
        return "127.0.0.1"

    @property
    def port(self) -> int:
        """Where clients connect; kept over `cut` and `heal`."""
        return self._port

    @property
    def accepted(self) -> int:
        """How many connections were taken since the start."""
        return self._accepted

    async def start(self) -> int:
        """Listen and return the port."""
        await self.heal()
        return self._port

    async def cut(self) -> None:
        """Drop every connection (a reset) and refuse new ones until `heal`."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.drop()

    async def drop(self) -> None:
        """Drop the connections of this moment; new ones are taken."""
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def stall(self) -> None:
        """Keep connections open and take new ones, but pass no byte until `heal`."""
        self._flows.clear()

    async def heal(self) -> None:
        """Forward again, on the same port."""
        self._flows.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._take, self.host, self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Drop everything and stop listening."""
        await self.cut()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        self._accepted += 1
        ends = [writer]
        try:
            far_reader, far = await asyncio.open_connection(*self._target)
            ends.append(far)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(reader, far))
                group.create_task(self._forward(far_reader, writer))
        except* (OSError, asyncio.CancelledError):
            for end in ends:
                _reset(end)
        finally:
            self._connections.discard(task)
            for end in ends:
                end.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Make the connection end by a reset: that is how cables and servers go."""
    with contextlib.suppress(OSError):
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
