"""One suite, two transports."""

from __future__ import annotations

import pytest

from shared import logs
from tests.bus.rig import Rig


@pytest.fixture(scope="session", autouse=True)
def _service_logs() -> None:
    """Logs as in production: an attempt to log a key that is not allowed fails the test."""
    logs.configure("tests")


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
