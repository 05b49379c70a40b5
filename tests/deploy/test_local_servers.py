"""The development servers themselves: they start, survive kills, and die with their parent."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage
from aiormq.abc import FieldTable
from pymongo import MongoClient

from deploy.local import process
from deploy.local.mongod import EmbeddedMongo, require_real_mongodb
from deploy.local.process import ServerUnavailableError
from deploy.local.rabbitmq import Broker, GivenRabbit
from tests.servers import MongoServer

ROOT = Path(__file__).parents[2]


def ended(process: int, within: float) -> bool:
    """Whether the process of this descriptor has ended, or does so within so many seconds."""
    return bool(select.select([process], [], [], within)[0])


@pytest.fixture
def mongo(tmp_path: Path) -> Iterator[EmbeddedMongo]:
    server = EmbeddedMongo(tmp_path / "mongo")
    yield server
    server.delete()


def test_acknowledged_writes_survive_a_kill_and_the_port_stays(mongo: EmbeddedMongo) -> None:
    url = mongo.start()
    with MongoClient[dict[str, Any]](url) as client:
        client["one"]["c"].insert_one({"_id": 1})
    mongo.kill()
    assert mongo.start() == url
    with MongoClient[dict[str, Any]](url) as client:
        assert client["one"]["c"].find_one() == {"_id": 1}
    mongo.stop()
    assert mongo.start() == url


async def test_a_server_started_from_a_pool_thread_outlives_that_thread(
    mongo: EmbeddedMongo,
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        await asyncio.get_running_loop().run_in_executor(pool, mongo.start)
    # The pool's thread has ended here; the death signal would have been sent by now.
    assert require_real_mongodb(mongo.url).startswith("6.")


def test_the_server_dies_with_a_killed_parent(tmp_path: Path) -> None:
    code = (
        "import signal, sys, pathlib; from deploy.local.mongod import EmbeddedMongo;"
        "m = EmbeddedMongo(pathlib.Path(sys.argv[1])); m.start(); print(m.pid, flush=True);"
        "signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        server = os.pidfd_open(int(parent.stdout.readline()))
        assert not ended(server, within=0)
        parent.kill()
    assert ended(server, within=10)
    os.close(server)


def test_a_second_server_on_the_same_folder_is_refused(mongo: EmbeddedMongo) -> None:
    mongo.start()
    with pytest.raises(ServerUnavailableError, match="taken by another process"):
        EmbeddedMongo(mongo._folder).start()


def test_only_loopback_is_listened_on(mongo: EmbeddedMongo) -> None:
    mongo.start()
    listening = subprocess.run(
        ["cat", "/proc/net/tcp"], capture_output=True, text=True, check=True
    ).stdout
    port = f"{mongo.port:04X}"
    bound = [line.split()[1] for line in listening.splitlines() if line.split()[3] == "0A"]
    assert [address for address in bound if address.endswith(f":{port}")] == [f"0100007F:{port}"]


def test_an_imitation_is_refused(monkeypatch: pytest.MonkeyPatch, mongo: EmbeddedMongo) -> None:
    url = mongo.start()
    real = MongoClient[dict[str, Any]](url)
    # What the imitations do: say OK to anything.
    monkeypatch.setattr(
        "pymongo.synchronous.database.Database.command",
        lambda self, name, *_: {
            "hello": {"setName": "rs0"},
            "buildInfo": {"version": "6.0.5"},
        }.get(name, {"ok": 1}),
    )
    with pytest.raises(ServerUnavailableError, match="it is no MongoDB"):
        require_real_mongodb(url)
    real.close()


def test_no_server_is_said_clearly() -> None:
    port = process.free_port()
    with pytest.raises(ServerUnavailableError, match="no RabbitMQ answers"):
        GivenRabbit(f"amqp://guest:guest@127.0.0.1:{port}/").start()


def test_the_session_server_is_a_real_mongodb(mongodb: MongoServer) -> None:
    assert require_real_mongodb(mongodb.url)[0] in "678"


async def test_durable_queues_and_streams_survive_a_kill(rabbit: Broker, namespace: str) -> None:
    if not rabbit.can_kill:
        # A broker that was given is somebody else's: its restart is theirs to promise.
        return
    kinds = {f"{namespace}.quorum": "quorum", f"{namespace}.stream": "stream"}
    connection = await aio_pika.connect(rabbit.url)
    async with connection:
        channel = await connection.channel()
        for name, kind in kinds.items():
            await channel.declare_queue(name, durable=True, arguments={"x-queue-type": kind})
            for number in range(20):
                await channel.default_exchange.publish(
                    aio_pika.Message(b"%d" % number, delivery_mode=2), name
                )
    await asyncio.to_thread(rabbit.kill)
    await asyncio.to_thread(rabbit.start)
    for name, kind in kinds.items():
        assert await read_all(rabbit.url, name, kind, 20) == [b"%d" % n for n in range(20)]


async def read_all(url: str, queue: str, kind: str, count: int) -> list[bytes]:
    """The first `count` bodies; tries again while the queue's leader is being elected."""
    arguments: FieldTable = {"x-stream-offset": "first"} if kind == "stream" else {}
    async with asyncio.timeout(30):
        while True:
            bodies: list[bytes] = []
            full = asyncio.Event()

            async def take(
                message: AbstractIncomingMessage,
                bodies: list[bytes] = bodies,
                full: asyncio.Event = full,
            ) -> None:
                bodies.append(message.body)
                await message.ack()
                if len(bodies) == count:
                    full.set()

            connection = await aio_pika.connect(url)
            async with connection:
                try:
                    channel = await connection.channel()
                    await channel.set_qos(50)
                    found = await channel.get_queue(queue, ensure=False)
                    await found.consume(take, arguments=arguments)
                    await asyncio.wait_for(full.wait(), 5)
                except (aio_pika.exceptions.AMQPError, TimeoutError):
                    continue
                return bodies


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(mongo: EmbeddedMongo) -> None:
    mongo.start()
    assert mongo.pid is not None
    assert os.getpgid(mongo.pid) != os.getpgid(0)
    assert signal.Signals.SIGINT not in pending_signals(mongo.pid)


def pending_signals(pid: int) -> set[signal.Signals]:
    """Signals sent to a process and not yet handled."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = int(next(line for line in status.splitlines() if line.startswith("ShdPnd"))[8:], 16)
    return {number for number in signal.Signals if mask >> (number - 1) & 1}
