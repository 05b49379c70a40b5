"""Two replicas of booking and of notify, one of them killed at a point of chance: the result is
that of one of each."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

from deploy.local.rabbitmq import Broker
from tests import servers
from tests.faults.rounds import nothing_lost_nothing_twice, one_round, staged
from tests.faults.stage import SERVICES
from tests.faults.test_kill import points_of

ROUNDS = 6


async def test_two_replicas_of_each_killed_now_and_then(
    mongodb: servers.MongoServer, rabbit: Broker, tmp_path: Path
) -> None:
    chance = Random(20260914)
    async with staged(mongodb.url, rabbit, tmp_path, replicas=2) as stage:
        for _ in range(ROUNDS):
            stage.rounds += 1
            service = chance.choice(SERVICES)
            victim = chance.choice(stage.processes[service])
            await victim.arm(f"{chance.choice(points_of(service))}:{chance.randint(1, 3)}")
            await asyncio.gather(*(one_round(stage, replica) for replica in (0, 1)))
            stage.move_to(stage.next_cut_off())
            await nothing_lost_nothing_twice(stage)
        assert sum(one.deaths for name in SERVICES for one in stage.processes[name]) > 0
