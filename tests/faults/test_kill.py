"""A process is killed at each named fail point on the way from a request to the digest's mail.

One running system for the whole module; each case restarts one process so that it dies at one
point, then goes the whole way: a family asks, an agent decides, the next window's digest leaves.
After every case: each decision stored is in exactly one digest, each request has exactly one
acknowledgement, and places are held by whom they were granted to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from itertools import zip_longest
from pathlib import Path

import aiohttp
import pytest

import services.booking.service
import services.notify.service
from deploy.local.mailbox import Mailbox
from deploy.local.rabbitmq import Broker
from shared.auth import Signer
from shared.bus.amqp import AmqpBus
from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.failpoints import points
from shared.ids import new_id
from tests import servers
from tests.faults.checker import acknowledged, told
from tests.faults.stage import SERVICES, Process, Stage
from tests.samples import Household
from tests.world import SIGNING_KEYS, drop_databases, eventually

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


#: School days of zone A that no period of this module reaches.
FRESH_DAYS = [
    first + timedelta(days=number)
    for first, count in ((date(2026, 11, 3), 46), (date(2027, 1, 4), 40), (date(2027, 3, 2), 30))
    for number in range(count)
    if (first + timedelta(days=number)).isoweekday() in (1, 2, 4, 5)
]


def points_of(service: str) -> list[str]:
    """The fail points on the service's part of the path: its own and the shared ones."""
    return [
        point
        for point in points()
        if point.partition(".")[0] in (service, "outbox", "consumer", "copies")
        and point.rpartition(".")[0] not in ELSEWHERE
    ]


def rounds() -> list[tuple[str | None, str | None]]:
    """One point of booking and one of notify at a time, until each has had its turn."""
    return list(zip_longest(*(points_of(name) for name in SERVICES)))


@pytest.fixture(scope="module")
async def stage(
    mongodb: servers.MongoServer, rabbit: Broker, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("faults")
    namespace = f"f{new_id()[-8:]}"
    mailbox = Mailbox()
    mailbox.start()
    environment = {
        "MONGODB_URL": mongodb.url, "AMQP_URL": rabbit.url, "SMTP_URL": mailbox.url,
        "PREAU_NAMESPACE": namespace, "PREAU_CLOCK_FILE": str(folder / "clock"),
        "PREAU_RETRY_DELAYS": "[0.2, 0.5, 1]", "PREAU_LEASE_SECONDS": "0.5",
    }  # fmt: skip
    processes = {name: [Process(name, environment, folder / f"{name}.log")] for name in SERVICES}
    bus = AmqpBus(rabbit.url, namespace, SUBSCRIPTIONS)
    async with aiohttp.ClientSession() as http:
        it = Stage(
            processes, bus, http, folder / "clock", mailbox, mongodb.url, namespace,
            Signer(SIGNING_KEYS),
        )  # fmt: skip
        it.move_to(it.now)
        await bus.start()
        for name in SERVICES:
            await processes[name][0].start()
        await it.say_basics()
        try:
            yield it
        finally:
            for name in SERVICES:
                await processes[name][0].stop()
            await bus.stop()
            mailbox.stop()
            await drop_databases(mongodb.url, namespace)
            rabbit.discard(f"{namespace}.")


def test_every_step_is_on_the_path_or_tested_elsewhere() -> None:
    taken = [(name, point) for name in SERVICES for point in points_of(name)]
    assert len(taken) >= 50
    owners = {point.partition(".")[0] for point in points()}
    assert owners <= {*SERVICES, "outbox", "consumer", "copies", "local-bus", "testing"}
    assert {point.rpartition(".")[0] for point in points()} >= set(ELSEWHERE)


@pytest.mark.parametrize(("in_booking", "in_notify"), rounds(), ids=lambda value: str(value))
async def test_killed_at(stage: Stage, in_booking: str | None, in_notify: str | None) -> None:
    deaths = {name: stage.processes[name][0].deaths for name in SERVICES}
    killed = dict(zip(SERVICES, (in_booking, in_notify), strict=True))
    stage.rounds += 1
    await asyncio.gather(*(_restart(stage.processes[name][0], killed[name]) for name in SERVICES))
    await one_round(stage)
    await nothing_lost_nothing_twice(stage)
    for name in SERVICES:
        if killed[name]:
            died = stage.processes[name][0].deaths - deaths[name]
            assert died == 1, f"{name} never came to {killed[name]}"


async def _restart(process: Process, fail_at: str | None) -> None:
    await process.stop()
    await process.start(fail_at)


async def one_round(stage: Stage) -> None:
    """A new family asks three times, an agent decides all, refuses two, accepts one of these
    after all, the window ends."""
    family = Household()
    await stage.say_basics()
    await stage.say_household(family)
    today = stage.now.date()
    period = {
        "first": str(today + timedelta(days=2)), "last": str(today + timedelta(days=12)),
        "weekdays": ["monday", "tuesday", "thursday", "friday"],
    }  # fmt: skip
    long = await stage.ask(family, family.asks_all([{"period": period}]))
    other = await stage.ask(family, family.asks_all([{"period": period}], child=1))
    alone = FRESH_DAYS[stage.rounds].isoformat()  # a session that does not exist yet
    await stage.ask(family, family.asks(alone, activity="garderie"))
    decisions = [
        {"request": request["id"], "line": line["line"],
         "outcome": "refused" if position == 0 else "accepted",
         "reason": "Complet." if position == 0 else None}
        for request in (long, other)
        for position, line in enumerate(request["lines"])
    ]  # fmt: skip
    answer = await stage.decide(decisions)
    assert {one["result"] for one in answer["results"]} <= {"accepted", "refused"}
    again = {"request": long["id"], "line": long["lines"][0]["line"], "outcome": "accepted"}
    answer = await stage.decide([again])
    assert [one["result"] for one in answer["results"]] == ["accepted"]
    stage.move_to(stage.next_cut_off())


async def nothing_lost_nothing_twice(stage: Stage) -> None:
    """Wait until all is told, then compare."""
    decided = await stage.decisions()

    async def all_told() -> bool:
        return not decided - told(stage.mailbox.messages)

    await eventually(all_told, within=40, what="every decision is in a digest")
    assert told(stage.mailbox.messages) == decided
    numbers = {request["number"] for request in await stage.documents("booking", "requests")}

    async def all_acknowledged() -> bool:
        return set(acknowledged(stage.mailbox.messages)) == numbers

    await eventually(all_acknowledged, what="every request is acknowledged")
    assert set(acknowledged(stage.mailbox.messages).values()) == {1}

    async def nothing_unfinished() -> bool:
        return not any("unfinished" in one for one in await stage.documents("booking", "requests"))

    await eventually(nothing_unfinished, what="every request is finished")
    await stage.places_are_right()


_ = (services.booking.service, services.notify.service)  # imported for their steps
