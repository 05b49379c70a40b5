"""A month's invoice by the town's prices: brackets, what came late, absences, monthly prices."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from services.billing.store import CHARGES
from shared.contracts.booking import BookingAccepted, DecidedLine
from shared.contracts.family import Quotient
from shared.store import Document
from tests.billing.conftest import Office
from tests.billing.data import DECIDED, accepted, file_with
from tests.billing.prices import tariff
from tests.world import eventually

DAY = date(2026, 9, 3)
RULES = [
    {"id": "certificate", "valid_from": "2020-01-01", "source": "test",
     "effect": {"kind": "keep_percent", "percent": 10}},
]  # fmt: skip


async def opened(office: Office, *, family: dict[str, Any] | None = None, **changes: Any) -> None:
    """The town with these prices, where an absence keeps a tenth; its family."""
    file = file_with()
    activities = [one.model_dump(mode="json", exclude_unset=True) for one in file.activities]
    activities[0]["absences"] = {"rules": RULES}
    await office.town(activities=activities, **changes)
    await office.family(**(family or {}))


async def lines_of(office: Office) -> list[Document]:
    (invoice,) = await office.invoices(1)
    shown = await office.get(f"/invoices/{invoice['_id']}")
    assert shown.json["total_cents"] == sum(one["total_cents"] for one in shown.json["lines"])
    lines: list[Document] = shown.json["lines"]
    assert all(one["total_cents"] == one["count"] * one["price_cents"] for one in lines)
    return lines


def absence(effect: str, rule: str | None, line: str = "l1") -> BookingAccepted:
    """The report of an absence on the day booked by a line of r1."""
    return BookingAccepted.model_validate(
        {
            **accepted([], at=DECIDED + timedelta(hours=1)).model_dump(),
            "request": "r2",
            "lines": [
                DecidedLine.model_validate(
                    {"line": "a1", "kind": "absence", "of": f"r1-{line}", "was": ["repas"],
                     "child": "zoe", "activity": "cantine", "date": DAY, "units": ["repas"],
                     "effect": effect, "settled_by": rule, "receipted": True}
                )
            ],
        }
    )  # fmt: skip


async def test_an_invoice_line_says_its_rule_and_its_reason(office: Office) -> None:
    late = {"rule": "the-eve", "kind": "percent", "percent": 50}
    await opened(office, tariffs=[tariff(price_cents=299)])
    await office.say(accepted([("l1", "zoe", DAY)], surcharge=late), "requests/r1")
    await office.say(
        accepted([("l2", "zoe", date(2026, 9, 4)), ("l3", "zoe", date(2026, 9, 7))]),
        "requests/r1-bis",
    )
    await office.month_over()
    lines = await lines_of(office)
    assert [(one["tariff"], one["count"], one["price_cents"], one["reason"]) for one in lines] == [
        ("repas", 1, 449, "Prix unique ; Majoration de 50 %"),
        ("repas", 2, 299, "Prix unique"),
    ]
    (invoice,) = await office.invoices(1)
    assert invoice["version"] == 1


async def test_a_price_follows_the_quotient_and_the_facts_of_the_dossier(office: Office) -> None:
    residents = {"id": "residents", "name": "R", "all": [{"fact": "resident", "is": [True]}]}
    grid = tariff(
        columns=[{"audiences": ["residents"]}, {}],
        brackets=[{"below": 600, "cents": [150, 350]}, {"from": 600, "cents": [400, 600]}],
    )
    quotients = (
        Quotient(value_cents=80000, effect=date(2026, 1, 1), source="caf"),
        Quotient(value_cents=59999, effect=date(2026, 9, 7), source="caf"),
    )
    family = {"quotients": quotients, "facts": {"resident": True}}
    await opened(office, tariffs=[grid], audiences=[residents], family=family)
    days = [("l1", "zoe", DAY), ("l2", "zoe", date(2026, 9, 8))]
    await office.say(accepted(days), "requests/r1")
    await office.month_over()
    assert [(one["total_cents"], one["reason"]) for one in await lines_of(office)] == [
        (400, "Tranche à partir de 600 (quotient 800)"),
        (150, "Tranche moins de 600 (quotient 599,99)"),
    ]


@pytest.mark.parametrize("booked_first", [True, False])
@pytest.mark.parametrize(
    ("effect", "rule", "total"),
    [("keep_percent", "certificate", 41), ("billed", None, 410), ("to_prove", "certificate", 410)],
)
async def test_an_absence_costs_what_the_rule_that_booking_named_says(
    office: Office, booked_first: bool, effect: str, rule: str | None, total: int
) -> None:
    await opened(office, tariffs=[tariff(price_cents=410)])
    said = [
        (accepted([("l1", "zoe", DAY)]), "requests/r1"),
        (absence(effect, rule), "requests/r2"),
    ]
    for event, subject in said if booked_first else reversed(said):
        envelope = await office.say(event, subject)
        await office.settled()
        await office.again(envelope)
    await office.settled()
    (charge,) = await office.documents(CHARGES)
    assert (charge["accepted"], charge["ending"]["effect"]) == (True, effect)
    await office.month_over()
    (line,) = await lines_of(office)
    assert line["total_cents"] == total


async def test_an_absence_by_a_rule_that_is_gone_waits_for_an_agent(office: Office) -> None:
    await opened(office, tariffs=[tariff(price_cents=410)])
    await office.say(accepted([("l1", "zoe", DAY), ("l2", "tom", DAY)]), "requests/r1")
    await office.say(absence("keep_percent", "last-year"), "requests/r2")
    await office.month_over()
    (line,) = await lines_of(office)
    assert line["child"] == "tom"

    async def left_aside() -> list[str] | None:
        (run,) = (await office.get("/invoice-runs")).json["runs"]
        return [one["code"] for one in run["lines"]] if run["finished"] else None

    assert await eventually(left_aside, what="run finished") == ["surcharge-unstated"]


async def test_a_monthly_price_is_due_once_and_an_absence_gives_nothing_back(
    office: Office,
) -> None:
    fee = {"id": "fee", "name": "Adhésion", "operation": "extras", "cents": 800,
           "per": "school_year", "once_for": "family", "valid_from": "2026-01-01",
           "source": "test"}  # fmt: skip
    await opened(
        office, tariffs=[tariff(price_cents=6000, per="month")], pricing={"adjustments": [fee]}
    )
    days = [("l1", "zoe", DAY), ("l2", "zoe", date(2026, 9, 4)), ("l3", "tom", DAY)]
    await office.say(accepted(days), "requests/r1")
    await office.say(absence("free", "certificate"), "requests/r2")
    await office.month_over()
    found = sorted(
        (one["child"], one["what"], one["total_cents"]) for one in await lines_of(office)
    )
    assert found == [
        ("tom", "booked", 6000), ("zoe", "booked", 0), ("zoe", "booked", 6000),
        ("zoe", "once", 800),
    ] or found == [
        ("tom", "booked", 6000), ("tom", "once", 800), ("zoe", "booked", 0),
        ("zoe", "booked", 6000),
    ]  # fmt: skip


async def test_what_was_charged_last_month_is_not_due_again(office: Office) -> None:
    await opened(office, tariffs=[tariff(price_cents=60000, per="school_year")])
    await office.say(accepted([("l1", "zoe", DAY)]), "requests/r1")
    await office.say(accepted([("l2", "zoe", date(2026, 10, 1))], request="r3"), "requests/r3")
    await office.month_over()
    await office.invoices(1)
    over = DECIDED.replace(month=11, day=1)
    office.world.move_to(over)
    await office.decided_up_to(over)
    first, second = await office.invoices(2)
    assert (first["total_cents"], second["total_cents"]) == (60000, 0)
    assert second["lines"][0]["reason"].endswith("Compris dans le forfait pour l'année scolaire")
