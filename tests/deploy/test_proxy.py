"""The proxy that breaks connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from deploy.local.proxy import TcpProxy


@pytest.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    """A proxy in front of a server that answers what it is told."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, TcpProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        yield proxy


async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(b"hello")
    return await reader.readexactly(5)


async def test_forwards_cuts_and_heals(proxy: TcpProxy) -> None:
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    assert await say(reader, writer) == b"hello"
    await proxy.cut()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await say(reader, writer)
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(proxy.host, proxy.port)
    await proxy.heal()
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    assert await say(reader, writer) == b"hello"
    writer.close()
    assert proxy.accepted == 2


async def test_stalls(proxy: TcpProxy) -> None:
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    proxy.stall()
    answer = asyncio.create_task(say(reader, writer))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(answer), 0.2)
    await proxy.heal()
    assert await answer == b"hello"
    writer.close()


async def test_an_end_is_passed_on(proxy: TcpProxy) -> None:
    reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
    writer.write(b"bye")
    writer.write_eof()
    assert await reader.read() == b"bye"
    writer.close()


async def test_a_dead_target_closes_the_connection() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with TcpProxy("127.0.0.1", port) as proxy:
        reader, writer = await asyncio.open_connection(proxy.host, proxy.port)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
