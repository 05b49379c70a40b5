"""Child processes that never outlive the process which started them."""

from __future__ import annotations

import os
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

# Below Linux's range of ephemeral ports (32768 and up): a server that is killed and started
# again on its port must not find an outgoing connection sitting there.
_PORTS = range(20_000, 32_000)

# The child asks the kernel to be killed when the thread that forked it ends, then becomes the
# server. Done by a small program rather than by `preexec_fn`, which may deadlock when other
# threads hold locks. The parent may have died before the request: hence the second look.
_LAUNCHER = """
import ctypes, os, signal, sys
ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the parent has gone")
os.execvp(sys.argv[2], sys.argv[2:])
"""


class ServerUnavailableError(RuntimeError):
    """A server can be neither found nor started; the message says what to give instead."""


class _Forker:
    """One thread that lives as long as the process and forks every child.

    The death signal is tied to the forking *thread*, not to its process: a child forked from
    a pool's thread (``asyncio.to_thread``) would die with that thread.
    """

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[
            tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]
        ] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def run(self, make: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        """Call `make` in the forking thread and return its process."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="forker", daemon=True)
                self._thread.start()
        future: Future[subprocess.Popen[bytes]] = Future()
        self._requests.put((make, future))
        return future.result()

    def _loop(self) -> None:
        while True:
            make, future = self._requests.get()
            try:
                future.set_result(make())
            except OSError as error:
                future.set_exception(error)


_forker = _Forker()


def spawn(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, output: Path
) -> subprocess.Popen[bytes]:
    """Start `command`, killed with this process however that one ends.

    The child has a process group of its own, so that the terminal's Ctrl-C reaches only this
    process, which stops its children in its own order. `output` gets its standard output and
    error. The pid is that of the command itself: no shell and no guard stay in between.
    """
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *command]

    def make() -> subprocess.Popen[bytes]:
        with output.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - the command is written in this package
                launcher,
                env=None if env is None else dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    return _forker.run(make)


def terminate(process: subprocess.Popen[bytes], *, patience: float) -> None:
    """Ask `process` to end, then kill it after `patience` seconds; returns when it is gone."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def free_port() -> int:
    """A loopback TCP port that nothing listens on, outside the ephemeral range."""
    for port in random.SystemRandom().sample(_PORTS, 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise ServerUnavailableError("no free loopback port between 20000 and 31999")


def kept_port(folder: Path, name: str) -> int:
    """The port written in ``folder/name``; the first call chooses and writes it.

    A data folder keeps its port: a replica set and its clients know their node by address.
    """
    file = folder / name
    if file.exists():
        return int(file.read_text())
    port = free_port()
    file.write_text(f"{port}\n")
    return port


def wait_until(
    ready: Callable[[], bool], *, seconds: float, process: subprocess.Popen[bytes]
) -> bool:
    """Poll `ready` every 10 ms; False when `process` ended or `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        if ready():
            return True
        time.sleep(0.01)
    return False


def accepts(port: int) -> bool:
    """Whether something listens on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for an error message."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def describe_exit(process: subprocess.Popen[bytes]) -> str:
    """How the process ended, in words: ``still running``, ``exit code 1`` or ``SIGILL``."""
    code = process.poll()
    if code is None:
        return "still running"
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
