"""Runs a service's reactions: one at a time per subject, concurrently across subjects.

What cannot be handled now is *held* in the service's own database (collection ``held``) before
it is acknowledged, so that nothing waits in the broker and an operator sees everything in one
place. A held event is in one of three states:

``retrying``  its reaction failed; tried again after 10 s, 1 min, then 10 min, a bounded number
              of times;
``waiting``   its reaction needs a copy not yet heard (``MissingCopy``); tried again when an event
              about that subject has been handled, parked after 24 h;
``parked``    malformed, or given up; waits for ``preau parked``.

A reaction is idempotent in one of two forms, stated where it is written: its effect is a new
document whose id derives from the event's, or one update whose filter excludes what is done.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from pymongo import IndexModel

from shared import context
from shared.bus.port import Delivery
from shared.clock import Clock
from shared.errors import MissingCopy, StoreUnavailable
from shared.events import Contract, Envelope, EventT, Malformed, decode
from shared.failpoints import step
from shared.logs import get_logger
from shared.metrics import EVENTS_HANDLED
from shared.store import Document, Store

HELD = "held"
HELD_INDEXES = [
    IndexModel([("state", 1), ("due", 1)]),
    IndexModel([("missing", 1)], sparse=True),
    IndexModel([("town", 1), ("state", 1)]),
]

#: Which of the three delays follows each failed try; after the last the event is parked.
TRIES = (0, 0, 1, 1, 1, 2, 2, 2)
WAIT_FOR_COPY = timedelta(hours=24)
#: A held event that is being tried is left alone by other replicas for this long.
_BEING_TRIED = timedelta(minutes=1)
_REFUSED_PAUSE = 1.0

REACT = step("consumer.react")
ACK = step("consumer.ack")
HOLD = step("consumer.hold")
CLAIM = step("consumer.claim")
RELEASE = step("consumer.release")

_log = get_logger()

React = Callable[[Envelope, Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a service does about one event type.

    ``after_all`` makes it wait until everything delivered before it has been handled or held.
    """

    contract: Contract
    react: React
    after_all: bool = False


def on(
    contract: type[EventT],
    react: Callable[[Envelope, EventT], Awaitable[None]],
    *,
    after_all: bool = False,
) -> Reaction:
    """One line of a service's table of reactions."""
    return Reaction(contract, cast("React", react), after_all)


