"""From a basket to its invoice, and from its payment to the places; or to nobody's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.billing.checking import check
from services.billing.commands import accounts, paid_at_booking
from services.billing.domain.accounts import Holder, unbalanced
from services.billing.domain.movements import Grant, Receive, Reverse
from services.billing.schemas.invoices import InvoicePage
from services.billing.service import build as build_billing
from services.billing.state import Billing
from services.booking.service import build as build_booking
from services.checks import charged_as_booked
from shared.contracts.town_file import Tariff
from shared.store import Document
from tests.booking.checked import findings
from tests.samples import Household, activity, ask, decide, family, places, say_town, town_file
from tests.world import START, StartWorld, World, eventually

DAY = "2026-09-17"
#: For every day but the 18th.
TARIFFS = [
    Tariff(id="repas", valid_from=date(2026, 9, 1), valid_until=date(2026, 9, 17),
           activity="cantine", unit="unit", price_cents=410, source="test"),
    Tariff(id="suite", valid_from=date(2026, 9, 19), activity="cantine", unit="unit",
           price_cents=410, source="test"),
]  # fmt: skip


@dataclass
class Town:
    """Booking and billing of a town whose canteen, of one place, is paid at booking."""

    world: World

    @property
    def billing(self) -> Billing:
        billing: Billing = self.world.state("billing")
        return billing

    async def book(self, who: Household, day: str = DAY) -> Document:
        """What the family is answered: its request."""
        return dict((await ask(self.world, who, who.asks(day))).json)

    async def line(self, who: Household, request: Document) -> Document:
        path = f"/api/booking/v1/veyras/requests/{request['id']}"
        got = await self.world.call("GET", path, token=who.token(self.world))
        line: Document = got.json["lines"][0]
        return line

    async def becomes(self, who: Household, request: Document, state: str) -> Document:
        """The line, once it is in that state and what it gave back is free again."""
        unfinished = {"unfinished": {"$exists": True}}

        async def there() -> Document | None:
            line = await self.line(who, request)
            if await self.world.store("booking").count("requests", unfinished):
                return None
            return line if line["state"] == state else None

        found: Document = await eventually(there, what=f"the line is {state}")
        return found

    async def invoices(self, who: Household, count: int = 1) -> list[Document]:
        """The family's invoices as it sees them, oldest first."""

        async def there() -> list[Document] | None:
            got = await self.world.call(
                "GET", "/api/billing/v1/veyras/invoices", token=who.token(self.world)
            )
            items = got.as_declared(InvoicePage).json["items"] if got.status == 200 else []
            return list(reversed(items)) if len(items) == count else None

        found: list[Document] = await eventually(there, what=f"{count} invoices")
        return found

    async def pay(self, who: Household, invoice: Document, payment: str = "p1") -> None:
        """The provider says that the family paid."""
        paid = Receive(payment, invoice["total_cents"], (invoice["invoice"],), who.guardian)
        await accounts.move(self.billing, holder(who), paid)

    async def tasks(self) -> list[Document]:
        """What waits for an agent, once something does."""
        token = self.world.token(roles=("collection_officer",))

        async def there() -> list[Document]:
            got = await self.world.call("GET", "/api/billing/v1/veyras/tasks", token=token)
            return list(got.json["items"])

        found: list[Document] = await eventually(there, what="a task")
        return found

    async def credit(self, who: Household) -> int:
        account = await self.billing.accounts.get(holder(who))
        assert unbalanced(account) == []
        return account.credit_cents


def holder(who: Household) -> Holder:
    return Holder("veyras", "VEY", who.id)


@pytest.fixture
async def town(start_world: StartWorld) -> AsyncIterator[Town]:
    canteen: dict[str, Any] = activity(
        "cantine", decision="automatic", billing="pay_at_booking", places=places(1)
    )
    async with start_world({"booking": build_booking, "billing": build_billing}) as running:
        await say_town(running, town_file(activities=[canteen], tariffs=TARIFFS))
        yield Town(running)
        assert await findings(running) == []
        assert [one async for one in check(running.of("billing").parts, None)] == []
        assert await compared(running) == set()


async def compared(world: World) -> set[str]:
    """The kinds of what differs between what is booked and what is charged."""
    booking, billing = (world.of(name).parts for name in ("booking", "billing"))
    return {one.kind async for one in charged_as_booked(booking, billing, None)}


async def test_a_basket_is_invoiced_at_once_and_booked_when_it_is_paid(town: Town) -> None:
    martin = await family(town.world)
    request = await town.book(martin)
    (line,) = request["lines"]
    assert line["state"] == "to_pay"
    left = datetime.fromisoformat(line["pay_until"]) - START
    assert timedelta(minutes=20) <= left < timedelta(minutes=22)
    (invoice,) = await town.invoices(martin)
    assert (invoice["kind"], invoice["request"], invoice["unpaid_cents"]) == (
        "booking", request["id"], 410,
    )  # fmt: skip
    await town.pay(martin, invoice)
    await town.becomes(martin, request, "accepted")
    assert [one["state"] for one in await town.invoices(martin)] == ["settled"]


