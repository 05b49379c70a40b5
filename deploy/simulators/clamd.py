"""A clamd that knows one virus: EICAR's test file.

Its protocol is that of clamd(8): commands prefixed with ``n`` or ``z``, PING, VERSION and
INSTREAM with its pieces of four bytes of length; a stream beyond ``StreamMaxLength`` is refused
in clamd's words, and the connection closed. Like clamd, it finds EICAR at the head of a file
only; ``anywhere`` makes it find it in any place.
"""

from __future__ import annotations

import asyncio
import struct
from types import TracebackType

#: https://www.eicar.org: harmless, and a virus to every scanner. In two parts, so that none
#: takes this file away.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR" + b"-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
_TOO_LONG = b"INSTREAM size limit exceeded. ERROR"


class Clamd:
    """Listens on loopback while the context lasts; ``url`` is what ``PREAU_CLAMD_URL`` says."""

    def __init__(
        self, *, stream_max_length: int = 25 * 1024 * 1024, anywhere: bool = False
    ) -> None:
        self._most = stream_max_length
        self._anywhere = anywhere
        self._server: asyncio.Server | None = None
        self.scanned = 0

    async def __aenter__(self) -> Clamd:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @property
    def url(self) -> str:
        """``tcp://127.0.0.1:port``."""
        if self._server is None:
            raise RuntimeError("not started")
        return f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _answer(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            end = b"\0" if (prefix := await source.readexactly(1)) == b"z" else b"\n"
            command = (await source.readuntil(end))[:-1] if prefix in (b"n", b"z") else b""
            said = await self._obey(command, source)
            target.write(said + end)
            await target.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            target.close()

    async def _obey(self, command: bytes, source: asyncio.StreamReader) -> bytes:
        if command == b"PING":
            return b"PONG"
        if command == b"VERSION":
            return b"ClamAV 1.4.3/27700/Sat Nov 28 09:00:00 2026"
        if command == b"INSTREAM":
            return await self._scan(source)
        return b"UNKNOWN COMMAND"

    async def _scan(self, source: asyncio.StreamReader) -> bytes:
        content = bytearray()
        while size := struct.unpack("!I", await source.readexactly(4))[0]:
            if len(content) + size > self._most:
                return _TOO_LONG
            content += await source.readexactly(size)
        self.scanned += 1
        found = EICAR in content if self._anywhere else content.startswith(EICAR)
        return b"stream: Eicar-Test-Signature FOUND" if found else b"stream: OK"
