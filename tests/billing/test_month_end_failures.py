"""A family, a group of families or a town whose month end fails keeps no other waiting."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from services.billing.commands import issuing, month_ends, pricing
from services.billing.domain import invoicing
from services.billing.domain.accounts import Holder
from services.billing.domain.charges import Charge
from services.billing.domain.invoicing import Priced
from services.billing.state import Billing
from services.billing.store.invoices import INVOICES, InvoiceStore
from shared.store import Document
from tests.billing.conftest import FIRST_OF_OCTOBER, SEPTEMBER_OVER, Office
from tests.billing.data import accepted
from tests.world import eventually

DAY = date(2026, 9, 3)


async def test_a_family_whose_bill_cannot_be_reckoned_keeps_no_other_waiting(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    reckon = invoicing.priced

    def failing(charges: Sequence[Charge], *rest: Any) -> Priced:
        if charges[0].family == "f1":
            raise ArithmeticError
        return reckon(charges, *rest)

    monkeypatch.setattr(pricing, "priced", failing)
    await office.town()
    for family in ("f1", "f2"):
        await office.family(family)
        await office.say(accepted([(family, "zoe", DAY)], family=family), f"requests/{family}")
    await office.month_over()
    (invoice,) = await office.invoices(1)
    assert invoice["family"] == "f2"

    async def over() -> Document | None:
        (run,) = (await office.get("/invoice-runs")).json["runs"]
        return run if run["finished"] else None

    run = await eventually(over, what="the month end is over")
    assert [(one["family"], one["code"]) for one in run["lines"]] == [("f1", "reckoning-failed")]
    monkeypatch.setattr(pricing, "priced", reckon)
    assert (await office.run()).json["invoices"] == 1


@pytest.mark.parametrize("broken", ["arneuil", "veyras"])
@pytest.mark.parametrize("fails", ["_perform", "_ask_due"])
async def test_a_town_whose_month_end_fails_keeps_no_other_waiting(
    office: Office, monkeypatch: pytest.MonkeyPatch, fails: str, broken: str
) -> None:
    step = getattr(month_ends, fails)

    async def failing(billing: Billing, about: Any, *rest: Any) -> Any:
        if getattr(about, "town", about) == broken:
            raise RuntimeError
        return await step(billing, about, *rest)

    monkeypatch.setattr(month_ends, fails, failing)
    for town in ("arneuil", "veyras"):
        await office.town(town)
        await office.family(f"f-{town}", town)
        said = accepted([(town, "zoe", DAY)], family=f"f-{town}")
        await office.say(said, f"requests/{town}", town)
    await office.settled()
    office.world.move_to(FIRST_OF_OCTOBER)
    for town in ("arneuil", "veyras"):
        await office.decided_up_to(SEPTEMBER_OVER, town)
    (invoice,) = await office.invoices(1)
    assert invoice["town"] != broken


async def test_a_group_whose_invoices_cannot_be_written_keeps_no_other_waiting(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    number, broken = InvoiceStore.number, {"f-3"}

    async def failing(store: InvoiceStore, some: Sequence[Any], run: str | None) -> Any:
        if broken & {invoice.family for invoice, _ in some}:
            raise RuntimeError
        return await number(store, some, run)

    monkeypatch.setattr(month_ends, "_TAKEN", 1)
    monkeypatch.setattr(month_ends, "_AT_ONCE", 1)
    monkeypatch.setattr(InvoiceStore, "number", failing)
    await office.town()
    families = [f"f-{number}" for number in range(6)]
    for family in families:
        await office.family(family)
        await office.say(accepted([(family, "zoe", DAY)], family=family), f"requests/{family}")
    await office.month_over()
    written = await office.invoices(5)
    assert {one["family"] for one in written} == {*families} - broken
    broken.clear()
    assert [one["sequence"] for one in await office.invoices(6)] == [1, 2, 3, 4, 5, 6]


async def test_an_invoice_that_cannot_be_owed_keeps_no_other_waiting(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    owing: set[str] = {"f1", "f2"}
    move = issuing.moved

    async def failing(billing: Billing, holder: Holder, *rest: Any) -> Any:
        if holder.family in owing:
            raise RuntimeError
        return await move(billing, holder, *rest)

    monkeypatch.setattr(issuing, "moved", failing)
    monkeypatch.setattr(issuing, "_MOST", 1)
    monkeypatch.setattr(month_ends, "_TAKEN", 1)
    await office.town()
    for family in ("f1", "f2"):
        await office.family(family)
        await office.say(accepted([(family, "zoe", DAY)], family=family), f"requests/{family}")
    await office.month_over()
    first, second = sorted(await office.invoices(2, announced=False), key=lambda one: one["_id"])
    owing.remove(second["family"])

    async def announced() -> list[str]:
        return [one["_id"] for one in await office.documents(INVOICES) if one["announced"]]

    assert await eventually(announced, what="one is announced") == [second["_id"]]
    owing.remove(first["family"])
    await office.invoices(2)