async def test_nobody_else_gets_the_place_while_it_is_held(town: Town) -> None:
    martin, other = await family(town.world), await family(town.world)
    await town.book(martin)
    refused = await town.book(other)
    assert refused["lines"][0]["reason"]["code"] == "full"


async def test_credit_pays_and_a_rest_under_one_euro_is_carried(town: Town) -> None:
    martin = await family(town.world)
    await accounts.move(town.billing, holder(martin), Grant("g1", 350))
    request = await town.book(martin)
    await town.becomes(martin, request, "accepted")
    (invoice,) = await town.invoices(martin)
    assert (invoice["state"], invoice["unpaid_cents"]) == ("carried", 0)


async def test_unpaid_the_invoice_is_void_and_the_place_free(town: Town) -> None:
    martin, other = await family(town.world), await family(town.world)
    request = await town.book(martin)
    await town.invoices(martin)
    town.world.move_to(START + timedelta(minutes=25))
    line = await town.becomes(martin, request, "refused")
    assert line["reason"]["code"] == "unpaid"
    assert [one["state"] for one in await town.invoices(martin)] == ["void"]
    assert (await town.book(other))["lines"][0]["state"] == "to_pay"


async def test_a_place_is_kept_as_long_as_the_town_says(town: Town) -> None:
    """D17: within the hour, where the town writes that; then it lapses."""
    kept = activity(
        "cantine", decision="automatic", billing="pay_at_booking", places=places(1),
        hold_minutes=60,
    )  # fmt: skip
    await say_town(town.world, town_file(activities=[kept], tariffs=TARIFFS), version=2)
    martin = await family(town.world)
    request = await town.book(martin)
    await town.invoices(martin)
    for minutes, state in ((55, "to_pay"), (65, "refused")):
        town.world.move_to(START + timedelta(minutes=minutes))
        await paid_at_booking.expire_unpaid(town.billing)
        await town.becomes(martin, request, state)


async def expired(town: Town, who: Household) -> tuple[Document, Document]:
    """A request whose payment did not come in time, and its void invoice."""
    request = await town.book(who)
    (invoice,) = await town.invoices(who)
    town.world.move_to(START + timedelta(minutes=25))
    await town.becomes(who, request, "refused")
    return request, invoice


async def test_paid_too_late_it_is_booked_again_where_a_place_is_left(town: Town) -> None:
    martin = await family(town.world)
    request, invoice = await expired(town, martin)
    await town.pay(martin, invoice)
    await town.becomes(martin, request, "accepted")
    void, again = await town.invoices(martin, 2)
    assert (void["state"], again["state"]) == ("void", "settled")
    assert await town.credit(martin) == 0


async def test_paid_too_late_without_a_place_it_is_credit(town: Town) -> None:
    martin, other = await family(town.world), await family(town.world)
    request, invoice = await expired(town, martin)
    await town.book(other)
    await town.pay(martin, invoice)

    async def told() -> bool:
        line = await town.line(martin, request)
        return bool(line["reason"]["code"] == "paid-late")

    await eventually(told, what="the family is told")
    assert await town.credit(martin) == 410
    (task,) = await town.tasks()
    assert (task["kind"], task["family"], task["cents"], task["request"]) == (
        "paid-late", martin.id, 410, request["id"],
    )  # fmt: skip


async def test_a_payment_that_fails_later_leaves_the_place_and_the_debt(town: Town) -> None:
    martin = await family(town.world)
    request = await town.book(martin)
    (invoice,) = await town.invoices(martin)
    await town.pay(martin, invoice)
    await town.becomes(martin, request, "accepted")
    town.world.move_to(START + timedelta(minutes=25))
    await accounts.move(town.billing, holder(martin), Reverse("x1", "p1"))
    await paid_at_booking.expire_unpaid(town.billing)
    assert [one["state"] for one in await town.invoices(martin)] == ["open"]
    assert (await town.line(martin, request))["state"] == "accepted"


async def test_without_a_price_nothing_is_asked_and_nothing_booked(town: Town) -> None:
    martin = await family(town.world)
    request = await town.book(martin, "2026-09-18")
    priced = await town.book(martin)
    (invoice,) = await town.invoices(martin)
    assert invoice["request"] == priced["id"]
    assert (await town.line(martin, request))["state"] == "to_pay"
    (task,) = await town.tasks()
    assert (task["kind"], task["request"]) == ("booking-without-price", request["id"])


