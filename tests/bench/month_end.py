"""A month end of 20,000 families with 20 meals each: priced, numbered, on their accounts, said to
the families; memory at its first quarter and at its end."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from pydantic import SecretStr

from services.billing.commands.month_ends import end_months
from services.billing.domain.charges import Charge
from services.billing.service import state_of
from services.billing.state import Billing
from services.billing.store import INDEXES, OUTBOXES
from services.billing.store.accounts import ACCOUNTS
from services.billing.store.invoices import INVOICES
from shared.clock import MovedClock, write_offset
from shared.failpoints import step
from shared.ids import new_id
from shared.pdf import Press
from shared.runner import Parts
from shared.settings import CommonSettings
from shared.store import Document, Store, connect
from tests.bench.measure import Row, Servers, at_least, at_most, memory_megabytes, row
from tests.billing.data import card, file_with

FAMILIES, MEALS, AT_ONCE = 20_000, 20, 500
QUARTERS = 4
SEPTEMBER_OVER = datetime(2026, 9, 30, 22, tzinfo=UTC)
DAYS = [date(2026, 9, 1) + timedelta(days=number) for number in range(MEALS)]
_FILL = step("bench.month-end.fill")
_MEAL = Charge(
    id="", town="veyras", family="", request="", line="", child="zoe", child_name="Zoé",
    activity="cantine", unit="repas", day=DAYS[0], billing="pay_in_arrears", accepted=True,
    decided=datetime(2026, 8, 31, 10, tzinfo=UTC),
)  # fmt: skip


async def measure(servers: Servers) -> list[Row]:
    """Invoices per second, quarter by quarter of one run, and how memory grows meanwhile."""
    namespace = f"e{new_id()[-6:]}"
    clock_file = servers.folder / f"{namespace}.clock"
    write_offset(clock_file, SEPTEMBER_OVER + timedelta(hours=8))
    settings = CommonSettings(
        MONGODB_URL=SecretStr(servers.mongodb_url), PREAU_CLOCK_FILE=clock_file
    )
    client = connect(servers.mongodb_url)
    clock = MovedClock(clock_file)
    store = Store(client, f"{namespace}_billing", clock)
    press = Press()
    billing = state_of(Parts.over(settings, store, clock, press))
    try:
        await store.prepare(INDEXES, OUTBOXES)
        await _fill(billing, store)
        rates, memory = await _watched(billing, store)
        assert await store.count(ACCOUNTS, {}) == FAMILIES
    finally:
        await press.close()
        await client.drop_database(f"{namespace}_billing")
        await client.close()
    return [
        at_least("month end, invoices of 20 meals", rates, "1/s", 500),
        at_most("  memory, end / first quarter", [memory[-1] / memory[0]], "ratio", 1.1),
        row("  memory at the end", memory[-1:], "MB"),
    ]  # fmt: skip


async def _watched(billing: Billing, store: Store) -> tuple[list[float], list[float]]:
    """Invoices per second and megabytes at each quarter of the run."""
    running = asyncio.create_task(end_months(billing))
    rates: list[float] = []
    memory: list[float] = []
    since = time.monotonic()
    for quarter in range(1, QUARTERS + 1):
        while await store.count(INVOICES, {}) < quarter * FAMILIES // QUARTERS:
            if running.done():
                running.result()
                raise RuntimeError("the month ended with invoices missing")
            await asyncio.sleep(0.25)
        now = time.monotonic()
        rates.append(FAMILIES / QUARTERS / (now - since))
        memory.append(memory_megabytes(os.getpid()))
        since = now
    await running
    return rates, memory


async def _fill(billing: Billing, store: Store) -> None:
    """What billing would hold at the end of September."""
    heard: Document = {"town": "veyras", "heard": 1}
    file = file_with().model_dump(mode="json")
    await store.insert_many(_FILL, "copy_towns", [{"_id": "veyras", **heard, "version": 1,
                                                   "file": file}])  # fmt: skip
    await store.insert_many(_FILL, "copy_decided", [
        {"_id": "veyras", **heard, "instant": SEPTEMBER_OVER}
    ])  # fmt: skip
    for start in range(0, FAMILIES, AT_ONCE):
        names = [f"{number:032x}" for number in range(start, start + AT_ONCE)]
        await store.insert_many(_FILL, "copy_families", [
            {"_id": name, **heard, **card(name).model_dump(mode="json")} for name in names
        ])  # fmt: skip
        await billing.store.record([
            replace(_MEAL, id=f"{name}-{day}", family=name, request=name, line=f"{day}", day=day)
            for name in names for day in DAYS
        ])  # fmt: skip
