"""What coming late costs, from the rule that says it to the bill: to book, and to cancel."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from services.billing.checking import check
from services.billing.domain.prices.facts import Ended
from services.billing.service import build as build_billing
from services.booking.service import build as build_booking
from shared.contracts.booking import Surcharged
from shared.money import euros
from tests.billing.prices import buy, line, tariff, town
from tests.billing.test_late_payments import EVERY_DAY
from tests.billing.test_paid_at_booking import DAY, Town
from tests.samples import activity, ask, family, say_town, town_file
from tests.world import StartWorld

EVE = {"anchor": "day", "days_before": 1, "time": "18:00"}
THAT_MORNING = datetime(2026, 9, 17, 5, tzinfo=UTC)
LATE = {
    "id": "veille", "valid_from": "2020-01-01", "source": "test", "cutoff": EVE,
    "after": [
        {"until": {"anchor": "day", "days_before": 0, "time": "08:00"}, "outcome": "accept",
         "surcharge": {"kind": "amount", "cents": 200}},
    ],
}  # fmt: skip


def canteen(**changes: Any) -> Any:
    rules = {"book": [LATE], "cancel": [LATE]}
    days = activity("cantine", decision="automatic", deadlines=rules, **changes)
    return town_file(activities=[days], tariffs=[EVERY_DAY])


async def test_a_late_booking_and_a_late_cancellation_are_on_the_months_bill(
    start_world: StartWorld,
) -> None:
    async with start_world({"booking": build_booking, "billing": build_billing}) as running:
        await say_town(running, canteen())
        martin, seen = await family(running), Town(running)
        await ask(running, martin, martin.asks(DAY, child=1))
        await ask(running, martin, martin.asks("2026-09-18", child=1))
        running.move_to(THAT_MORNING)
        await ask(running, martin, martin.asks(DAY, child=0))
        ends = {"kind": "cancel", "child": martin.children[1], "activity": "cantine",
                "first": DAY, "last": DAY}  # fmt: skip
        (ended,) = (await ask(running, martin, {"family": martin.id, "ends": [ends]})).json["lines"]
        assert (ended["state"], ended["surcharge"]["cents"]) == ("accepted", 200)
        running.move_to(datetime(2026, 10, 1, 6, tzinfo=UTC))
        (listed,) = await seen.invoices(martin)
        path = f"/api/billing/v1/veyras/invoices/{listed['invoice']}"
        invoice = (await running.call("GET", path, token=martin.token(running))).json
        told = {one["total_cents"]: one["reason"] for one in invoice["lines"]}
        assert sorted(told) == [200, 410, 610]
        more = f"Supplément de {euros(200)}"
        assert told[610].endswith(f" ; {more}")
        assert told[200].endswith(f"Annulé après le délai : la journée n'est pas due ; {more}")
        assert invoice["total_cents"] == 1220
        assert [one async for one in check(running.of("billing").parts, None)] == []


async def test_cancelled_late_what_was_paid_is_credited_but_for_the_surcharge(
    start_world: StartWorld,
) -> None:
    async with start_world({"booking": build_booking, "billing": build_billing}) as running:
        await say_town(running, canteen(billing="pay_at_booking"))
        martin, seen = await family(running), Town(running)
        request = await seen.book(martin)
        (invoice,) = await seen.invoices(martin)
        await seen.pay(martin, invoice)
        await seen.becomes(martin, request, "accepted")
        running.move_to(THAT_MORNING)
        ends = {"kind": "cancel", "child": martin.children[0], "activity": "cantine",
                "first": DAY, "last": DAY}  # fmt: skip
        await ask(running, martin, {"family": martin.id, "ends": [ends]})
        _, note = await seen.invoices(martin, 2)
        assert (note["kind"], note["total_cents"]) == ("credit_note", -210)
        assert await seen.credit(martin) == 210


@pytest.mark.parametrize(
    ("late", "total"),
    [
        ({"kind": "amount", "cents": 200}, 200),
        ({"kind": "amount", "cents": 200, "per": "month"}, 200),
        ({"kind": "percent", "percent": 50}, 200),
        ({"kind": "price", "total_cents": 150}, 150),
    ],
)
def test_a_cancelled_day_costs_what_its_rule_says_and_no_more(
    late: dict[str, Any], total: int
) -> None:
    ended = Ended(effect="cancelled", late=Surcharged(rule="a", **late))
    found = buy(town(tariff(price_cents=400)), [line(ended=ended)])
    assert found.total_cents == total
