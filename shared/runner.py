"""Starts and drains services, in an order that loses nothing.

Up: HTTP (alive, not ready), store, indexes, copies, bus, consumer, relay, jobs, ready. HTTP
answers even while the broker is down. Down (SIGTERM): not ready, HTTP stops, consumers are
cancelled, handlers finish, jobs end, a last relay pass, connections close.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import uvloop
from aiohttp import web
from pymongo import IndexModel

from shared import failpoints, logs
from shared.audit import AUDIT, AUDIT_INDEXES, Audit
from shared.auth import Keyring
from shared.bus.amqp import AmqpBus
from shared.bus.consumer import HELD, HELD_INDEXES, Consumer, Reaction
from shared.bus.held import count_held
from shared.bus.local import LocalBus
from shared.bus.port import Bus, Subscriptions
from shared.clock import Clock
from shared.errors import StoreUnavailable
from shared.events import Event
from shared.outbox import Relay
from shared.pdf import Press
from shared.settings import CommonSettings
from shared.store import Document, Store, connect
from shared.tasks import cancelled
from shared.web.routes import Route
from shared.web.server import BEHIND_GATEWAY, add_operations, add_service, problems

_log = logs.get_logger()
#: Seconds that handlers and jobs have to finish; HTTP has 10 s before. Orchestrators kill at 30 s.
_PATIENCE = 12.0


@dataclass(frozen=True, slots=True)
class Job:
    """Work repeated every ``every`` seconds; it must bear two replicas running it at once."""

    name: str
    every: float
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Parts:
    """What wiring hands to a service."""

    settings: CommonSettings
    store: Store
    clock: Clock
    keys: Keyring
    press: Press
    audit: Audit

    @staticmethod
    def over(settings: CommonSettings, store: Store, clock: Clock, press: Press) -> Parts:
        """The parts of a service that knows no keys yet and has audited nothing."""
        audit = Audit(store, clock, timedelta(days=settings.audit_days))
        return Parts(settings, store, clock, Keyring(clock), press, audit)


@dataclass(frozen=True)
class Service:
    """A service, built: everything the runner needs to know of it.

    ``state`` is handed to the route handlers; ``outboxes`` are the collections whose documents
    carry events; ``states`` says which states say a document of a collection again
    (``shared.republish``); ``warm`` loads what must be in memory before the first request;
    ``close`` is awaited when all else has ended.
    """

    name: str
    purpose: str
    state: Any
    routes: Sequence[Route]
    reactions: Sequence[Reaction]
    indexes: Mapping[str, Sequence[IndexModel]]
    outboxes: Sequence[str]
    states: Mapping[str, StatesOf] = field(default_factory=dict)
    jobs: Sequence[Job] = ()
    warm: Callable[[], Awaitable[None]] | None = None
    close: Callable[[], Awaitable[None]] | None = None


#: The state events that say a document again.
StatesOf = Callable[[Document], Sequence[Event]]
Build = Callable[[Parts], Service]


@dataclass
class _Running:
    service: Service
    parts: Parts
    consumer: Consumer
    relay: Relay
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    jobs: list[asyncio.Task[None]] = field(default_factory=list)
    ready: bool = False


class Runner:
    """One process: one service in production, all of them in the demo."""

    def __init__(
        self,
        builds: Mapping[str, Build],
        settings: CommonSettings,
        subscriptions: Subscriptions,
    ) -> None:
        self._settings = settings
        self._clock = settings.clock()
        self._client = connect(settings.mongodb_url.get_secret_value(), len(builds))
        self._bus = self._make_bus(subscriptions)
        self._press = Press()
        self.running = [self._build(name, build) for name, build in builds.items()]
        self.app = web.Application(middlewares=[problems])
        self.app[BEHIND_GATEWAY] = settings.behind_gateway
        self._web: web.AppRunner | None = None
        self._stopping = asyncio.Event()

    @property
    def _held_every(self) -> float:
        return max(0.1, min(0.5, self._settings.retry_delays[0]))

    def _make_bus(self, subscriptions: Subscriptions) -> Bus:
        if self._settings.amqp_url is not None:
            url = self._settings.amqp_url.get_secret_value()
            return AmqpBus(url, self._settings.namespace, subscriptions)
        store = Store(self._client, f"{self._settings.namespace}_bus", self._clock)
        return LocalBus(store, subscriptions, self._clock, self._settings.lease_seconds)

    def _build(self, name: str, build: Build) -> _Running:
        store = Store(self._client, f"{self._settings.namespace}_{name}", self._clock)
        parts = Parts.over(self._settings, store, self._clock, self._press)
        service = build(parts)
        reactions = {reaction.contract.type: reaction for reaction in service.reactions}
        consumer = Consumer(name, reactions, store, self._clock, self._settings.retry_delays)
        relay = Relay(
            name,
            store,
            service.outboxes,
            self._bus.publish,
            self._clock,
            self._settings.lease_seconds,
        )
        return _Running(service, parts, consumer, relay)

    async def start(self) -> None:
        """Listen at once, then bring each service up as its store answers."""
        for running in self.running:
            service = running.service
            add_service(
                self.app, service.name, service.purpose, service.routes, service.state,
                running.parts.keys, running.parts.audit,
            )  # fmt: skip
        add_operations(self.app, self._is_ready, self._count)
        self._web = web.AppRunner(self.app, access_log=None, shutdown_timeout=10)
        await self._web.setup()
        site = web.TCPSite(self._web, self._settings.bind, self._settings.port, backlog=1024)
        await site.start()
        await self._bus.start()
        for running in self.running:
            running.tasks.append(asyncio.create_task(self._bring_up(running)))

    @property
    def port(self) -> int:
        """The port listened on, once started."""
        if self._web is None:
            raise RuntimeError("not started")
        return int(self._web.addresses[0][1])

    @property
    def bus(self) -> Bus:
        """The transport in use."""
        return self._bus

    async def ready(self) -> None:
        """Return once every service is ready; raises what stopped one from coming up."""
        await asyncio.gather(*(running.tasks[0] for running in self.running))

    async def stop(self) -> None:
        """Drain and close: what is in hand is finished, or abandoned after ``_PATIENCE`` s."""
        self._stopping.set()
        if self._web is not None:
            await self._web.cleanup()
        await self._bus.cancel()
        deadline = asyncio.get_running_loop().time() + _PATIENCE
        for running in self.running:
            await cancelled(running.tasks)
            await running.consumer.drain(deadline - asyncio.get_running_loop().time())
        if jobs := [job for running in self.running for job in running.jobs]:
            left = max(0, deadline - asyncio.get_running_loop().time())
            await asyncio.wait(jobs, timeout=left)
            await cancelled(jobs)
        for running in self.running:
            await running.relay.drain()
            if running.service.close is not None:
                await running.service.close()
        await self._bus.stop()
        await self._press.close()
        await self._client.close()

    async def _bring_up(self, running: _Running) -> None:
        service, store = running.service, running.parts.store
        while True:
            try:
                indexes = {HELD: HELD_INDEXES, AUDIT: AUDIT_INDEXES, **service.indexes}
                await store.prepare(indexes, service.outboxes)
                if service.warm is not None:
                    await service.warm()
                break
            except StoreUnavailable:
                await store.wait_back()
        await self._bus.consume(
            service.name, running.consumer.submit, dead=running.consumer.submit_dead
        )
        jobs = [*service.jobs, Job("held-events", self._held_every, running.consumer.retry_due)]
        running.tasks.append(asyncio.create_task(running.relay.run()))
        running.jobs += [asyncio.create_task(_repeat(job, self._stopping)) for job in jobs]
        running.ready = True
        _log.info("service-ready", kind=service.name, transport=self._bus.name)

    async def _count(self) -> None:
        await asyncio.gather(
            *(count_held(running.service.name, running.parts.store) for running in self.running)
        )

    async def _is_ready(self) -> bool:
        if self._stopping.is_set() or not all(running.ready for running in self.running):
            return False
        try:
            for running in self.running:
                await running.parts.store.ping()
        except StoreUnavailable:
            return False
        return True


async def _repeat(job: Job, stopping: asyncio.Event) -> None:
    while not stopping.is_set():
        try:
            await job.run()
        except StoreUnavailable:
            _log.warning("job-waits-for-store", job=job.name)
        except Exception as error:  # noqa: BLE001 - a job is tried again at its next turn
            _log.error("job-failed", job=job.name, exc_info=error)
        with suppress(TimeoutError):
            async with asyncio.timeout(job.every):
                await stopping.wait()


async def run(
    builds: Mapping[str, Build], settings: CommonSettings, subscriptions: Subscriptions
) -> None:
    """Run until SIGTERM or SIGINT."""
    logs.configure("+".join(builds), settings.log_level)
    runner = Runner(builds, settings, subscriptions)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    if settings.fail_file:
        loop.add_signal_handler(signal.SIGUSR1, failpoints.arm_from, settings.fail_file)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await runner.start()
    up = asyncio.create_task(runner.ready())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({up, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if up.done() and (error := up.exception()):
        await runner.stop()
        raise error
    await stopped
    await runner.stop()


def main(builds: Mapping[str, Build], subscriptions: Subscriptions) -> None:
    """Run a process with settings from the environment, until it is told to stop."""
    uvloop.run(run(builds, CommonSettings(), subscriptions))
