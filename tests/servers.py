"""The real servers of a test session: each starts once, when a test first asks for it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from deploy.local.mailbox import Mailbox
from deploy.local.mongod import EmbeddedMongo, require_real_mongodb
from deploy.local.rabbitmq import Broker, find_amqp

_MEMORY, _PLENTY = Path("/dev/shm"), 8_000_000_000


class MongoServer:
    """The session's MongoDB: ``MONGODB_URL`` if given, else the embedded one."""

    def __init__(self, url: str, embedded: EmbeddedMongo | None) -> None:
        self.url = url
        self.embedded = embedded

    @property
    def can_kill(self) -> bool:
        """Whether `kill` and `start` work; a server that was given cannot be killed."""
        return self.embedded is not None

    @property
    def direct_url(self) -> str:
        """One node, without asking it for its set's members: for a proxy in front of it."""
        assert self.embedded is not None, "only the embedded server is one known node"
        return self.embedded.direct_url

    def kill(self) -> None:
        """SIGKILL."""
        assert self.embedded is not None, "a server given by MONGODB_URL is not ours to kill"
        self.embedded.kill()

    def start(self) -> str:
        """Start again after `kill`, on the same port and data."""
        assert self.embedded is not None, "a server given by MONGODB_URL is not ours to start"
        return self.embedded.start()

    def drop_databases(self, prefix: str) -> None:
        """Drop the databases whose names start so."""
        with MongoClient[dict[str, Any]](self.url) as client:
            for name in client.list_database_names():
                if name.startswith(prefix):
                    client.drop_database(name)


@contextlib.contextmanager
def mongodb() -> Iterator[MongoServer]:
    """Yield the session's MongoDB and stop what was started.

    Raises ServerUnavailableError when there is none, or when it is an imitation.
    """
    if given := os.environ.get("MONGODB_URL"):
        require_real_mongodb(given)
        yield MongoServer(given, None)
        return
    with _folder("mongodb") as folder:
        server = EmbeddedMongo(folder)
        try:
            url = server.start()
            require_real_mongodb(url)
            yield MongoServer(url, server)
        finally:
            server.delete()


@contextlib.contextmanager
def rabbitmq() -> Iterator[Broker]:
    """Yield the session's broker and stop what was started."""
    with _folder("rabbitmq") as folder, find_amqp(folder) as broker:
        yield broker


@contextlib.contextmanager
def smtp() -> Iterator[Mailbox]:
    """Yield a running mailbox and stop it."""
    server = Mailbox().start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def _folder(name: str) -> Iterator[Path]:
    """A folder for a server's data, deleted at the end.

    Its name holds this process' pid, by which a later session finds and deletes what a killed
    one has left (300 MB each). It lies in memory where there is plenty: no test cuts the power, so
    none gains by waiting for a disk.
    """
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _PLENTY
    places = _MEMORY if roomy else Path(tempfile.gettempdir())
    for left in places.glob("preau-*-pid*-*"):
        pid = int(left.name.rpartition("-pid")[2].partition("-")[0])
        if not Path(f"/proc/{pid}").exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"preau-{name}-pid{os.getpid()}-", dir=places))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
