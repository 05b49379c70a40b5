"""What each fault test does with a stage: a round of the whole path, and the comparison."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path

import aiohttp
import pytest

from deploy.local.mailbox import Mailbox
from deploy.local.rabbitmq import Broker
from shared.auth import Signer
from shared.bus.amqp import AmqpBus
from shared.contracts.subscriptions import SUBSCRIPTIONS
from shared.ids import new_id
from tests.faults.checker import acknowledged, told
from tests.faults.ending import COUNTER, STUDY, WORKSHOP, change_their_mind, prove_why
from tests.faults.enrolling import GROUP, enrol, enrolments_are_told_and_booked
from tests.faults.stage import SERVICES, Process, Stage
from tests.operators import preau
from tests.samples import Household
from tests.world import SIGNING_KEYS, drop_databases, eventually

#: Open days that no period and no enrolment of this module reaches, one for each round.
FRESH_DAYS = [
    date(2027, 1, 4) + timedelta(weeks=week, days=day) for week in range(24) for day in (0, 1, 3, 4)
]


@asynccontextmanager
async def staged(
    mongodb_url: str, rabbit: Broker, folder: Path, replicas: int = 1
) -> AsyncIterator[Stage]:
    """Booking and notify, each in ``replicas`` processes, with leases and retries made short."""
    namespace = f"f{new_id()[-8:]}"
    mailbox = Mailbox()
    mailbox.start()
    environment = {
        "MONGODB_URL": mongodb_url, "AMQP_URL": rabbit.url, "SMTP_URL": mailbox.url,
        "PREAU_NAMESPACE": namespace, "PREAU_CLOCK_FILE": str(folder / "clock"),
        "PREAU_RETRY_DELAYS": "[0.2, 0.5, 1]", "PREAU_LEASE_SECONDS": "0.5",
    }  # fmt: skip
    processes = {
        name: [
            Process(name, environment, folder / f"{name}-{number}.log")
            for number in range(replicas)
        ]
        for name in SERVICES
    }
    everyone = [process for name in SERVICES for process in processes[name]]
    bus = AmqpBus(rabbit.url, namespace, SUBSCRIPTIONS)
    async with aiohttp.ClientSession() as http:
        it = Stage(
            processes, bus, http, folder / "clock", mailbox, mongodb_url, namespace,
            Signer(SIGNING_KEYS), enrolments=[GROUP],
            others=[WORKSHOP, STUDY], counters=[COUNTER],
        )  # fmt: skip
        it.move_to(it.now)
        await bus.start()
        for process in everyone:
            await process.start()
        await it.say_basics()
        try:
            yield it
        finally:
            for process in everyone:
                await process.stop()
            await bus.stop()
            mailbox.stop()
            await drop_databases(mongodb_url, namespace)
            rabbit.discard(f"{namespace}.")


async def one_round(stage: Stage, replica: int = 0) -> None:
    """A new family asks three times, an agent decides all, refuses two, accepts one of these
    after all; it enrols a child, which is accepted, changes its mind about another day, and proves
    why it comes late for a third service."""
    family = Household()
    await stage.say_basics()
    await stage.say_household(family)
    await stage.say_what_family_keeps(family)
    today = stage.now.date()
    period = {
        "first": str(today + timedelta(days=2)), "last": str(today + timedelta(days=12)),
        "weekdays": ["monday", "tuesday", "thursday", "friday"],
    }  # fmt: skip
    long = await stage.ask(family, family.asks_all([{"period": period}]), replica)
    other = await stage.ask(family, family.asks_all([{"period": period}], child=1), 1 - replica)
    alone = FRESH_DAYS[stage.rounds].isoformat()  # a session that does not exist yet
    await stage.ask(family, family.asks(alone, activity="garderie"))
    decisions = [
        {"request": request["id"], "line": line["line"],
         "outcome": "refused" if position == 0 else "accepted",
         "reason": "Complet." if position == 0 else None}
        for request in (long, other)
        for position, line in enumerate(request["lines"])
    ]  # fmt: skip
    answer = await stage.decide(decisions, replica)
    assert {one["result"] for one in answer["results"]} <= {"accepted", "refused"}
    again = {"request": long["id"], "line": long["lines"][0]["line"], "outcome": "accepted"}
    answer = await stage.decide([again], 1 - replica)
    assert [one["result"] for one in answer["results"]] == ["accepted"]
    await enrol(stage, family, replica)
    await change_their_mind(stage, family, alone, replica)
    await prove_why(stage, family, alone, replica)


async def nothing_lost_nothing_twice(stage: Stage) -> None:
    """Wait until all is told, then compare."""
    decided = await stage.decisions()

    async def all_told() -> bool:
        return not decided - told(stage.mailbox.messages)

    await eventually(all_told, what="every decision is in a digest")
    assert told(stage.mailbox.messages) == decided
    numbers = {request["number"] for request in await stage.documents("booking", "requests")}

    async def all_acknowledged() -> bool:
        return set(acknowledged(stage.mailbox.messages)) == numbers

    await eventually(all_acknowledged, what="every request is acknowledged")
    assert set(acknowledged(stage.mailbox.messages).values()) == {1}

    async def nothing_unfinished() -> bool:
        return not any("unfinished" in one for one in await stage.documents("booking", "requests"))

    await eventually(nothing_unfinished, what="every request is finished")
    await enrolments_are_told_and_booked(stage)
    await stage.places_are_right()
    await nothing_found(stage)


async def nothing_found(stage: Stage) -> None:
    """``preau check``, beside the services at work."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stage.processes["booking"][0].environment.items():
            patch.setenv(name, value)
        assert await preau("check") == (0, "")
