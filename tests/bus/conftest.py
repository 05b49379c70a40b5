"""One suite, two transports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from shared import logs
from tests.bus.rig import Rig


@pytest.fixture(autouse=True)
def _service_logs() -> None:
    """Logs as in production: an attempt to log a key that is not allowed fails the test."""
    logs.configure("tests")


@pytest.fixture
def logged() -> Iterator[Counter[str]]:
    """How often each event has been logged since the test began: what was tried, and failed."""
    counts: Counter[str] = Counter()

    def count(_: Any, __: str, event: Any) -> Any:
        counts[event["event"]] += 1
        return event

    processors = structlog.get_config()["processors"]
    processors.insert(0, count)
    yield counts
    processors.remove(count)


@pytest.fixture(params=["local", "amqp"])
def rig(request: pytest.FixtureRequest, mongodb_url: str, namespace: str) -> Rig:
    """Whatever holds on one transport holds on the other."""
    amqp_url = request.getfixturevalue("amqp_url") if request.param == "amqp" else None
    return Rig(request.param, mongodb_url, amqp_url, namespace)


@pytest.fixture
def amqp_rig(mongodb_url: str, amqp_url: str, namespace: str) -> Rig:
    """For what only a broker can do."""
    return Rig("amqp", mongodb_url, amqp_url, namespace)


@pytest.fixture
def local_rig(mongodb_url: str, namespace: str) -> Rig:
    """For what only the local bus does."""
    return Rig("local", mongodb_url, None, namespace)
