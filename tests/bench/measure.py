"""CPU of processes, servers for a run, and a table."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.mongod import EmbeddedMongo
from deploy.local.rabbitmq import find_amqp

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def own_cpu_seconds() -> float:
    """User and system time of this process so far, in seconds, to the microsecond."""
    return time.process_time()


def memory_megabytes(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True)
class Servers:
    """What a benchmark talks to; ``mongod`` is the database's process id."""

    mongodb_url: str
    mongod: int
    amqp_url: str
    folder: Path


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """The embedded MongoDB and a RabbitMQ for the length of a run."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        mongod = EmbeddedMongo(folder / "mongodb")
        url = mongod.start()
        stack.callback(mongod.stop)
        broker = stack.enter_context(find_amqp(folder / "rabbitmq"))
        if mongod.pid is None:
            raise RuntimeError("mongod has no process")
        yield Servers(url, mongod.pid, broker.url, folder)


@dataclass(frozen=True)
class Row:
    """One figure; ``reach`` says what is wanted of it, or nothing."""

    what: str
    values: tuple[float, ...]
    unit: str
    reach: str = ""
    met: bool | None = None

    @property
    def median(self) -> float:
        """The figure to quote."""
        return statistics.median(self.values)


def row(what: str, values: Iterable[float], unit: str) -> Row:
    """A figure that is only shown."""
    return Row(what, tuple(values), unit)


def at_most(what: str, values: Iterable[float], unit: str, limit: float) -> Row:
    """A figure with an upper limit on its median."""
    found = tuple(values)
    return Row(what, found, unit, f"≤ {limit:g}", statistics.median(found) <= limit)


def at_least(what: str, values: Iterable[float], unit: str, limit: float) -> Row:
    """A figure with a lower limit on its median."""
    found = tuple(values)
    return Row(what, found, unit, f"≥ {limit:g}", statistics.median(found) >= limit)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
