"""A few workers that clean files; one that dies, hangs or has done many is replaced."""

from __future__ import annotations

import asyncio
import os
import struct
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import dataclass

import orjson

from services.family.domain.uploads import BadFile, Cleaned
from shared.logs import get_logger

_WORKER = "services.family.intake.worker"
#: A worker is replaced after so many files: what a library leaks does not add up.
_FILES_EACH = 100
_log = get_logger()


@dataclass
class _Worker:
    """One process: ``idle`` while it has answered everything, ``done`` files so far."""

    process: Process
    idle: bool = True
    done: int = 0
    peak_kib: int = 0

    async def clean(self, content: bytes) -> Cleaned:
        """What became of a file. Raises ``BadFile``."""
        source, target = self.process.stdout, self.process.stdin
        if source is None or target is None:
            raise RuntimeError("worker started without pipes")
        self.idle = False
        target.write(struct.pack("!I", len(content)) + content)
        await target.drain()
        outcome = orjson.loads(await _read(source))
        cleaned = await _read(source)
        self.idle, self.done, self.peak_kib = True, self.done + 1, outcome["peak_kib"]
        if "code" in outcome:
            raise BadFile(outcome["code"])
        return Cleaned(outcome["kind"], cleaned, outcome["pages"])


class Cleaners:
    """At most ``count`` files are cleaned at once, each within ``seconds``; others wait.

    ``peak_kib`` is the most memory any worker has answered to have used.
    """

    def __init__(self, count: int = 2, seconds: float = 20.0) -> None:
        self._seconds = seconds
        self._turn = asyncio.Semaphore(count)
        self._idle: list[_Worker] = []
        self._closed = False
        self.peak_kib = 0

    async def clean(self, content: bytes) -> Cleaned:
        """The file anew. Raises ``BadFile``: also when it costs more than a file may."""
        async with self._turn:
            worker = self._idle.pop() if self._idle else _Worker(await _start())
            try:
                async with asyncio.timeout(self._seconds):
                    return await worker.clean(content)
            except (TimeoutError, OSError, EOFError) as error:
                _log.warning("cleaning-given-up", reason=type(error).__name__)
                raise BadFile("file-too-complex") from error
            finally:
                self.peak_kib = max(self.peak_kib, worker.peak_kib)
                if worker.idle and worker.done < _FILES_EACH and not self._closed:
                    self._idle.append(worker)
                else:
                    await _end(worker.process)

    async def close(self) -> None:
        """End the workers that wait; those at work end with their file."""
        self._closed = True
        while self._idle:
            await _end(self._idle.pop().process)


async def _start() -> Process:
    """A worker with nothing of our environment but where the code is."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", _WORKER, stdin=PIPE, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(sys.path)}, close_fds=True,
    )  # fmt: skip


async def _end(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
    if process.stdin is not None:
        process.stdin.close()


async def _read(source: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack("!I", await source.readexactly(4))
    return await source.readexactly(size)
