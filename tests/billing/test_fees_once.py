"""A yearly fee is asked once of a family, however its baskets follow each other."""

from __future__ import annotations

from typing import Any

from shared.store import Document
from tests.billing.test_late_payments import EVERY_DAY, PAID_AT_BOOKING
from tests.billing.test_paid_at_booking import Town, town
from tests.booking.test_allowances import rule
from tests.booking.test_ending import ends
from tests.samples import Household, activity, ask, family, places, say_town, town_file

__all__ = ["town"]
DAYS = ("2026-09-17", "2026-09-21", "2026-09-24")
FEE = {
    "id": "fee", "name": "Adhésion", "operation": "extras", "cents": 800, "per": "school_year",
    "once_for": "family", "valid_from": "2026-01-01", "source": "test",
}  # fmt: skip


async def _with_a_fee(town: Town) -> Household:
    canteen = activity(
        "cantine",
        **PAID_AT_BOOKING,
        places=places(9),
        deadlines={"book": [rule()], "cancel": [rule()]},
    )  # fmt: skip
    file = town_file(activities=[canteen], tariffs=[EVERY_DAY], pricing={"adjustments": [FEE]})
    await say_town(town.world, file, version=2)
    return await family(town.world)


async def _latest(town: Town, who: Household, count: int) -> Document:
    return (await town.invoices(who, count))[-1]


async def test_two_baskets_that_wait_to_be_paid_have_one_fee(town: Town) -> None:
    martin = await _with_a_fee(town)
    asked = []
    for number, day in enumerate(DAYS[:2], start=1):
        asked.append(await town.book(martin, day))
        invoice = await _latest(town, martin, number)
        assert invoice["total_cents"] == (1210 if number == 1 else 410)
    for number, (request, invoice) in enumerate(
        zip(asked, await town.invoices(martin, 2), strict=True)
    ):
        await town.pay(martin, invoice, f"p{number}")
        await town.becomes(martin, request, "accepted")
    await town.book(martin, DAYS[2])
    assert (await _latest(town, martin, 3))["total_cents"] == 410


async def test_a_fee_given_back_with_its_day_falls_due_with_the_next(town: Town) -> None:
    martin = await _with_a_fee(town)
    for number, day in enumerate(DAYS[:2], start=1):
        request: dict[str, Any] = await town.book(martin, day)
        await town.pay(martin, await _latest(town, martin, number), f"p{number}")
        await town.becomes(martin, request, "accepted")
    await ask(town.world, martin, ends(martin, first=DAYS[0]))
    note = await _latest(town, martin, 3)
    assert (note["kind"], note["total_cents"]) == ("credit_note", -1210)
    await town.book(martin, DAYS[2])
    assert (await _latest(town, martin, 4))["total_cents"] == 1210
