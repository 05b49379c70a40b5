"""Money that comes when the places are gone, or taken back: booked again or credit, never half."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from services.billing.checking import check
from services.billing.commands import paid_at_booking
from services.billing.service import build as build_billing
from services.booking.service import build as build_booking
from shared.contracts.billing import PaidLate, PaymentExpired
from shared.contracts.town_file import TownFile
from shared.store import Document
from tests.billing.test_paid_at_booking import DAY, TARIFFS, Town, expired, town
from tests.booking.checked import findings
from tests.booking.helpers import states, try_ask
from tests.booking.test_allowances import WEEKS, rule
from tests.booking.test_weeks import MONDAY, THURSDAY, week_of
from tests.samples import Household, activity, ask, decide, family, places, say_town, town_file
from tests.world import START, StartWorld, eventually

__all__ = ["town"]
NEXT_DAY, NEXT_WEEK = "2026-09-21", "2026-09-24"
LATE = START + timedelta(minutes=25)
EVERY_DAY = TARIFFS[0].model_copy(update={"valid_until": None})
PAID_AT_BOOKING: dict[str, Any] = {"decision": "automatic", "billing": "pay_at_booking"}


async def withdraw(town: Town, who: Household, request: Document, *lines: str) -> Any:
    path = f"/api/booking/v1/veyras/requests/{request['id']}/withdrawals"
    return await town.world.call(
        "POST", path, token=who.token(town.world), json={"lines": list(lines)}
    )


async def said_late(town: Town, who: Household, request: Document) -> str:
    """What the family is told, once its payment was too late for good."""

    async def told() -> str | None:
        reason = (await town.line(who, request)).get("reason") or {}
        return str(reason["text"]) if reason.get("code") == "paid-late" else None

    found: str = await eventually(told, what="the family is told")
    return found


# -- taken back before it is paid ----------------------------------------------------------


async def test_what_is_to_be_paid_may_be_taken_back_and_is_asked_no_more(town: Town) -> None:
    martin, other = await family(town.world), await family(town.world)
    request = await town.book(martin)
    (invoice,) = await town.invoices(martin)
    for _ in range(2):
        answer = await withdraw(town, martin, request)
        assert (answer.status, answer.json["lines"][0]["state"]) == (200, "withdrawn")

    async def void() -> bool:
        return [one["state"] for one in await town.invoices(martin)] == ["void"]

    await eventually(void, what="nothing is to be paid")
    assert (await town.book(other))["lines"][0]["state"] == "to_pay"
    await town.pay(martin, invoice)
    assert await town.credit(martin) == 410
    assert (await town.line(martin, request))["state"] == "withdrawn"


async def test_what_is_paid_together_is_taken_back_together(town: Town) -> None:
    martin = await family(town.world)
    days = [{"day": DAY}, {"day": NEXT_DAY}]
    request = dict((await ask(town.world, martin, martin.asks_all(days))).json)
    refused = await withdraw(town, martin, request, request["lines"][0]["line"])
    assert (refused.status, refused.json["code"]) == (409, "paid-together")
    assert [one["state"] for one in request["lines"]] == ["to_pay", "to_pay"]
    (invoice,) = await town.invoices(martin)
    await town.pay(martin, invoice)
    await town.becomes(martin, request, "accepted")


# -- paid too late -------------------------------------------------------------------------


async def test_paid_too_late_it_counts_again_for_what_the_town_allows(town: Town) -> None:
    martin = await family(town.world)
    await one_week_each(town)
    request, invoice = await expired(town, martin)
    await town.pay(martin, invoice)
    await town.becomes(martin, request, "accepted")
    again = await try_ask(town.world, martin, martin.asks(NEXT_WEEK))
    assert again.json["not_retained"][0]["reason"]["code"] == "too-often"


async def test_paid_too_late_for_what_the_town_allows_it_is_credit(town: Town) -> None:
    martin = await family(town.world)
    await one_week_each(town)
    request, invoice = await expired(town, martin)
    assert (await town.book(martin, NEXT_WEEK))["lines"][0]["state"] == "to_pay"
    await town.pay(martin, invoice)
    assert "le nombre autorisé est atteint" in await said_late(town, martin, request)
    assert (await town.book(await family(town.world)))["lines"][0]["state"] == "to_pay"


async def one_week_each(town: Town) -> None:
    """A child may have one week of the canteen."""
    most = rule(times={"counter": "weeks", "to": 1})
    canteen = activity(
        "cantine", **PAID_AT_BOOKING, places=places(1),
        deadlines={"book": [most], "cancel": [rule()]},
    )  # fmt: skip
    file = town_file(activities=[canteen], tariffs=TARIFFS, counters=[WEEKS])
    await say_town(town.world, file, version=2)


async def test_what_is_booked_all_or_none_is_so_when_it_is_paid_late(
    start_world: StartWorld,
) -> None:
    def canteen(**changes: Any) -> TownFile:
        days = activity("centre", **PAID_AT_BOOKING, places=places(1), **changes)
        price = EVERY_DAY.model_copy(update={"activity": "centre"})
        return town_file(activities=[days], tariffs=[price])

    async def book(who: Household, day: str) -> str:
        answer = await ask(running, who, who.asks(day, activity="centre"))
        return str(answer.json["lines"][0]["state"])

    async with start_world({"booking": build_booking, "billing": build_billing}) as running:
        await say_town(running, canteen(week={"whole": True}))
        town, martin, other = Town(running), await family(running), await family(running)
        request = dict((await ask(running, martin, week_of(martin))).json)
        (invoice,) = await town.invoices(martin)
        running.move_to(LATE)
        await town.becomes(martin, request, "refused")
        await say_town(running, canteen(), version=2)
        assert await book(other, THURSDAY) == "to_pay"
        await town.pay(martin, invoice)
        await said_late(town, martin, request)
        assert await states(running, martin, request["id"]) == ["refused"] * 4
        assert await book(other, MONDAY) == "to_pay"
        assert await town.credit(martin) == 4 * 410
        assert await findings(running) == []


async def test_paid_late_heard_before_that_it_expired_is_not_lost(start_world: StartWorld) -> None:
    canteen = activity("cantine", **PAID_AT_BOOKING)
    async with start_world({"booking": build_booking}) as running:
        await say_town(running, town_file(activities=[canteen]))
        town, martin = Town(running), await family(running)
        request = await town.book(martin)
        running.move_to(LATE)
        about = {"office": "VEY", "family": martin.id, "invoice": "i1", "request": request["id"]}
        expired_at = running.clock.town()
        await running.say(PaidLate(**about), "accounts/a1")

        async def held_anew() -> bool:
            until = (await town.line(martin, request)).get("pay_until")
            return bool(until and datetime.fromisoformat(until) > LATE)

        await eventually(held_anew, what="the place is held anew")
        await running.say(PaymentExpired(**about), "accounts/a1", time=expired_at)

        async def heard() -> bool:
            return not await running.queued("booking")

        await eventually(heard, what="booking has heard it")
        assert await held_anew()


# -- what an agent gives beside what is to be paid -----------------------------------------


async def test_what_an_agent_gives_leaves_alone_what_waits_to_be_paid(
    start_world: StartWorld,
) -> None:
    days = [
        activity("cantine", **PAID_AT_BOOKING),
        activity("sortie", billing="pay_at_booking"),
    ]
    outing = EVERY_DAY.model_copy(update={"id": "s", "activity": "sortie", "price_cents": 800})
    async with start_world({"booking": build_booking, "billing": build_billing}) as running:
        file = town_file(activities=days, tariffs=[EVERY_DAY, outing])
        await say_town(running, file)
        town, martin = Town(running), await family(running)
        wish = martin.asks(DAY)
        wish["asked"] += martin.asks(NEXT_DAY, activity="sortie")["asked"]
        request = dict((await ask(running, martin, wish)).json)
        assert [one["state"] for one in request["lines"]] == ["to_pay", "requested"]
        await town.invoices(martin)
        await decide(running, [(request["id"], request["lines"][1]["line"], None)])
        waits, given = await town.invoices(martin, 2)
        assert (waits["unpaid_cents"], given["unpaid_cents"]) == (410, 800)
        running.move_to(LATE)
        await town.becomes(martin, request, "refused")

        async def void() -> bool:
            return bool((await town.invoices(martin, 2))[0]["state"] == "void")

        await eventually(void, what="what was not paid is void")
        await paid_at_booking.expire_unpaid(town.billing)
        assert (await town.invoices(martin, 2))[1]["unpaid_cents"] == 800
        assert await states(running, martin, request["id"]) == ["refused", "accepted"]
        assert [one async for one in check(running.of("billing").parts, None)] == []