async def test_cancelled_after_it_was_paid_it_is_credited_by_a_note(town: Town) -> None:
    martin = await family(town.world)
    request = await town.book(martin)
    (invoice,) = await town.invoices(martin)
    await town.pay(martin, invoice)
    await town.becomes(martin, request, "accepted")
    end = {"kind": "cancel", "child": martin.children[0], "activity": "cantine",
           "first": DAY, "last": DAY}  # fmt: skip
    await ask(town.world, martin, {"family": martin.id, "ends": [end]})
    _, note = await town.invoices(martin, 2)
    assert (note["kind"], note["total_cents"], note["credited"]) == (
        "credit_note", -410, invoice["invoice"],
    )  # fmt: skip
    assert await town.credit(martin) == 410


async def test_what_an_agent_gives_unpaid_is_owed_and_a_line_taken_back_is_credited(
    start_world: StartWorld,
) -> None:
    canteen = activity("cantine", billing="pay_at_booking")
    async with start_world({"booking": build_booking, "billing": build_billing}) as running:
        await say_town(running, town_file(activities=[canteen], tariffs=TARIFFS))
        town, martin = Town(running), await family(running)
        days = [{"day": DAY}, {"day": "2026-09-21"}]
        request = dict((await ask(running, martin, martin.asks_all(days))).json)
        first, second = (line["line"] for line in request["lines"])
        await decide(running, [(request["id"], first, None), (request["id"], second, None)])
        (invoice,) = await town.invoices(martin)
        assert (invoice["state"], invoice["unpaid_cents"]) == ("open", 820)
        running.move_to(START + timedelta(minutes=25))
        await paid_at_booking.expire_unpaid(town.billing)
        await decide(running, [(request["id"], second, "Sortie annulée.")])
        invoice, note = await town.invoices(martin, 2)
        assert (note["kind"], note["total_cents"]) == ("credit_note", -410)
        assert (await town.invoices(martin, 2))[0]["unpaid_cents"] == 410
        assert [one async for one in check(running.of("billing").parts, None)] == []


async def test_without_a_word_of_billing_the_place_is_free_two_hours_after_its_time(
    start_world: StartWorld,
) -> None:
    canteen = activity("cantine", decision="automatic", billing="pay_at_booking")
    async with start_world({"booking": build_booking}) as running:
        await say_town(running, town_file(activities=[canteen]))
        town, martin = Town(running), await family(running)
        request = await town.book(martin)
        running.move_to(datetime(2026, 9, 14, 9, 30, tzinfo=UTC))
        assert (await town.line(martin, request))["state"] == "to_pay"
        running.move_to(START + timedelta(minutes=145))
        await town.becomes(martin, request, "refused")


async def test_a_booking_that_was_paid_and_is_changed_costs_the_difference(
    start_world: StartWorld,
) -> None:
    units = [{"id": one, "name": one} for one in ("court", "long")]
    room = [{"id": "room", "units": ["court", "long"], "capacity": 9, "source": "test"}]
    days = activity(
        "cantine", decision="automatic", billing="pay_at_booking", units=units, places=room
    )
    prices = [
        TARIFFS[0].model_copy(update={"id": unit, "unit": unit, "price_cents": cents})
        for unit, cents in (("court", 410), ("long", 600))
    ]
    async with start_world({"booking": build_booking, "billing": build_billing}) as running:
        await say_town(running, town_file(activities=[days], tariffs=prices))
        town, martin = Town(running), await family(running)
        one = {"child": martin.children[0], "activity": "cantine", "day": DAY}
        wish = {"family": martin.id, "asked": [{**one, "units": ["court"]}]}
        request = dict((await ask(running, martin, wish)).json)
        (invoice,) = await town.invoices(martin)
        await town.pay(martin, invoice)
        await town.becomes(martin, request, "accepted")
        await ask(running, martin, {"family": martin.id, "changes": [{**one, "units": ["long"]}]})
        paid, more = await town.invoices(martin, 2)
        assert (paid["state"], more["total_cents"], more["unpaid_cents"]) == ("settled", 190, 190)
        assert await town.credit(martin) == 0
        assert [one async for one in check(running.of("billing").parts, None)] == []


async def test_what_was_paid_at_booking_is_not_billed_again_where_the_town_bills_by_the_month_since(
    start_world: StartWorld,
) -> None:
    canteen = activity("cantine", decision="automatic", billing="pay_at_booking")
    async with start_world({"booking": build_booking, "billing": build_billing}) as running:
        await say_town(running, town_file(activities=[canteen], tariffs=TARIFFS))
        town, martin = Town(running), await family(running)
        request = await town.book(martin)
        (invoice,) = await town.invoices(martin)
        by_month = canteen | {"billing": "pay_in_arrears"}
        await say_town(running, town_file(activities=[by_month], tariffs=TARIFFS), version=2)
        await town.pay(martin, invoice)
        await town.becomes(martin, request, "accepted")

        async def held() -> bool:
            charges = await running.store("billing").find("charges", {"family": martin.id})
            return [one["invoice"] for one in charges] == [invoice["invoice"]]

        await eventually(held, what="its charge is on the invoice that was paid")
        assert len(await town.invoices(martin)) == 1
