"""``preau check`` of billing: each kind of damage, made by hand, is found; else nothing is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from services.billing import checking
from services.billing.commands import accounts
from services.billing.domain.accounts import Holder
from services.billing.domain.movements import Receive
from services.billing.domain.payments import Payment
from services.billing.store import CHARGES
from services.billing.store.accounts import ACCOUNTS
from services.billing.store.invoices import INVOICES
from shared.failpoints import step
from shared.store import Document
from tests.billing.conftest import FIRST_OF_OCTOBER, Office
from tests.billing.data import accepted
from tests.world import eventually

DAMAGE = step("tests.billing.damage")
HOLDER = Holder("veyras", "VEY", "f1")


@pytest.fixture
async def paid(office: Office, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    """Two families with an invoice each, of which the first is paid."""
    monkeypatch.setattr(checking, "_LOOKS", 1)
    await office.town()
    for family in ("f1", "f2"):
        await office.family(family)
        line = [(f"{family}-l", "zoe", date(2026, 9, 3))]
        await office.say(accepted(line, family=family), f"requests/{family}")
    await office.month_over()
    first = next(one for one in await office.invoices(2) if one["family"] == "f1")
    await accounts.move(office.billing(), HOLDER, Receive("p1", 500, (first["_id"],)))
    return office


async def test_a_sound_database_has_nothing(paid: Office) -> None:
    assert await paid.checked() == set()


DAMAGES: list[tuple[str, str, dict[str, Any]]] = [
    ("account-unbalanced", ACCOUNTS, {"$set": {"credit": {"p1": 91}}}),
    ("account-differs-from-journal", ACCOUNTS, {"$set": {"refunded": {"p1": 1}}}),
    ("invoices-behind", ACCOUNTS, {"$set": {"behind": ["i"]}}),
    ("invoice-differs-from-account", INVOICES, {"$set": {"state": "open"}}),
    ("total-differs-from-lines", INVOICES, {"$inc": {"total_cents": 1}}),
    ("owed-differs-from-invoices", INVOICES, {"$inc": {"total_cents": 1}}),
    ("numbers-with-a-gap", INVOICES, {"$inc": {"sequence": 7}}),
    ("cancelled-and-billed", CHARGES, {"$set": {"accepted": False}}),
    ("due-and-called-off", INVOICES, {"$set": {"state": "void"}}),
]


@pytest.mark.parametrize(("kind", "collection", "update"), DAMAGES)
async def test_damage_is_found(paid: Office, kind: str, collection: str, update: Document) -> None:
    store = paid.world.store("billing")
    damaged = await store.first(collection, {"family": "f1"})
    assert damaged is not None
    await store.change(DAMAGE, collection, damaged["_id"], {}, update)
    assert kind in await paid.checked()


async def test_money_of_a_family_without_an_account_is_found(paid: Office) -> None:
    store = paid.world.store("billing")

    async def deleted() -> int:  # never what still has something to say
        return await store.delete(DAMAGE, ACCOUNTS, {"family": "f1"})

    await eventually(deleted, what="account deleted")
    assert await paid.checked() == {"invoice-without-debt", "owed-differs-from-invoices"}
    at = FIRST_OF_OCTOBER
    alone = Payment(
        id="p9", town="veyras", office="VEY", family="f9", payer=None, account="officer",
        means="cheque", cents=410, parts=(), state="paid", created_at=at, since=at,
        body_hash="hash", untold=False, reference=None,
    )  # fmt: skip
    await paid.billing().payments.create(alone)
    assert "payment-differs-from-account" in await paid.checked()


async def test_a_place_given_and_billed_nowhere_is_found_where_it_has_a_price(
    paid: Office,
) -> None:
    store = paid.world.store("billing")
    lost = {"billing": "pay_at_booking", "invoice": None, "month": "2026-10"}
    lost |= {"day": "2026-10-05", "changed": None}
    (charge,) = await store.find(CHARGES, {"family": "f1"})
    await store.change(DAMAGE, CHARGES, charge["_id"], {}, {"$set": lost})
    assert await paid.checked() == {"booked-and-on-no-invoice"}
    await store.change(DAMAGE, CHARGES, charge["_id"], {}, {"$set": {"unit": "dessert"}})
    assert await paid.checked() == set(), "agents see it among what has no price"


async def test_a_debt_or_an_invoice_alone_is_found(paid: Office) -> None:
    store = paid.world.store("billing")

    async def deleted() -> int:  # never what still has something to say
        return await store.delete(DAMAGE, INVOICES, {"family": "f1"})

    await eventually(deleted, what="invoice deleted")
    assert {"debt-without-invoice", "owed-differs-from-invoices"} <= await paid.checked()
