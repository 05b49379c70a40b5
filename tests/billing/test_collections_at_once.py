"""Several processes make one collection at once, and one dies: one file, each debit of which is
announced once; no invoice is in two, and none is set apart for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import date, timedelta
from typing import Any

import pytest

from services.billing.commands.collections import carry_on
from services.billing.domain.debits.days import bank_day_from
from services.billing.pain import debits_in
from services.billing.state import Billing
from services.billing.store.collections import DEBITS, FILES, CollectionStore
from shared.failpoints import Step
from tests.billing.test_collections import PATH, PRICE, Collecting, collecting
from tests.world import eventually

__all__ = ["collecting"]
#: Steps that a process passes when it makes a collection alone.
STEPS = 36
_left: ContextVar[list[int] | None] = ContextVar("left", default=None)


class Died(BaseException):
    """What stands for the end of a process: all that was in hand is gone."""


@pytest.fixture
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process takes itself for the one that makes collections, the running job too."""

    @asynccontextmanager
    async def leased(_: CollectionStore, owner: str) -> AsyncIterator[bool]:
        yield bool(owner)

    def passed(_: Step) -> None:
        left = _left.get()
        if left is not None:
            left[0] -= 1
            if not left[0]:
                raise Died

    monkeypatch.setattr(CollectionStore, "leased", leased)
    monkeypatch.setattr(Step, "before", passed)
    monkeypatch.setattr(Step, "after", passed)


async def dying(billing: Billing, steps: int) -> None:
    """A process that dies after so many steps, if it comes so far."""
    _left.set([steps])
    await carry_on(billing)


async def made_once(collecting: Collecting, _id: str, others: tuple[Billing, ...]) -> None:
    """The collection is made, and what is written is what is announced."""

    async def there() -> bool:
        await asyncio.gather(*map(carry_on, others))
        found = (await collecting.call("GET", f"{PATH}/{_id}")).json
        return bool(found["state"] == "made")

    await eventually(there, what="the collection is made")
    file = (await collecting.call("GET", f"{PATH}/{_id}/file")).body
    store = collecting.office.world.store("billing")
    debits = await store.find(DEBITS, {"collection": _id})
    assert {one["family"]: one["state"] for one in debits} == {"f1": "announced", "f2": "announced"}
    assert debits_in(file) == {one["_id"] for one in debits}
    assert [one["seq"] for one in debits] == [1, 1], "each family was told once"
    collected = [part["invoice"] for one in debits for part in one["parts"]]
    assert len(collected) == len(set(collected)) == 2
    names: list[Any] = await store.find(f"{FILES}.files", {"_id": {"$regex": f"^{_id}"}})
    assert len(names) == 1, "what the others wrote is gone"
    await collecting.sound()


@pytest.mark.usefixtures("nobody_waits")
async def test_made_by_several_of_which_one_dies_anywhere_it_is_one_collection(
    collecting: Collecting,
) -> None:
    one, *others = (collecting.office.billing() for _ in range(3))
    day = date(2026, 10, 15)
    for steps in range(1, STEPS, 3):
        asked = await collecting.ask(day.isoformat())
        assert asked.status == 201, asked.json
        _id = asked.json["collection"]
        await asyncio.gather(
            dying(one, steps), *map(carry_on, others), return_exceptions=True
        )  # fmt: skip
        await made_once(collecting, _id, tuple(others))
        await collecting.do(_id, "cancellations")
        await carry_on(others[0])
        await collecting.becomes(_id, "cancelled")
        assert (await collecting.invoice("f1"))["unpaid_cents"] == PRICE
        day = bank_day_from(day + timedelta(days=1))
