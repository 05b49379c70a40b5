"""The price shown is the price billed, whatever else the family has booked, and however it pays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from services.billing.store import CHARGES
from services.billing.store.invoices import INVOICES
from shared.contracts.booking import PaymentAwaited
from shared.events import Event
from shared.store import Document
from tests.billing.conftest import Office
from tests.billing.data import DECIDED, accepted, file_with
from tests.billing.prices import book_of, tariff
from tests.billing.test_quotes import ask, see
from tests.booking.test_allowances import rule
from tests.samples import activity
from tests.world import START, eventually

#: The last week of September, which ends in October.
WEEK = tuple(date(2026, 9, 28) + timedelta(days=number) for number in range(5))
MONTH, WITH_BASKET = "cantine", "sortie"
_DATED = {"valid_from": "2026-01-01", "source": "test"}
FEE = {"id": "fee", "name": "Adhésion", "operation": "extras", "cents": 800, "per": "school_year",
       **_DATED}  # fmt: skip
HALF = {"id": "half", "name": "Moitié", "operation": "reductions", "percent": -50,
        "for": {"audiences": ["some"]}, **_DATED}  # fmt: skip


def _some(fact: str, least: int) -> dict[str, Any]:
    return {"id": "some", "name": "Certains", "all": [{"fact": fact, "from": least}]}


def _priced(*prices: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A town with these prices for both of its activities."""
    tariffs = [
        tariff(**(one | {"id": f"{one.get('id', 'repas')}-{name}", "activity": name}))
        for name in (MONTH, WITH_BASKET)
        for one in prices
    ]
    return {"tariffs": tariffs, **more}


_PLAIN = {"price_cents": 1000}
_REGULAR = {"id": "regular", "name": "Régulier", "activities": [MONTH, WITH_BASKET],
            "least_days": 3}  # fmt: skip
_COUNTER = {"id": "meals", "name": "Repas", "counts": "days_booked", "per": "family",
            "window": "school_year"}  # fmt: skip
_FROM_THE_FOURTH = {"id": "later", "price_cents": 700,
                    "for": {"times": {"counter": "meals", "from": 4}}}  # fmt: skip
FEATURES: dict[str, dict[str, Any]] = {
    "a fee of the family": _priced(_PLAIN, pricing={"adjustments": [FEE | {"once_for": "family"}]}),
    "a fee of each child": _priced(_PLAIN, pricing={"adjustments": [FEE]}),
    "a price for the week": _priced(_PLAIN | {"per": "week"}),
    "a price for the month": _priced(_PLAIN | {"per": "month", "once_for": "family"}),
    "the rank at the activity": _priced(
        _PLAIN, audiences=[_some("rank", 2)],
        pricing={"siblings": {"among": "activity"}, "adjustments": [HALF]},
    ),
    "the rank at the service": _priced(
        _PLAIN, audiences=[_some("rank", 2)],
        pricing={"siblings": {"among": "service"}, "adjustments": [HALF]},
    ),
    "a family-size price": _priced(
        {"of": "children", "brackets": [{"below": 2, "cents": 900}, {"from": 2, "cents": 600}]},
        pricing={"siblings": {"among": "activity"}},
    ),
    "a status of the month": _priced(
        _PLAIN, pricing={"statuses": [_REGULAR], "adjustments": [HALF]},
        audiences=[{"id": "some", "name": "R", "all": [{"fact": "regular", "is": [True]}]}],
    ),
    "the days of the week": _priced(
        _PLAIN, audiences=[_some("days-in-week", 3)], pricing={"adjustments": [HALF]}
    ),
    "the days of the month": _priced(
        _PLAIN, audiences=[_some("days-in-month", 3)], pricing={"adjustments": [HALF]}
    ),
    "which time it is": _priced(_FROM_THE_FOURTH, _PLAIN, counters=[_COUNTER]),
}  # fmt: skip
#: Features that give a line its price once for all, whatever is booked after it.
FIXED = ("fee", "price", "time")
#: What was booked before: how, and on which days.
BEFORE: tuple[tuple[str, Sequence[date]], ...] = (
    (MONTH, WEEK[:2]), (MONTH, WEEK[3:]), (WITH_BASKET, WEEK[:2]), (WITH_BASKET, WEEK[3:]),
)  # fmt: skip


