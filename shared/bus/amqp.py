"""RabbitMQ: a topic exchange, a quorum queue per service, an archive stream.

Every process declares all queues and bindings from one table before its first publication, so
that a message with nowhere to go is always a topology error, never a lost fact. The archive is
bound to everything.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import aio_pika
from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractExchange,
    AbstractIncomingMessage,
    AbstractQueue,
)
from aio_pika.connection import make_url
from aio_pika.exceptions import CONNECTION_EXCEPTIONS, AMQPError

from shared.bus.port import Delivery, Submit, Subscriptions
from shared.events import Envelope, event_types
from shared.logs import get_logger
from shared.tasks import cancelled

PREFETCH = 50
#: Never -1 (3.10 drops on the first redelivery) and never the default (20 on 4.x).
DELIVERY_LIMIT = 1000
PUBLISH_TIMEOUT = 10.0
_CONNECT_TIMEOUT = 5.0
_CANCEL_TIMEOUT = 5.0
_HEARTBEAT = 20
_ARCHIVE_AGE = "7D"
_ARCHIVE_BYTES = 5_000_000_000
_AWAY = (*CONNECTION_EXCEPTIONS, AMQPError, OSError, asyncio.TimeoutError, RuntimeError)
_log = get_logger()


class AmqpBus:
    """The transport over RabbitMQ; separate connections to publish and to consume."""

    name = "amqp"

    def __init__(self, url: str, namespace: str, subscriptions: Subscriptions) -> None:
        self._url = make_url(url, heartbeat=_HEARTBEAT)
        self._namespace = namespace
        self._subscriptions = subscriptions
        self._exchange: AbstractExchange | None = None
        self._consuming_from: dict[str, list[tuple[AbstractQueue, str]]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._consuming = True

    async def start(self) -> None:
        self._tasks.append(asyncio.create_task(self._stay_connected(self._publisher)))

    async def stop(self) -> None:
        await cancelled(self._tasks)

    @property
    def connected(self) -> bool:
        return self._exchange is not None

    async def publish(self, envelopes: Sequence[Envelope]) -> list[bool]:
        exchange = self._exchange
        if exchange is None:
            return [False] * len(envelopes)
        return list(await asyncio.gather(*(_confirmed(exchange, e) for e in envelopes)))

    async def consume(self, service: str, submit: Submit, *, dead: Submit) -> None:
        async def session(channel: AbstractChannel) -> None:
            consuming = self._consuming_from[service] = []
            for name, take in (
                (self._queue_name(service, "parked"), dead),
                (self._queue_name(service), submit),
            ):
                queue = await channel.get_queue(name, ensure=False)
                consuming.append((queue, await queue.consume(_taking(take))))

        self._tasks.append(asyncio.create_task(self._stay_connected(session)))

    async def cancel(self) -> None:
        self._consuming = False
        for consuming in self._consuming_from.values():
            for queue, tag in consuming:
                with contextlib.suppress(*_AWAY):
                    await queue.cancel(tag, timeout=_CANCEL_TIMEOUT)
        self._consuming_from.clear()

    # -- inside ----------------------------------------------------------------------------

    async def _publisher(self, channel: AbstractChannel) -> None:
        self._exchange = await channel.get_exchange(f"{self._namespace}.events", ensure=False)

    async def _stay_connected(
        self, session: Callable[[AbstractChannel], Coroutine[Any, Any, None]]
    ) -> None:
        pause = 0.1
        while True:
            try:
                # Ours to close from the first, for one that fails to connect leaves work behind.
                connection = aio_pika.Connection(self._url)
                try:
                    await connection.connect(timeout=_CONNECT_TIMEOUT)
                    await self._run_session(connection, session)
                    pause = 0.1
                finally:
                    with contextlib.suppress(*_AWAY):
                        await connection.close()
            except Exception as error:  # noqa: BLE001 - connecting goes on whatever went wrong
                _log.warning("broker-away", exc_info=error)
            if session == self._publisher:
                self._exchange = None
            await asyncio.sleep(pause)
            pause = min(pause * 2, 3.0)

    async def _run_session(
        self,
        connection: AbstractConnection,
        session: Callable[[AbstractChannel], Coroutine[Any, Any, None]],
    ) -> None:
        closed = asyncio.Event()
        connection.close_callbacks.add(lambda *_: closed.set())
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        channel.close_callbacks.add(lambda *_: closed.set())
        await channel.set_qos(prefetch_count=PREFETCH)
        await self._declare(channel)
        # A broker that stops delivering (its queue was deleted) is asked again from the start.
        underlay = await channel.get_underlay_channel()
        underlay.on_consumer_cancel_callbacks.add(lambda _: closed.set())
        if session == self._publisher or self._consuming:
            await session(channel)
        await closed.wait()

    def _queue_name(self, service: str, suffix: str = "") -> str:
        return ".".join(filter(None, (self._namespace, service, suffix)))

    async def _declare(self, channel: AbstractChannel) -> None:
        """Declare everything: the same table in every process."""
        exchange = await channel.declare_exchange(
            f"{self._namespace}.events", aio_pika.ExchangeType.TOPIC, durable=True
        )
        archive = await channel.declare_queue(
            f"{self._namespace}.archive",
            durable=True,
            arguments={
                "x-queue-type": "stream",
                "x-max-age": _ARCHIVE_AGE,
                "x-max-length-bytes": _ARCHIVE_BYTES,
            },
        )
        await archive.bind(exchange, "#")
        types = event_types()
        for service, wanted in self._subscriptions.items():
            parked = self._queue_name(service, "parked")
            await channel.declare_queue(
                parked,
                durable=True,
                arguments={"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT},
            )
            queue = await channel.declare_queue(
                self._queue_name(service),
                durable=True,
                arguments={
                    "x-queue-type": "quorum",
                    "x-single-active-consumer": True,
                    "x-delivery-limit": DELIVERY_LIMIT,
                    "x-dead-letter-exchange": "",
                    "x-dead-letter-routing-key": parked,
                    "x-dead-letter-strategy": "at-least-once",
                    "x-overflow": "reject-publish",
                },
            )
            for event_type in sorted(wanted):
                contract = types[event_type]
                await queue.bind(exchange, f"*.*.{contract.service}.{contract.name}")


def _taking(take: Submit) -> Callable[[AbstractIncomingMessage], Coroutine[Any, Any, None]]:
    async def received(message: AbstractIncomingMessage) -> None:
        async def ack() -> None:
            # A connection lost meanwhile delivers the message again: reactions know it.
            with contextlib.suppress(*_AWAY):
                await message.ack()

        take(Delivery(message.body, ack))

    return received


async def _confirmed(exchange: AbstractExchange, envelope: Envelope) -> bool:
    message = aio_pika.Message(
        envelope.encode(),
        content_type="application/cloudevents+json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=envelope.id,
        type=envelope.type,
        timestamp=envelope.time,
    )
    try:
        await exchange.publish(
            message, envelope.routing_key, mandatory=True, timeout=PUBLISH_TIMEOUT
        )
    except _AWAY as error:
        _log.warning("publish-failed", event_type=envelope.type, exc_info=error)
        return False
    return True
