"""Fixtures of every test: real servers, started once, and names that keep tests apart."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import hypothesis
import pytest
import structlog
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from deploy.local.mailbox import Mailbox
from deploy.local.rabbitmq import Broker
from shared import logs
from tests import servers
from tests.world import StartWorld, world

# A busy machine is slow now and then: that is no failure of an example.
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")

#: What takes minutes goes first: whoever has nothing left does not wait for one of these to end.
_LONGEST = (
    "tests/portal/", "tests/faults/", "tests/booking/test_life.py",
    "tests/billing/test_whole_life.py", "tests/scenarios/",
    "tests/billing/payfip/test_crashes.py", "tests/bus/",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, then the others as they were found (the processes that share them
    take them in this order)."""
    items.sort(key=lambda item: next(
        (place for place, one in enumerate(_LONGEST) if item.nodeid.startswith(one)), len(_LONGEST)
    ))  # fmt: skip


class _OneBrowser(LoadFileScheduling):
    """File by file, all of the portal on one process: a browser beside six services is as much as
    a machine of two processors serves at once."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "tests/portal" if file.startswith("tests/portal/") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """Who runs what."""
    return _OneBrowser(config, log)


@pytest.fixture(scope="session")
def mongodb() -> Iterator[servers.MongoServer]:
    """The MongoDB of the session, with `kill` and `start` where it is ours."""
    with servers.mongodb() as server:
        yield server


@pytest.fixture
def mongodb_url(mongodb: servers.MongoServer) -> str:
    """What ``MONGODB_URL`` would say."""
    return mongodb.url


@pytest.fixture(scope="session")
def rabbit() -> Iterator[Broker]:
    """The RabbitMQ of the session, with `kill` and `start` where `can_kill`."""
    with servers.rabbitmq() as broker:
        yield broker


@pytest.fixture
def amqp_url(rabbit: Broker) -> str:
    """What ``AMQP_URL`` would say."""
    return rabbit.url


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server of the test's own: what another test still sends does not reach it."""
    with servers.smtp() as server:
        yield server


@pytest.fixture
def logged() -> Iterator[io.BytesIO]:
    """What this process logs during the test, as it would be written."""
    before = structlog.get_config()
    logs.configure("tests")
    written = io.BytesIO()
    structlog.configure(logger_factory=structlog.BytesLoggerFactory(written))
    yield written
    structlog.configure(**before)


@pytest.fixture
def namespace(request: pytest.FixtureRequest) -> Iterator[str]:
    """A short name of this test alone (``t`` and 8 hexadecimal digits).

    Put before the names of databases (``<namespace>_…``), queues and exchanges
    (``<namespace>.…``), which are deleted afterwards.
    """
    name = f"t{secrets.token_hex(4)}"
    # Only the servers which this test uses: asking for the others would start them.
    used = request.fixturenames
    database = request.getfixturevalue("mongodb") if "mongodb" in used else None
    broker = request.getfixturevalue("rabbit") if "rabbit" in used else None
    yield name
    if database is not None:
        database.drop_databases(f"{name}_")
    if broker is not None:
        broker.discard(f"{name}.")


@pytest.fixture
def start_world(
    mongodb_url: str, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> StartWorld:
    """Starts the services it is given; twice at once makes two replicas over one database."""
    return partial(
        world, mongodb_url=mongodb_url, namespace=namespace, tmp_path=tmp_path,
        monkeypatch=monkeypatch,
    )  # fmt: skip
