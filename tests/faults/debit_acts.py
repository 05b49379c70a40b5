"""What comes to billing's till about direct debit, as ``tests.faults.billing_acts``."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from services.billing.domain.debits.days import bank_day_from
from shared.clock import MovedClock
from shared.store import Document
from tests.billing.debits import IBAN
from tests.faults.billing_acts import PRICE, Said, Till, line
from tests.world import START, eventually


async def asks_for_direct_debit(till: Till) -> Said:
    family = await till.family()
    await till.desk.settled()
    await till.desk.strike()
    await _asked_to_collect(till, family)
    found = await till.desk.one("billing", "direct_debits", {"family": family})
    assert found["wish"]["state"] == "waiting"
    return {"direct-debit-changed": 1}


async def accepts_direct_debit(till: Till) -> Said:
    family = await till.family()
    await till.desk.settled()
    body = {"request": await _asked_to_collect(till, family)}
    await till.desk.strike()
    path = f"/office/direct-debits/{family}/acceptances"
    given = await till.desk.done("billing", "POST", path, till.officer(), body)
    found = await till.desk.one("billing", "direct_debits", {"family": family})
    assert found["mandate"]["reference"] == given["mandate"]["reference"]
    return {"direct-debit-changed": 1}


async def collects(till: Till) -> Said:
    invoice = await _mandated(till)
    await till.desk.strike()
    collection = await _asked_collection(till)
    await _is_now(till, collection, "made")
    debit = await till.desk.one("billing", "debits", {"family": invoice["family"]})
    assert (debit["state"], debit["cents"]) == ("announced", PRICE)
    await _money_comes(till, collection)
    await till.becomes(invoice, "settled")
    return {"debit-changed": 1, "payment-received": 1, "invoice-settled": 1}


# -- inside ----------------------------------------------------------------------------------------


async def _asked_to_collect(till: Till, family: str) -> str:
    """The family's request of direct debit."""
    path, token = f"/direct-debit?family={family}", till.anne(family)
    seen = await till.desk.done("billing", "GET", path, token)
    body = {"family": family, "iban": IBAN, "holder": "Anne", "agreed": True,
            "agreed_on": START.date().isoformat(),
            "counts_from": seen["next_month"]}  # fmt: skip
    made = await till.desk.done("billing", "POST", "/direct-debit/requests", token, body)
    return str(made["request"]["request"])


async def _mandated(till: Till) -> Document:
    """The invoice of a family that gave a mandate the day before."""
    family = await till.family()
    await till.desk.settled()
    body = {"request": await _asked_to_collect(till, family)}
    path = f"/office/direct-debits/{family}/acceptances"
    await till.desk.done("billing", "POST", path, till.officer(), body)
    till.desk.later(days=1)
    await till.accept(family, line("l0"))
    await till.desk.settled()
    await till.end_month()
    return await till.standing(family)


async def _asked_collection(till: Till) -> Document:
    """A collection, on a bank day of its own."""
    listed = await till.desk.done("billing", "GET", "/office/collections", till.officer())
    taken = [date.fromisoformat(one["on"]) + timedelta(days=1) for one in listed["items"]]
    now = MovedClock(till.desk.folder / "clock").town()
    body = {"on": bank_day_from(max([now.date() + timedelta(days=60), *taken])).isoformat()}
    path = "/office/collections"
    return dict(await till.desk.done("billing", "POST", path, till.officer(), body))


async def _is_now(till: Till, collection: Document, state: str) -> None:
    """A collection comes into a state, by its job."""
    path = f"/office/collections/{collection['collection']}"

    async def there() -> bool:
        found = await till.desk.done("billing", "GET", path, till.officer())
        return bool(found["state"] == state)

    await eventually(there, what=f"the collection is {state}")


async def _money_comes(till: Till, collection: Document) -> None:
    """Of a collection, on its day."""
    day = datetime.fromisoformat(f"{collection['on']}T10:00:00+00:00")
    now = MovedClock(till.desk.folder / "clock").town()
    till.desk.later(seconds=max(0.0, (day - now).total_seconds()))
    path = f"/office/collections/{collection['collection']}/settlements"
    await till.desk.done("billing", "POST", path, till.officer())
    await _is_now(till, collection, "settled")
