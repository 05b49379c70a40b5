"""Numbers without gaps, whoever gives them at once and whoever dies meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.billing.commands.issuing import Numbers
from services.billing.domain.invoicing import Invoice
from services.billing.state import Billing
from services.billing.store.invoices import INDEXES, INVOICES, InvoiceStore
from shared.clock import MachineClock
from shared.errors import StoreUnavailable
from shared.store import Store, connect

_INVOICE = Invoice(
    id="", town="veyras", family="f1", guardian="g1", month="2026-09", office="", year=2026,
    sequence=0, issued_on=date(2026, 10, 1), due_on=date(2026, 10, 31), lines=(), version=1,
)  # fmt: skip

#: Groups of invoices (by id) of which a process gives the numbers one group after the other; each
#: with how many are written before the database stops answering, if it does.
_GROUP = st.tuples(
    st.lists(st.integers(0, 11), min_size=1, max_size=8, unique=True),
    st.none() | st.integers(0, 8),
)


@pytest.fixture
async def store(mongodb_url: str, namespace: str) -> AsyncIterator[Store]:
    client = connect(mongodb_url)
    made = Store(client, f"{namespace}_billing", MachineClock())
    await made.prepare(INDEXES, [INVOICES])
    yield made
    await client.close()


class Dying(InvoiceStore):
    """Writes the first few of a group only, and does not say so."""

    written: int | None = None

    async def number(self, invoices, run):  # type: ignore[no-untyped-def]
        if self.written is None:
            return await super().number(invoices, run)
        if some := invoices[: self.written]:
            await super().number(some, run)
        raise StoreUnavailable


async def test_processes_that_number_at_once_or_die_leave_no_gap(store: Store) -> None:
    loop = asyncio.get_running_loop()
    offices = iter(range(10_000))

    async def check(processes: list[list[tuple[list[int], int | None]]]) -> None:
        office = f"office-{next(offices)}"

        async def process(groups: list[tuple[list[int], int | None]]) -> None:
            invoices = Dying(store)
            billing = cast("Billing", SimpleNamespace(invoices=invoices))
            numbers = Numbers(billing, "veyras", office, 2026)
            for ids, invoices.written in groups:
                wanted = [replace(_INVOICE, id=f"{office}-{n}", office=office) for n in ids]
                try:
                    given = await numbers.give([(one, ()) for one in wanted], None)
                except StoreUnavailable:
                    continue
                stored = await store.find(INVOICES, {"_id": {"$in": [one.id for one in wanted]}})
                assert len(stored) == len(wanted)
                by_id = {one["_id"]: one["sequence"] for one in stored}
                assert all(by_id[one.id] == one.sequence for one in given)

        await asyncio.gather(*(process(groups) for groups in processes))
        found = await store.find(INVOICES, {"office": office})
        assert sorted(one["sequence"] for one in found) == list(range(1, len(found) + 1))

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.lists(_GROUP, min_size=1, max_size=4), min_size=1, max_size=3))
    def whatever(processes: list[list[tuple[list[int], int | None]]]) -> None:
        asyncio.run_coroutine_threadsafe(check(processes), loop).result(30)

    await asyncio.to_thread(whatever)