async def say_booked(
    office: Office, family: str, request: str, activity: str, days: Sequence[date],
    children: Sequence[str], at: int, *, paid: bool = True, **changes: Any,
) -> None:  # fmt: skip
    """The request's lines are booked: by the month, or with a basket (``paid``, or awaited)."""
    lines = [(f"{child}{day.day}", child, day) for day in days for child in children]
    said = accepted(
        lines, family=family, at=DECIDED + timedelta(minutes=at), activity=activity,
        **changes,
    ).model_copy(update={"request": request})  # fmt: skip
    events: list[Event] = [said]
    if activity == WITH_BASKET:
        held = PaymentAwaited(
            request=request, number="2026-000001", family=family, account="a1", attempt=1,
            asked_at=said.decided_at, pay_until=START + timedelta(minutes=20), lines=said.lines,
        )  # fmt: skip
        events = [held, said] if paid else [held]
    for event in events:
        await office.say(event, f"requests/{request}")
        await office.settled()


async def shown(
    office: Office, family: str, activity: str, days: Sequence[date], children: Sequence[str],
    **changes: Any,
) -> Document:  # fmt: skip
    """The quote of a basket."""
    token = office.world.token(families={family: f"{family}-anne"})
    lines = [
        {"child": child, "activity": activity, "date": day.isoformat(), "units": ["repas"],
         **changes}
        for day in days for child in children
    ]  # fmt: skip
    made = await ask(office, token, {"family": family, "lines": lines})
    assert made.status == 201, made.json
    assert made.json["without_price"] == []
    assert sum(one["cents"] for one in made.json["lines"]) == made.json["total_cents"]
    return {**made.json, "token": token}


async def billed(office: Office, request: str) -> int:
    """What was billed for a request, in all."""
    return sum(
        entry["cents"]
        for invoice in await office.documents(INVOICES)
        for link in invoice["billed"]
        for entry in link["entries"]
        if entry["ref"].startswith(f"{request}-")
    )


async def end_of(office: Office, month: int) -> None:
    """All that is booked of the months before is billed."""
    over = DECIDED.replace(month=month, day=1)
    office.world.move_to(over)
    await office.decided_up_to(over)

    async def all_billed() -> bool:
        return not [
            one for one in await office.documents(CHARGES)
            if one["accepted"] and one["invoice"] is None and one["day"] < over.date().isoformat()
        ]  # fmt: skip

    await eventually(all_billed, what=f"nothing is open at the first of {month}")


@pytest.mark.parametrize("feature", FEATURES)
async def test_what_a_quote_says_is_billed(office: Office, feature: str) -> None:
    await office.town(**FEATURES[feature])
    said: dict[str, int] = {}
    cases = [(*earlier, now) for earlier in BEFORE for now in (MONTH, WITH_BASKET)]
    for number, (before, days, now) in enumerate(cases):
        family, first, second = f"f{number}", f"b{number}", f"r{number}"
        await office.family(family)
        await office.settled()
        said[first] = (await shown(office, family, before, days, ("tom", "zoe")))["total_cents"]
        await say_booked(office, family, first, before, days, ("tom", "zoe"), number)
        quote = await shown(office, family, now, WEEK[2:3], ("zoe",))
        said[second] = quote["total_cents"]
        await say_booked(office, family, second, now, WEEK[2:3], ("zoe",), 60 + number)
    await end_of(office, 10)
    await end_of(office, 11)
    compared = said if feature.split()[1] in FIXED else {
        request: cents for request, cents in said.items() if request.startswith("r")
    }  # fmt: skip
    assert {one: await billed(office, one) for one in compared} == compared
    assert await office.checked() == set()


