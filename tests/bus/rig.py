"""A tiny publisher and a tiny consumer made of the shared parts, for the bus suite.

*testing* keeps ``things`` whose writes carry events; *listening* applies them: ``totals`` holds,
per key, each fact once (``handled``) and in which order (``numbers``); ``copy_cards`` the states.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import aio_pika
from pydantic import SecretStr

from shared.auth import PUBLIC
from shared.bus.consumer import HELD, Consumer, on
from shared.bus.local import QUEUE
from shared.bus.port import Bus, Subscriptions
from shared.errors import MissingCopy, StoreUnavailable
from shared.events import Envelope, Event
from shared.failpoints import step
from shared.ids import new_id
from shared.runner import Build, Job, Parts, Runner, Service
from shared.settings import CommonSettings
from shared.store import Document, Store
from shared.web.routes import Call, Empty, Input, Route
from tests.world import envelope, eventually

TOWN = "veyras"
THINGS, TOTALS, CARDS = "things", "totals", "copy_cards"

SAY = step("testing.thing.say")
APPLY = step("listening.total.apply")
KEEP = step("listening.copy.card")


class Counted(Event, service="testing", name="counted", kind="fact"):
    """A fact about a key."""

    key: str
    number: int


class CardChanged(Event, service="testing", name="card-changed", kind="state", public=True):
    """All there is to know about a key."""

    key: str
    value: int


class NeedsCard(Event, service="testing", name="needs-card", kind="fact"):
    """A fact that only makes sense beside the card of ``card``."""

    key: str
    number: int
    card: str


class EverythingSaid(Event, service="testing", name="everything-said", kind="state"):
    """All facts of the town said before this one have been said."""

    upto: int


class NobodyListens(Event, service="testing", name="nobody-listens", kind="fact"):
    """A fact no service consumes."""


HEARD = (Counted, CardChanged, NeedsCard, EverythingSaid)
SUBSCRIPTIONS: Subscriptions = {
    "testing": frozenset(),
    "listening": frozenset(contract.type for contract in HEARD),
}

Behave = Callable[[Envelope, Any], Awaitable[None]]


async def _as_usual(_: Envelope, __: Any) -> None:
    return None


class SayIt(Input):
    """The body of the one route."""

    key: str
    number: int


@dataclass
class Publisher:
    """Service *testing*."""

    store: Store

    async def say(self, key: str, *events: Event) -> None:
        """One write on the thing ``key``, with its events."""
        await self.store.put(
            SAY, THINGS, key, {"$set": {"town": TOWN, "touched": new_id()}}, *events, town=TOWN
        )

    async def unsaid(self) -> int:
        """How many things still carry events."""
        return len(await self.store.pending(THINGS, 0))


async def _say_over_http(publisher: Publisher, call: Call[SayIt, Any]) -> Empty:
    await publisher.say(call.body.key, Counted(key=call.body.key, number=call.body.number))
    return Empty()


def build_testing(parts: Parts) -> Service:
    """The publisher."""
    route = Route("POST", "/say", _say_over_http, "Say", PUBLIC, Empty, body=SayIt, status=204)
    return Service(
        name="testing",
        purpose="Says things.",
        state=Publisher(parts.store),
        routes=[route],
        reactions=[],
        indexes={},
        outboxes=[THINGS],
    )


@dataclass
class Listener:
    """Service *listening*; ``behave`` runs before each effect, and may fail."""

    store: Store
    behave: Behave = _as_usual
    tries: list[tuple[str, float]] = field(default_factory=list)

    async def count(self, envelope: Envelope, event: Counted | NeedsCard) -> None:
        """A fact: one update whose filter excludes the event already handled."""
        self.tries.append((envelope.id, time.monotonic()))
        await self.behave(envelope, event)
        if isinstance(event, NeedsCard) and await self.store.get(CARDS, event.card) is None:
            raise MissingCopy(f"{THINGS}/{event.card}")
        await self.store.put(
            APPLY, TOTALS, event.key,
            {"$push": {"handled": envelope.id, "numbers": event.number}},
            condition={"handled": {"$ne": envelope.id}},
        )  # fmt: skip

    async def keep(self, envelope: Envelope, event: CardChanged) -> None:
        """A state: skipped when older."""
        await self.behave(envelope, event)
        await self.store.keep_copy(KEEP, CARDS, event.key, envelope, {"value": event.value})

    async def everything_said(self, envelope: Envelope, event: EverythingSaid) -> None:
        """A state that counts what came before it."""
        await self.behave(envelope, event)
        counted = sum(len(total["numbers"]) for total in await self.store.find(TOTALS, {}))
        fields = {"value": event.upto, "counted": counted}
        await self.store.keep_copy(KEEP, CARDS, "everything-said", envelope, fields)

    async def numbers(self, key: str) -> list[int]:
        """The facts of a key in the order of their effects."""
        total = await self.store.get(TOTALS, key)
        return total["numbers"] if total else []

    async def all_numbers(self) -> dict[str, list[int]]:
        """Every key's facts."""
        return {total["_id"]: total["numbers"] for total in await self.store.find(TOTALS, {})}

    async def card(self, key: str) -> int | None:
        """The value of a card."""
        copy = await self.store.get(CARDS, key)
        return copy["value"] if copy else None

    async def held(self, **query: Any) -> list[Document]:
        """What could not be handled."""
        return await self.store.find(HELD, query)