class Consumer:
    """Handles the deliveries of one service."""

    def __init__(
        self,
        service: str,
        reactions: Mapping[str, Reaction],
        store: Store,
        clock: Clock,
        delays: tuple[float, float, float],
    ) -> None:
        self._service = service
        self._reactions = reactions
        self._store = store
        self._clock = clock
        self._delays = delays
        self._last: dict[str, asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()

    # -- deliveries ------------------------------------------------------------------------

    def submit(self, delivery: Delivery) -> None:
        """Handle a delivery in a task of its own, after the earlier ones of its subject."""
        try:
            envelope = decode(delivery.body)
            reaction = self._reactions.get(envelope.contract.type)
        except Malformed as error:
            self._spawn(self._park(delivery, str(error)))
            return
        if reaction is None:
            self._spawn(delivery.ack())
            return
        before = set(self._running) if reaction.after_all else self._tail(envelope.subject)
        task = self._spawn(self._handle(delivery, envelope, reaction, before))
        self._last[envelope.subject] = task
        task.add_done_callback(lambda done: self._forget(envelope.subject, done))

    def submit_dead(self, delivery: Delivery) -> None:
        """Park what the broker gave up delivering."""
        self._spawn(self._park(delivery, "delivered too often without an answer"))

    async def drain(self, within: float) -> bool:
        """Wait until every delivery handed over so far has been handled.

        False when some were not after ``within`` seconds: they are abandoned, not acknowledged,
        and will be delivered again.
        """
        deadline = asyncio.get_running_loop().time() + within
        while self._running:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                abandoned = list(self._running)
                _log.warning("deliveries-abandoned", count=len(abandoned))
                for task in abandoned:
                    task.cancel()
                await asyncio.gather(*abandoned, return_exceptions=True)
                return False
            await asyncio.wait(self._running, timeout=left)
        return True

    def _tail(self, subject: str) -> set[asyncio.Task[None]]:
        task = self._last.get(subject)
        return {task} if task else set()

    def _forget(self, subject: str, task: asyncio.Task[None]) -> None:
        if self._last.get(subject) is task:
            del self._last[subject]

    def _spawn(self, work: Coroutine[Any, Any, None] | Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(_as_coroutine(work))
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("delivery-abandoned", exc_info=error)

    async def _handle(
        self,
        delivery: Delivery,
        envelope: Envelope,
        reaction: Reaction,
        before: set[asyncio.Task[None]],
    ) -> None:
        if before:
            await asyncio.wait(before)
        await self._until_stored(lambda: self._react_or_hold(envelope, reaction, delivery.body))
        await _acknowledge(delivery)

    async def _park(self, delivery: Delivery, reason: str) -> None:
        _log.error("message-parked", reason=reason)
        await self._until_stored(lambda: self._hold_unread(delivery.body, reason))
        await _acknowledge(delivery)

    async def _until_stored(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """Nothing is acknowledged that is neither done nor held: store trouble is waited out."""
        while True:
            try:
                await attempt()
            except StoreUnavailable:
                await self._store.wait_back()
            except Exception as error:  # noqa: BLE001 - the store refuses to hold it
                _log.error("event-not-held", exc_info=error)
                await asyncio.sleep(_REFUSED_PAUSE)
            else:
                return

    async def _react_or_hold(self, envelope: Envelope, reaction: Reaction, body: bytes) -> None:
        try:
            await self._react(envelope, reaction)
        except StoreUnavailable:
            raise
        except MissingCopy as missing:
            await self._hold(envelope, body, state="waiting", missing=missing.subject)
            await self._try_again(envelope.id)
        except Exception as error:  # noqa: BLE001 - whatever failed, the event is held
            await self._fail(envelope, body, error, tries=1)

    async def _react(self, envelope: Envelope, reaction: Reaction) -> None:
        context.correlation.set(envelope.correlation)
        context.causation.set(envelope.id)
        REACT.before()
        try:
            event = reaction.contract.model_validate(envelope.data)
        except ValueError as error:
            await self._hold_parked(envelope, reason=f"malformed: {type(error).__name__}")
            return
        await reaction.react(envelope, event)
        REACT.after()
        EVENTS_HANDLED.labels(self._service, "done").inc()
        if reaction.contract.kind == "state":
            await self._wake_waiting(envelope.subject)

    # -- held events -----------------------------------------------------------------------

    async def retry_due(self) -> None:
        """Try again what is due: the job behind ``retrying`` and ``waiting``."""
        now = self._clock.machine()
        due = {"state": {"$in": ["retrying", "waiting"]}, "due": {"$lte": now}}
        for held in await self._store.find(HELD, due, sort=[("due", 1)], limit=100):
            as_seen = {"state": held["state"], "due": held["due"]}
            if await self._store.change(
                CLAIM, HELD, held["_id"], as_seen, {"$set": {"due": now + _BEING_TRIED}}
            ):
                await self._try_again(held["_id"])

    async def _wake_waiting(self, subject: str) -> None:
        waiting = {"missing": subject, "state": "waiting"}
        for held in await self._store.find(HELD, waiting, projection={"_id": 1}):
            await self._try_again(held["_id"])

    async def _try_again(self, event_id: str) -> None:
        held = await self._store.get(HELD, event_id)
        if held is None or held["state"] == "parked":
            return
        try:
            envelope = decode(held["body"])
            reaction = self._reactions[envelope.contract.type]
        except (Malformed, KeyError) as error:
            reason = str(error) if isinstance(error, Malformed) else "nothing reacts to it"
            await self._hold_unread(held["body"], reason)
            return
        try:
            await self._react(envelope, reaction)
        except StoreUnavailable:
            raise
        except MissingCopy as missing:
            await self._keep_waiting(held, missing)
            return
        except Exception as error:  # noqa: BLE001 - whatever failed, the event is held
            await self._fail(envelope, held["body"], error, tries=held.get("tries", 0) + 1)
            return
        await self._store.delete(RELEASE, HELD, {"_id": event_id, "state": {"$ne": "parked"}})

    async def _keep_waiting(self, held: Document, missing: MissingCopy) -> None:
        now = self._clock.machine()
        change: Document = {
            "state": "waiting", "missing": missing.subject, "due": now + timedelta(minutes=1)
        }  # fmt: skip
        if now - held["since"] > WAIT_FOR_COPY:
            change |= {"state": "parked", "reason": f"never heard of {missing.subject}"}
        await self._store.change(HOLD, HELD, held["_id"], {}, {"$set": change})

    async def _fail(self, envelope: Envelope, body: bytes, error: Exception, tries: int) -> None:
        reason = type(error).__name__
        _log.warning(
            "reaction-failed", event_type=envelope.type, event_id=envelope.id, town=envelope.town,
            attempt=tries, exc_info=error,
        )  # fmt: skip
        if tries > len(TRIES):
            await self._hold(envelope, body, state="parked", reason=f"{reason}, {tries} tries")
            return
        delay = timedelta(seconds=self._delays[TRIES[tries - 1]])
        await self._hold(
            envelope, body, state="retrying", reason=reason, tries=tries,
            due=self._clock.machine() + delay,
        )  # fmt: skip

    async def _hold_parked(self, envelope: Envelope, reason: str) -> None:
        await self._hold(envelope, envelope.encode(), state="parked", reason=reason)

    async def _hold(self, envelope: Envelope, body: bytes, *, state: str, **fields: Any) -> None:
        now = self._clock.machine()
        EVENTS_HANDLED.labels(self._service, state).inc()
        await self._store.put(
            HOLD, HELD, envelope.id,
            {
                "$set": {
                    "state": state, "type": envelope.type, "subject": envelope.subject,
                    "body": body, "due": now + timedelta(minutes=1), **fields,
                },
                "$setOnInsert": {"since": now, "town": envelope.town},
            },
        )  # fmt: skip

    async def _hold_unread(self, body: bytes, reason: str) -> None:
        """Park what no reaction has seen; under its event id where it is an event at all."""
        EVENTS_HANDLED.labels(self._service, "parked").inc()
        fields: Document = {"state": "parked", "body": body, "reason": reason}
        first: Document = {"since": self._clock.machine()}
        _id = hashlib.sha256(body).hexdigest()[:32]
        with suppress(Malformed):
            envelope = decode(body)
            _id = envelope.id
            fields |= {"type": envelope.type, "subject": envelope.subject}
            first["town"] = envelope.town
        await self._store.put(HOLD, HELD, _id, {"$set": fields, "$setOnInsert": first})


async def _as_coroutine(work: Awaitable[None]) -> None:
    await work


async def _acknowledge(delivery: Delivery) -> None:
    ACK.before()
    await delivery.ack()
    ACK.after()
