"""What a transport offers, and the deliveries it hands over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.events import Envelope


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message handed to a service; not lost until ``ack`` is awaited."""

    body: bytes
    ack: Callable[[], Awaitable[None]]


#: Takes a delivery without waiting for its handling; deliveries arrive in the queue's order.
Submit = Callable[[Delivery], None]


class Bus(Protocol):
    """A transport. At least once, in the order of publication where nothing fails."""

    name: str

    async def start(self) -> None:
        """Begin connecting; returns at once, whether or not the broker answers."""

    async def stop(self) -> None:
        """Close what is open."""

    @property
    def connected(self) -> bool:
        """Whether publishing can work now."""

    async def publish(self, envelopes: Sequence[Envelope]) -> list[bool]:
        """For each, whether the bus has it for good. Never raises for a broker that is away."""

    async def consume(self, service: str, submit: Submit, *, dead: Submit) -> None:
        """Hand over this service's messages until ``cancel``, across reconnections.

        ``dead`` receives what the broker gave up delivering.
        """

    async def cancel(self) -> None:
        """Hand over nothing more; deliveries already handed over may still be acknowledged."""


#: Service -> CloudEvents types it consumes: what the queues are bound to.
Subscriptions = dict[str, frozenset[str]]