def build_listening(behave: Behave, parts: Parts) -> Service:
    """The consumer."""
    listener = Listener(parts.store, behave)
    return Service(
        name="listening",
        purpose="Hears things.",
        state=listener,
        routes=[],
        reactions=[
            on(Counted, listener.count),
            on(CardChanged, listener.keep),
            on(NeedsCard, listener.count),
            on(EverythingSaid, listener.everything_said, after_all=True),
        ],
        indexes={},
        outboxes=[],
        jobs=[Job("idle", 3600, _idle)],
    )


async def _idle() -> None:
    return None


@dataclass
class Replica:
    """One running process of both services."""

    runner: Runner

    @property
    def bus(self) -> Bus:
        return self.runner.bus

    @property
    def publisher(self) -> Publisher:
        return self._state("testing")

    @property
    def listener(self) -> Listener:
        return self._state("listening")

    @property
    def consumer(self) -> Consumer:
        """The consumer of *listening*."""
        return next(r.consumer for r in self.runner.running if r.service.name == "listening")

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.runner.port}"

    def _state(self, service: str) -> Any:
        return next(r.service.state for r in self.runner.running if r.service.name == service)


class Rig:
    """Starts replicas on one transport, under one namespace, and says things to them."""

    def __init__(self, transport: str, mongodb_url: str, amqp_url: str | None, namespace: str):
        self.transport = transport
        self.mongodb_url = mongodb_url
        self.amqp_url = amqp_url
        self.namespace = namespace
        self._sequence = itertools.count(1)

    def settings(self, **changed: Any) -> CommonSettings:
        """What a replica is started with."""
        given: dict[str, Any] = {
            "MONGODB_URL": SecretStr(self.mongodb_url),
            "AMQP_URL": SecretStr(self.amqp_url) if self.amqp_url else None,
            "PREAU_NAMESPACE": self.namespace,
            "PREAU_PORT": 0,
            "PREAU_RETRY_DELAYS": (0.05, 0.1, 0.15),
        }
        return CommonSettings(**{**given, **changed})

    @asynccontextmanager
    async def replica(
        self,
        behave: Behave = _as_usual,
        *,
        services: Sequence[str] = ("testing", "listening"),
        ready: bool = True,
        **changed: Any,
    ) -> AsyncIterator[Replica]:
        """A process of these services; drained at the end."""
        builds: dict[str, Build] = {
            "testing": build_testing, "listening": partial(build_listening, behave)
        }  # fmt: skip
        runner = Runner({n: builds[n] for n in services}, self.settings(**changed), SUBSCRIPTIONS)
        await runner.start()
        try:
            if ready:
                await runner.ready()
                await eventually(lambda: _connected(runner.bus), what="connected to the bus")
            yield Replica(runner)
        finally:
            await runner.stop()

    def envelope(
        self, event: Event, subject: str, sequence: int | None = None, **changed: Any
    ) -> Envelope:
        """An event as another process would have said it."""
        said = envelope(
            event, f"{THINGS}/{subject}", town=TOWN, time=datetime.now(UTC),
            sequence=sequence or next(self._sequence),
        )  # fmt: skip
        return replace(said, **changed)

    async def deliver_raw(self, replica: Replica, body: bytes) -> None:
        """Put bytes into the queue of *listening*, as no publisher of ours would."""
        if self.amqp_url is None:
            now = replica.publisher.store._clock.machine()
            store = replica.bus._store  # type: ignore[attr-defined]
            await store.insert_many(
                SAY, QUEUE,
                [{"_id": new_id(), "service": "listening", "body": body, "order": "0",
                  "free_at": now}],
            )  # fmt: skip
            return
        connection = await aio_pika.connect(self.amqp_url)
        async with connection:
            channel = await connection.channel()
            await channel.default_exchange.publish(
                aio_pika.Message(body), f"{self.namespace}.listening"
            )


async def _connected(bus: Bus) -> bool:
    return bus.connected


async def say_until_saved(publisher: Publisher, key: str, *events: Event) -> None:
    """A command sent again until it succeeds, as a client would."""

    async def saved() -> bool:
        try:
            await publisher.say(key, *events)
        except StoreUnavailable:
            return False
        return True

    await eventually(saved, what="saved")