def test_other_bookings_are_read_only_where_a_price_may_hang_on_them() -> None:
    def reads(**changes: Any) -> bool:
        return book_of(file_with(**changes)).looks_around

    assert [name for name, town in FEATURES.items() if not reads(**town)] == []
    late = {"kind": "amount", "cents": 100}
    for more, around in (
        ({}, False), ({"per": "month"}, True), ({"also_following": 2}, True),
    ):  # fmt: skip
        canteen = activity(
            "cantine", deadlines={"book": [rule(surcharge=late | more)], "cancel": [rule()]}
        )
        assert reads(activities=[canteen], tariffs=[tariff(unit="unit", price_cents=1)]) == around
    plain: dict[str, Any] = {"audiences": [_some("rank", 2)], "pricing": {"adjustments": [HALF]}}
    assert not reads(**_priced(_PLAIN, **plain))


async def test_a_basket_that_waits_to_be_paid_changes_the_next_quote(office: Office) -> None:
    """And the quote that was asked before says so."""
    await office.town(**FEATURES["the rank at the activity"])
    await office.family()
    await office.settled()
    before = await shown(office, "f1", WITH_BASKET, WEEK[2:3], ("zoe",))
    await say_booked(office, "f1", "b", WITH_BASKET, WEEK[:1], ("tom",), 0, paid=False)
    assert (await see(office, before["token"], before["quote"])).json["state"] == "changed"
    now = await shown(office, "f1", WITH_BASKET, WEEK[2:3], ("zoe",))
    assert (before["total_cents"], now["total_cents"]) == (1000, 500)
    await say_booked(office, "f1", "r", WITH_BASKET, WEEK[2:3], ("zoe",), 1, paid=False)
    assert await billed(office, "r") == 500


UNITS = {"repas": 1000, "viande": 1300}


@pytest.mark.parametrize("invoiced", [False, True])
@pytest.mark.parametrize("activity", [MONTH, WITH_BASKET])
async def test_a_change_costs_the_difference(office: Office, activity: str, invoiced: bool) -> None:
    prices = [{"id": unit, "unit": unit, "price_cents": cents} for unit, cents in UNITS.items()]
    await office.town(**_priced(*prices, pricing={"adjustments": [FEE | {"once_for": "family"}]}))
    await office.family()
    await office.settled()
    await say_booked(office, "f1", "b", activity, WEEK[:2], ("zoe",), 0)
    if invoiced:
        await end_of(office, 10)
    line = f"zoe{WEEK[0].day}"
    change = {"of": f"b-{line}", "units": ["viande"]}
    dearer = await shown(office, "f1", activity, WEEK[:1], ("zoe",), **change)
    assert dearer["total_cents"] == 300
    assert {one["what"] for one in dearer["lines"]} >= {"booked", "changed"}
    assert (await see(office, dearer["token"], dearer["quote"])).json["state"] == "valid"
    said = accepted(
        [("l1", "zoe", WEEK[0])], at=DECIDED + timedelta(hours=1), activity=activity,
        kind="change", of=f"b-{line}", was=("repas",), units=("viande",),
    ).model_copy(update={"request": "c"})  # fmt: skip
    await office.say(said, "requests/c")
    await end_of(office, 10)

    async def total() -> bool:
        return await billed(office, "b") + await billed(office, "c") == 2 * 1000 + 800 + 300

    await eventually(total, what="the difference is billed")
    assert (await see(office, dearer["token"], dearer["quote"])).json["state"] != "valid"
    back = {"of": "c-l1", "units": ["repas"]}
    cheaper = await shown(office, "f1", activity, WEEK[:1], ("zoe",), **back)
    assert cheaper["total_cents"] == -300


async def test_a_change_of_what_billing_has_not_heard_of_has_no_price_yet(office: Office) -> None:
    await office.town()
    await office.family()
    await office.settled()
    token = office.world.token(families={"f1": "f1-anne"})
    line = {"child": "zoe", "activity": MONTH, "date": "2026-09-17", "units": ["repas"]}
    refused = await ask(office, token, {"family": "f1", "lines": [line | {"of": "b-l1"}]})
    assert (refused.status, refused.json["code"]) == (409, "decisions-waiting")
