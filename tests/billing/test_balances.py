"""What the account adds to an invoice, and how invoices follow it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from services.billing.commands import accounts, issuing
from services.billing.domain.accounts import Holder
from services.billing.domain.movements import Grant, Receive, Reverse
from services.billing.store.accounts import ACCOUNTS, AccountStore
from services.billing.store.invoices import INVOICES, InvoiceStore
from shared.contracts.billing import InvoiceIssued
from shared.contracts.town_file import CollectionOffice, Tariff
from shared.store import Document
from tests.billing.conftest import BASE, Office
from tests.billing.data import accepted
from tests.world import eventually

HOLDER = Holder("veyras", "VEY", "f1")
DAY = date(2026, 9, 3)


async def one_meal(office: Office, **town: Any) -> None:
    """A meal of 4.10 € booked in September; nothing is invoiced yet."""
    await office.town(**town)
    await office.family()
    await office.say(accepted([("l1", "zoe", DAY)]), "requests/r1")
    await office.settled()


async def listed(office: Office, query: str = "") -> list[Document]:
    token = office.world.token(families={"f1": "f1-anne"})
    answer = await office.world.call("GET", f"{BASE}/invoices{query}", token=token)
    items: list[Document] = answer.json["items"]
    return items


async def whole(office: Office) -> Document:
    (invoice,) = await listed(office)
    return dict((await office.get(f"/invoices/{invoice['invoice']}")).json)


async def told(office: Office, count: int) -> list[InvoiceIssued]:
    """What was said of invoices, once so much was."""

    async def there() -> list[InvoiceIssued] | None:
        return office.heard if len(office.heard) == count else None

    found: list[InvoiceIssued] = await eventually(there, what="invoices said")
    return found


async def issued(office: Office) -> Document:
    await office.month_over()
    found: list[Document] = await eventually(lambda: listed(office), what="invoice listed")
    return found[0]


async def test_an_invoice_is_open_until_it_is_paid_and_again_when_the_payment_fails(
    office: Office,
) -> None:
    await one_meal(office)
    invoice = await issued(office)
    assert (invoice["state"], invoice["unpaid_cents"]) == ("open", 410)
    assert await listed(office, "?state=archived") == []
    billing = office.billing()
    paid = Receive("p1", 410, (invoice["invoice"],))
    await accounts.move(billing, HOLDER, paid)
    await accounts.move(billing, HOLDER, paid)
    (archived,) = await listed(office, "?state=archived")
    assert (archived["state"], archived["settled_cents"]) == ("settled", 410)
    assert await listed(office, "?state=open") == []
    await accounts.move(billing, HOLDER, Reverse("x1", "p1"))
    (again,) = await listed(office, "?state=open")
    assert (again["settled_cents"], again["unpaid_cents"]) == (0, 410)


async def test_credit_is_a_line_of_the_next_invoice(office: Office) -> None:
    await one_meal(office)
    await accounts.move(office.billing(), HOLDER, Grant("g1", 300))
    await issued(office)
    invoice = await whole(office)
    assert (invoice["total_cents"], invoice["unpaid_cents"]) == (410, 110)
    assert invoice["balance"] == [{"what": "credit", "text": "Avoir déduit", "cents": -300}]
    (said,) = await told(office, 1)
    assert (said.total_cents, said.to_pay_cents) == (410, 110)


async def test_a_rest_under_one_euro_is_asked_with_the_next_invoice(office: Office) -> None:
    await one_meal(office)
    await accounts.move(office.billing(), HOLDER, Grant("g1", 350))
    first = await issued(office)
    assert (first["state"], first["unpaid_cents"]) == ("carried", 0)
    assert (await told(office, 1))[0].to_pay_cents == 0
    await office.say(accepted([("l2", "zoe", date(2026, 10, 1))]), "requests/r2")
    office.world.move_to(datetime(2026, 11, 2, 8, tzinfo=UTC))
    await office.decided_up_to(datetime(2026, 11, 2, tzinfo=UTC))

    async def second() -> list[Document] | None:
        found = await listed(office, "?state=open")
        return found or None

    (october,) = await eventually(second, what="October's invoice")
    assert october["unpaid_cents"] == 425 + 60

    async def taken_over() -> bool:
        return [one["state"] for one in await listed(office, "?state=archived")] == ["settled"]

    await eventually(taken_over, what="nothing is left of September's")


async def test_an_invoice_of_nothing_is_settled_at_once(office: Office) -> None:
    free = Tariff(id="gratuit", valid_from=date(2026, 9, 1), activity="cantine", unit="repas",
                  price_cents=0, source="test")  # fmt: skip
    await one_meal(office, tariffs=(free,))
    invoice = await issued(office)
    assert (invoice["state"], invoice["total_cents"], invoice["unpaid_cents"]) == ("settled", 0, 0)


async def test_invoices_are_under_the_towns_headings(office: Office) -> None:
    await one_meal(office)
    assert (await issued(office))["heading"] == "Régie enfance"
    by_billing = CollectionOffice(
        code="VEY", label="Régie enfance", headings="billing", in_arrears="Post facturation"
    )
    await office.town(version=2, collection_office=by_billing)
    await office.settled()

    async def headed() -> bool:
        return [one["heading"] for one in await listed(office)] == ["Post facturation"]

    await eventually(headed, what="the town's new heading")


@pytest.mark.parametrize("lost", ["moved", "announced", "followed"])
async def test_an_invoice_left_half_way_is_carried_on_by_the_jobs(
    office: Office, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """A process that dies numbers an invoice, or moves an account, and does no more."""
    await one_meal(office)
    billing = office.billing()
    await accounts.move(billing, HOLDER, Grant("g1", 350))

    async def dies(*_: object) -> None:
        raise RuntimeError("dead")

    store, name = {
        "moved": (AccountStore, "read"),
        "announced": (InvoiceStore, "announce"),
        "followed": (InvoiceStore, "follow"),
    }[lost]  # fmt: skip
    with monkeypatch.context() as dying:
        dying.setattr(store, name, dies)
        await office.month_over()
        if lost == "followed":
            invoice = await eventually(lambda: listed(office), what="announced")
            with pytest.raises(RuntimeError, match="dead"):
                await accounts.move(billing, HOLDER, Receive("p1", 60, (invoice[0]["invoice"],)))
        else:
            (numbered,) = await office.invoices(1, announced=False)
            assert not numbered["announced"]
            assert await listed(office) == []

    async def stands() -> bool:
        found = await listed(office)
        state = "settled" if lost == "followed" else "carried"
        return [one["state"] for one in found] == [state]

    await eventually(stands, what="carried on")
    await issuing.complete_all(billing)
    await accounts.follow_all(billing)
    (account,) = await office.documents(ACCOUNTS)
    assert account["behind"] == []
    await told(office, 1)
    (only,) = await office.documents(INVOICES)
    assert only["to_pay_cents"] == 0
