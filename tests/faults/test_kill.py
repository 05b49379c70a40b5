"""A process is killed at each named fail point on the way from a request to the digest's mail.

One running system for the whole module; each case makes a process of each service die at
one point, then goes the whole way: a family asks, an agent decides, the next window's digest
leaves. After every case: each decision stored is in exactly one digest, each request has exactly
one acknowledgement, and places are held by whom they were granted to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import zip_longest

import pytest

import services.booking.service
import services.notify.service
from deploy.local.rabbitmq import Broker
from shared.failpoints import points
from tests import servers
from tests.faults.rounds import nothing_lost_nothing_twice, one_round, staged
from tests.faults.stage import SERVICES, Stage
from tests.world import eventually

#: Steps that this path does not take, each with where it is taken and tested instead.
ELSEWHERE = {
    "booking.place.bury": "a hold given back that was never taken: tests/booking",
    "booking.request.claim": "a request that a dead process left half done: tests/booking",
    "consumer.claim": "a held event tried again: tests/bus",
    "consumer.hold": "an event that fails or waits: tests/bus",
    "consumer.release": "an event that fails or waits: tests/bus",
    "local-bus.enqueue": "the local bus: tests/bus",
    "local-bus.take": "the local bus: tests/bus",
    "local-bus.remove": "the local bus: tests/bus",
    "notify.cut-offs.set": "a town's first file or changed cut-offs: tests/notify",
    "notify.mail.fail": "a mail refused for good: tests/notify",
}

#: What a process does once in many rounds unless it has just been started.
ONCE_STARTED = {"booking.number.reserve"}


#: Whose steps are on a service's part of the path beside its own; agents only ask booking.
SHARED = ("outbox", "consumer", "copies")
ALSO = {"booking": (*SHARED, "shared"), "notify": SHARED}


def points_of(service: str) -> list[str]:
    """The fail points on the service's part of the path: its own and the shared ones."""
    return [
        point
        for point in points()
        if point.partition(".")[0] in (service, *ALSO[service])
        and point.rpartition(".")[0] not in ELSEWHERE
    ]


def rounds() -> list[tuple[str | None, str | None]]:
    """One point of booking and one of notify at a time, until each has had its turn."""
    return list(zip_longest(*(points_of(name) for name in SERVICES)))


@pytest.fixture(scope="module")
async def stage(
    mongodb: servers.MongoServer, rabbit: Broker, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    async with staged(mongodb.url, rabbit, tmp_path_factory.mktemp("faults")) as it:
        yield it


def test_every_step_is_on_the_path_or_tested_elsewhere() -> None:
    taken = [(name, point) for name in SERVICES for point in points_of(name)]
    assert len(taken) >= 50
    assert {point.rpartition(".")[0] for point in points()} >= set(ELSEWHERE)


@pytest.mark.parametrize(("in_booking", "in_notify"), rounds(), ids=lambda value: str(value))
async def test_killed_at(stage: Stage, in_booking: str | None, in_notify: str | None) -> None:
    deaths = {name: stage.processes[name][0].deaths for name in SERVICES}
    killed = dict(zip(SERVICES, (in_booking, in_notify), strict=True))
    stage.rounds += 1
    for name, point in killed.items():
        process = stage.processes[name][0]
        if point is not None and point.rpartition(".")[0] in ONCE_STARTED:
            await process.stop()
            await process.start()
        if point is not None:
            await process.arm(point)
    await one_round(stage)
    stage.move_to(stage.next_cut_off())

    async def each_died_once() -> bool:
        died = {name: stage.processes[name][0].deaths - deaths[name] for name in SERVICES}
        return all(died[name] == (killed[name] is not None) for name in SERVICES)

    await eventually(each_died_once, what=f"death at {in_booking} and {in_notify}")
    await nothing_lost_nothing_twice(stage)


_ = (services.booking.service, services.notify.service)  # imported for their steps
