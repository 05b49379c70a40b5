"""Billing running beside a neighbour that hears its invoices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from services.billing.checking import check
from services.billing.service import build, state_of
from services.billing.state import Billing
from services.billing.store.invoices import INVOICES
from shared.bus.consumer import on
from shared.contracts.billing import InvoiceIssued
from shared.contracts.booking import DecidedUpTo
from shared.contracts.identity import TownChanged
from shared.events import Envelope, Event
from shared.runner import Parts, Service
from shared.store import Document
from tests.billing.data import card, file_with
from tests.world import Answer, StartWorld, World, eventually

SEPTEMBER_OVER = datetime(2026, 9, 30, 22, tzinfo=UTC)
FIRST_OF_OCTOBER = datetime(2026, 10, 1, 6, tzinfo=UTC)
BASE = "/api/billing/v1/veyras"


@dataclass
class Office:
    """Billing running, and what its neighbours hear of it."""

    world: World
    heard: list[InvoiceIssued] = field(default_factory=list)

    def billing(self) -> Billing:
        """The use cases' collaborators, as another replica would have them."""
        return state_of(self.world.of("billing").parts)

    async def say(self, event: Event, subject: str, town: str = "veyras") -> Envelope:
        return await self.world.say(event, subject, town=town)

    async def town(self, town: str = "veyras", version: int = 1, **changes: object) -> None:
        file = file_with(town, **changes)
        await self.say(TownChanged(version=version, file=file), f"towns/{town}", town)

    async def family(self, family: str = "f1", town: str = "veyras", **changes: object) -> None:
        known = card(family).model_copy(update=changes)
        await self.say(known, f"families/{family}", town)

    async def decided_up_to(self, instant: datetime, town: str = "veyras") -> None:
        await self.say(DecidedUpTo(instant=instant), f"progress/{town}", town)

    async def month_over(self) -> None:
        """1 October, 8:00 in Paris; booking has said all that was decided in September."""
        self.world.move_to(FIRST_OF_OCTOBER)
        await self.decided_up_to(SEPTEMBER_OVER)

    async def again(self, envelope: Envelope) -> None:
        await self.world.runner.bus.publish([envelope])

    async def documents(self, collection: str) -> list[Document]:
        return await self.world.store("billing").find(collection, {}, sort=[("_id", 1)])

    async def checked(self) -> set[str]:
        """The kinds of what ``preau check`` finds of billing."""
        parts = self.world.of("billing").parts
        return {one.kind async for one in check(parts, None)}

    async def settled(self) -> None:
        """Every event delivered so far has been handled or is held."""
        await eventually(self._quiet, what="queue empty")

    async def _quiet(self) -> bool:
        return not await self.world.queued("billing")

    async def invoices(self, count: int, *, announced: bool = True) -> list[Document]:
        """The invoices, once there are that many, of which families know."""

        async def there() -> list[Document] | None:
            found = await self.documents(INVOICES)
            known = [one for one in found if one["announced"] or not announced]
            return found if len(known) >= count else None

        found = await eventually(there, what=f"{count} invoices")
        assert len(found) == count
        return sorted(found, key=lambda invoice: invoice["sequence"])

    async def get(self, path: str, *, role: str = "billing_office") -> Answer:
        return await self.world.call("GET", BASE + path, token=self.world.token(roles=(role,)))

    async def run(self, month: str = "2026-09", key: str | None = None) -> Answer:
        token = self.world.token(account="agent-1", roles=("billing_office",))
        return await self.world.call(
            "POST", f"{BASE}/invoice-runs", token=token, json={"month": month}, key=key
        )


@pytest.fixture
async def office(start_world: StartWorld) -> AsyncIterator[Office]:
    heard: list[InvoiceIssued] = []

    async def hear(_: Envelope, event: InvoiceIssued) -> None:
        heard.append(event)

    def neighbour(_: Parts) -> Service:
        return Service("notify", "Hears invoices.", None, [], [on(InvoiceIssued, hear)], {}, ())

    async with start_world({"billing": build, "notify": neighbour}) as running:
        started = Office(running, heard)

        async def keys_heard() -> bool:
            return (await started.get("/invoice-runs")).status == 200

        await eventually(keys_heard, what="keys heard")
        yield started
