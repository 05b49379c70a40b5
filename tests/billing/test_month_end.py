"""From decisions to numbered invoices, with the real store and bus."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from random import Random
from typing import Any

import pytest

from services.billing.commands import month_ends
from services.billing.commands.month_ends import end_months, preview_month, run_month_by_operator
from services.billing.domain.runs import Run
from services.billing.store import CHARGES, LEASE, MARK_CHARGES, BillingStore
from services.billing.store.accounts import AccountStore
from services.billing.store.invoices import INVOICES, InvoiceStore
from shared.bus.consumer import HELD
from shared.contracts.billing import InvoiceIssued
from shared.contracts.booking import Replaced, Surcharged
from shared.contracts.town_file import CollectionOffice
from shared.errors import Refused
from shared.events import Event
from shared.store import Document
from tests.billing.conftest import FIRST_OF_OCTOBER, SEPTEMBER_OVER, Office
from tests.billing.data import DECIDED, TARIFFS, accepted, file_with, refused
from tests.operators import Done, preau
from tests.world import Answer, eventually

DAY = date(2026, 9, 3)


# -- charges -------------------------------------------------------------------------------


async def test_decisions_heard_before_town_and_family_wait_for_them(office: Office) -> None:
    await office.say(accepted([("l1", "zoe", DAY)]), "requests/r1")
    await office.settled()
    assert await office.documents(CHARGES) == []
    await office.town()
    await office.family()
    (charge,) = await eventually(lambda: office.documents(CHARGES), what="charge kept")
    assert (charge["child_name"], charge["accepted"], charge["month"]) == ("Zoé", True, "2026-09")


LATER, LATEST = DECIDED + timedelta(hours=1), DECIDED + timedelta(hours=2)
HISTORY = [
    accepted([("l1", "zoe", DAY)]),
    refused([("l1", "zoe", DAY)], at=LATER, replaces=Replaced(decided_at=DECIDED, accepted=True)),
    accepted([("l1", "zoe", DAY)], at=LATEST, replaces=Replaced(decided_at=LATER, accepted=False)),
]


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
async def test_the_latest_decision_counts_in_whatever_order_and_however_often(
    office: Office, order: tuple[int, ...]
) -> None:
    await office.town()
    await office.family()
    said = []
    for position in order:
        said.append(await office.say(HISTORY[position], f"requests/r1-{position}"))
        await office.settled()
    for envelope in said:
        await office.again(envelope)
    await office.settled()
    (charge,) = await office.documents(CHARGES)
    assert charge["accepted"] is (max(order) == 2)
    if charge["accepted"]:
        assert (charge["child_name"], charge["billing"]) == ("Zoé", "pay_in_arrears")


SURCHARGED = Surcharged(rule="late", kind="fixed", cents=200)
OF: dict[str, Any] = {"kind": "cancel", "of": "r1-l1", "was": ("repas",)}


@pytest.mark.parametrize(
    "ends",
    [
        [{"effect": "cancelled", "surcharge": SURCHARGED}],
        [{"effect": "to_prove"}, {"effect": "cancelled"}],
    ],
    ids=["cancelled late", "to be proved, then cancelled"],
)
async def test_money_goes_back_as_the_last_end_says_in_whatever_order(
    office: Office, ends: list[dict[str, Any]]
) -> None:
    canteen = file_with().activities[0].model_dump(mode="json", by_alias=True)
    await office.town(activities=[canteen | {"absences": {"in_time": "refund"}}])
    said = [accepted([("l1", "zoe", DAY)])]
    for number, end in enumerate(ends, 1):
        at = DECIDED + timedelta(hours=number)
        said.append(accepted([("c", "zoe", DAY)], at=at, **OF, **end))
    for family, order in enumerate(permutations(range(len(said)))):
        name = f"g{family}"
        await office.family(name)
        for position in order:
            event = said[position]
            of = event.lines[0].of
            line = event.lines[0].model_copy(update={"of": of and f"{name}-l1"})
            changes = {"family": name, "lines": (line,)}
            changes["request"] = event.request if of else name
            await office.say(event.model_copy(update=changes), f"requests/{name}-{position}")
            await office.settled()
    charges = await office.documents(CHARGES)
    assert [one["given_back"] for one in charges] == ["refund"] * len(charges)
    assert len({(one["accepted"], str(one["decided"])) for one in charges}) == 1


# -- the month end -------------------------------------------------------------------------


async def test_the_month_is_invoiced_by_itself_once_it_is_over(office: Office) -> None:
    await office.town()
    for family in ("f1", "f2"):
        await office.family(family)
        lines = [(f"{family}-{day}", "zoe", date(2026, 9, day)) for day in (1, 3, 4)]
        await office.say(accepted(lines, family=family), f"requests/{family}")
    october = [("late", "zoe", date(2026, 10, 1))]
    await office.say(accepted(october), "requests/october")
    await office.say(
        accepted([("trip", "zoe", DAY)], activity="sortie"), "requests/paid-at-booking"
    )
    await office.decided_up_to(SEPTEMBER_OVER - timedelta(milliseconds=1))
    await office.settled()
    await end_months(office.billing())
    assert await office.documents(INVOICES) == []

    await office.month_over()
    first, second = await office.invoices(2)
    assert [first["number"], second["number"]] == ["VEY-2026-000001", "VEY-2026-000002"]
    assert {first["family"], second["family"]} == {"f1", "f2"}
    assert (first["total_cents"], first["issued_on"], first["due_on"]) == (
        1230, "2026-10-01", "2026-10-31",
    )  # fmt: skip
    issued = await eventually(lambda: heard(office, 2), what="invoice-issued heard")
    assert {(one.number, one.total_cents, one.month) for one in issued} == {
        ("VEY-2026-000001", 1230, date(2026, 9, 1)),
        ("VEY-2026-000002", 1230, date(2026, 9, 1)),
    }
    assert {one.guardian for one in issued} == {"f1-anne", "f2-anne"}
    (run,) = (await eventually(lambda: finished(office), what="run finished"))["runs"]
    assert (run["asked_by"], run["invoices"], run["total_cents"]) == ("rule", 2, 2460)
    assert run["left_aside"] == 0


async def test_what_is_accepted_for_a_month_that_has_ended_is_invoiced_by_itself(
    office: Office,
) -> None:
    """To a family that has no invoice of it; a family that has one is asked for the difference."""
    await office.town()
    await office.family()
    await office.family("f2")
    await office.say(accepted([("l1", "zoe", DAY)]), "requests/r1")
    await office.month_over()
    await office.invoices(1)
    await eventually(lambda: finished(office), what="run finished")
    late = accepted([("l2", "zoe", DAY)], family="f2", at=FIRST_OF_OCTOBER)
    envelope = await office.say(late, "requests/r2")
    _, invoice = await office.invoices(2)
    assert (invoice["family"], invoice["month"], invoice["total_cents"]) == ("f2", "2026-09", 410)
    assert invoice["of"] is None
    await office.again(envelope)
    await office.settled()
    runs = (await eventually(lambda: finished(office), what="run finished"))["runs"]
    assert [one["invoices"] for one in runs] == [1, 1]
    assert await office.checked() == set()


async def heard(office: Office, count: int) -> list[InvoiceIssued] | None:
    return office.heard if len(office.heard) == count else None


async def finished(office: Office) -> Document | None:
    runs: Document = (await office.get("/invoice-runs")).json
    return runs if runs["runs"] and all(run["finished"] for run in runs["runs"]) else None


@pytest.mark.parametrize(
    ("zone", "over"),
    [
        ("Europe/Paris", datetime(2026, 10, 31, 23, tzinfo=UTC)),
        ("Pacific/Noumea", datetime(2026, 10, 31, 13, tzinfo=UTC)),
        ("America/Martinique", datetime(2026, 11, 1, 4, tzinfo=UTC)),
    ],
)
async def test_a_month_is_over_at_midnight_in_the_town(
    office: Office, zone: str, over: datetime
) -> None:
    await office.town(time_zone=zone)
    await office.family()
    await office.say(accepted([("l1", "zoe", date(2026, 10, 31))]), "requests/r1")
    office.world.move_to(over)
    await office.decided_up_to(over - timedelta(milliseconds=1))
    await office.settled()
    assert (await office.run("2026-10")).json["code"] == "month-not-over"
    assert await office.documents(INVOICES) == []
    await office.decided_up_to(over)
    (invoice,) = await office.invoices(1)
    assert (invoice["month"], invoice["issued_on"]) == ("2026-10", "2026-11-01")
    assert invoice["total_cents"] == 425


async def test_a_month_waits_for_decisions_that_wait_for_a_copy(office: Office) -> None:
    await office.town()
    await office.family()
    await office.say(accepted([("l1", "zoe", DAY)]), "requests/r1")
    await office.say(accepted([("l2", "zoe", DAY)], family="f2"), "requests/r2")
    await office.month_over()
    await office.settled()
    await end_months(office.billing())
    assert await office.documents(INVOICES) == []
    assert (await office.run()).json["code"] == "decisions-waiting"
    await office.family("f2")
    await office.invoices(2)
    assert await office.world.store("billing").count(HELD, {}) == 0


async def test_a_charge_without_tariff_is_reported_and_invoiced_once_it_has_one(
    office: Office,
) -> None:
    await office.town(tariffs=())
    await office.family()
    await office.say(accepted([("l1", "zoe", DAY)]), "requests/r1")
    await office.month_over()
    (run,) = (await eventually(lambda: finished(office), what="run finished"))["runs"]
    assert (run["invoices"], run["left_aside"], run["lines"][0]["code"]) == (0, 1, "no-tariff")
    await office.town(version=2, tariffs=TARIFFS)

    async def priced() -> bool:
        return (await preview_month(office.billing(), "veyras", "2026-09")).invoices == 1

    await eventually(priced, what="tariff heard of")
    assert await office.documents(INVOICES) == []
    done = await eventually(lambda: one_issued(office), what="invoice issued")
    assert done.json["total_cents"] == 410


@pytest.mark.parametrize("late_first", [False, True])
async def test_what_had_no_price_when_its_month_was_invoiced_is_billed_once_it_has_one(
    office: Office, late_first: bool
) -> None:
    """A meal, another whose second unit has no price, and a day of that unit alone; and before the
    price comes, another difference."""
    await office.town(tariffs=TARIFFS[:2])
    await office.family()
    await office.say(accepted([("l1", "zoe", DAY)], units=["repas", "viande"]), "requests/r1")
    await office.say(accepted([("l2", "zoe", DAY)], units=["viande"]), "requests/r2")
    await office.month_over()
    (invoice,) = await office.invoices(1)
    (run,) = (await eventually(lambda: finished(office), what="run finished"))["runs"]
    assert (invoice["total_cents"], run["left_aside"]) == (410, 2)
    if late_first:
        await office.say(accepted([("l3", "tom", DAY)]), "requests/r3")
        assert (await office.invoices(2))[1]["total_cents"] == 410
    await office.town(version=2, tariffs=TARIFFS)
    await office.settled()
    await run_quietly(office)
    found = await office.invoices(3 if late_first else 2)
    assert (found[-1]["of"], found[-1]["total_cents"]) == (invoice["_id"], 110)
    charges = await eventually(lambda: all_billed(office), what="every change billed")
    assert {one["invoice"] for one in charges} == {invoice["_id"]}
    assert await office.checked() == set()


async def one_issued(office: Office) -> Answer | None:
    done = await office.run()
    return done if done.json["invoices"] == 1 else None


async def test_the_same_request_again_has_one_effect_and_one_answer(office: Office) -> None:
    await office.town(tariffs=())
    await office.family()
    await office.say(accepted([("l1", "zoe", DAY)]), "requests/r1")
    await office.month_over()
    await eventually(lambda: finished(office), what="run finished")
    first = await office.run(key="one-key-of-mine")
    again = await office.run(key="one-key-of-mine")
    assert first.status == again.status == 201
    assert first.json == again.json
    other = await office.run("2026-08", key="one-key-of-mine")
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")
    bad = await office.run("septembre")
    assert (bad.status, bad.json["field"]) == (422, "/month")


# -- numbers -------------------------------------------------------------------------------


async def forty_families(office: Office) -> list[str]:
    """With one day in September each."""
    await office.town()
    families = [f"f{number:02d}" for number in range(40)]
    for family in families:
        await office.family(family)
        await office.say(
            accepted([(f"{family}-l", "zoe", DAY)], family=family), f"requests/{family}"
        )
    await office.settled()
    return families


async def test_eight_runs_at_once_give_each_family_one_invoice_and_no_gap(office: Office) -> None:
    families = await forty_families(office)
    await office.month_over()
    await office.settled()
    await asyncio.gather(
        *(run_month_by_operator(office.billing(), "veyras", "2026-09") for _ in range(8))
    )
    invoices = await office.invoices(40)
    assert [invoice["sequence"] for invoice in invoices] == list(range(1, 41))
    assert sorted(invoice["family"] for invoice in invoices) == families
    assert all(charge["invoice"] for charge in await office.documents(CHARGES))
    await eventually(lambda: heard(office, 40), what="each said once")


# The driver drops a connection whose use is cancelled, for the collector to close.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_month_end_cut_short_with_families_under_way_leaves_no_gap(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    families = await forty_families(office)
    billing = office.billing()
    running = office.world.of("billing")

    async def the_job_leaves_it_alone() -> bool:
        await running.parts.store.release("month-end", running.service.state.owner)
        return await running.parts.store.lease(LEASE, "month-end", billing.owner, 60)

    await eventually(the_job_leaves_it_alone)
    await office.month_over()
    await office.settled()

    cut_short = ContextVar("cut_short", default=False)
    left = 0
    run: asyncio.Task[Run]

    def counted(step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def watched(*args: Any, **options: Any) -> Any:
            nonlocal left
            if cut_short.get():
                left -= 1
                if not left:
                    run.cancel()
                    await asyncio.Event().wait()
            return await step(*args, **options)

        return watched

    async def run_to_be_cut_short() -> Run:
        cut_short.set(True)
        return await run_month_by_operator(billing, "veyras", "2026-09")

    monkeypatch.setattr(month_ends, "_TAKEN", 4)
    for store, name in (
        (InvoiceStore, "number"), (AccountStore, "owe"), (InvoiceStore, "announce"),
        (BillingStore, "mark"),
    ):  # fmt: skip
        monkeypatch.setattr(store, name, counted(getattr(store, name)))
    for steps in (3, 5, 7, 6):
        left = steps
        run = asyncio.create_task(run_to_be_cut_short())
        with pytest.raises(asyncio.CancelledError):
            await run
        numbers = sorted(one["sequence"] for one in await office.documents(INVOICES))
        assert numbers == list(range(1, len(numbers) + 1))
    await run_month_by_operator(billing, "veyras", "2026-09")
    invoices = await office.invoices(40)
    assert [invoice["sequence"] for invoice in invoices] == list(range(1, 41))
    assert sorted(invoice["family"] for invoice in invoices) == families
    assert all(charge["invoice"] for charge in await office.documents(CHARGES))
    gc.collect()


async def test_numbers_start_anew_each_year_and_for_each_office(office: Office) -> None:
    await office.town()
    await office.family()
    await office.say(accepted([("l1", "zoe", DAY)]), "requests/r1")
    await office.month_over()
    await office.invoices(1)
    await office.say(accepted([("l2", "zoe", date(2026, 12, 31))]), "requests/r2")
    office.world.move_to(datetime(2027, 1, 4, 8, tzinfo=UTC))
    await office.decided_up_to(datetime(2027, 1, 4, tzinfo=UTC))
    assert {one["number"] for one in await office.invoices(2)} == {
        "VEY-2026-000001", "VEY-2027-000001",
    }  # fmt: skip
    office_changed = CollectionOffice(code="CAN", label="Régie cantine")
    await office.town(version=2, collection_office=office_changed)
    await office.say(accepted([("l3", "zoe", date(2027, 1, 5))]), "requests/r3")
    await office.settled()

    office.world.move_to(datetime(2027, 2, 1, 8, tzinfo=UTC))
    await office.decided_up_to(datetime(2027, 2, 1, tzinfo=UTC))
    assert "CAN-2027-000001" in {one["number"] for one in await office.invoices(3)}


async def test_a_run_that_died_before_marking_charges_is_resumed(office: Office) -> None:
    await office.town()
    await office.family()
    await office.say(accepted([("l1", "zoe", DAY)]), "requests/r1")
    await office.month_over()
    await office.invoices(1)
    await eventually(lambda: finished(office), what="run finished")
    store = office.world.store("billing")
    await store.change_many(MARK_CHARGES, CHARGES, {}, {"$set": {"invoice": None}})
    await run_month_by_operator(office.billing(), "veyras", "2026-09")
    (invoice,) = await office.invoices(1)
    (charge,) = await office.documents(CHARGES)
    assert charge["invoice"] == invoice["_id"]


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_the_order_each_charge_is_invoiced_once_or_shown(
    office: Office, seed: int
) -> None:
    rng = Random(seed)
    await office.town()
    families = ["f1", "f2", "f3"]
    for family in families:
        await office.family(family)
    await office.month_over()
    events: list[tuple[Event, str]] = []
    for number in range(30):
        family, day = rng.choice(families), date(2026, 9, rng.randrange(1, 31))
        line = [(f"l{number}", rng.choice(["zoe", "tom"]), day)]
        events.append((accepted(line, family=family), f"requests/a{number}"))
        if rng.random() < 0.3:
            before = Replaced(decided_at=DECIDED, accepted=True)
            gone = refused(line, family=family, at=LATER, replaces=before)
            events.append((gone, f"requests/b{number}"))
    rng.shuffle(events)
    for position, (event, subject) in enumerate(events):
        envelope = await office.say(event, subject)
        if rng.random() < 0.3:
            await office.again(envelope)
        if position % 9 == 0:
            await run_quietly(office)
    await office.settled()
    await run_quietly(office)
    await run_quietly(office)

    charges = await eventually(lambda: all_billed(office), what="every change billed")
    invoices = await office.documents(INVOICES)
    held = [charge for invoice in invoices for charge in invoice["charges"]]
    assert len(set(held)) == len(held), "no charge is on two invoices"
    assert sorted(one["sequence"] for one in invoices) == list(range(1, len(invoices) + 1))
    for invoice in invoices:
        assert invoice["total_cents"] == sum(line["total_cents"] for line in invoice["lines"])
    for family in families:
        due = 410 * sum(one["accepted"] for one in charges if one["family"] == family)
        billed = sum(one["total_cents"] for one in invoices if one["family"] == family)
        assert billed == due
    for account in await office.documents("accounts"):
        owed = sum(debt["owed"] for debt in account["debts"].values())
        assert owed == 410 * sum(
            one["accepted"] for one in charges if one["family"] == account["family"]
        )
    assert await office.checked() == set()


async def all_billed(office: Office) -> list[Document] | None:
    charges = await office.documents(CHARGES)
    waiting = [one for one in charges if one["accepted"] and not one["invoice"]]
    changed = [one for one in charges if one["invoice"] and one["changed"]]
    return None if waiting or changed else charges


async def run_quietly(office: Office) -> None:
    async def done() -> bool:
        try:
            await run_month_by_operator(office.billing(), "veyras", "2026-09")
        except Refused:
            return False
        return True

    await eventually(done, what="run done")


async def test_the_operators_command_counts_then_issues(office: Office) -> None:
    await office.town(tariffs=())
    await office.family()
    await office.say(accepted([("l1", "zoe", DAY)]), "requests/r1")
    await office.month_over()
    await eventually(lambda: finished(office), what="run finished")
    await office.town(version=2)
    await office.settled()

    async def command(*more: str, month: str = "2026-09") -> Done:
        return await preau("invoices", "run", "--town", "veyras", "--month", month, *more)

    assert (await command("--dry-run"))[1].startswith("1 facture(s) à émettre, 4,10")
    assert await office.documents(INVOICES) == []
    assert "1 facture(s) émise(s), 4,10" in (await command())[1]
    assert "0 facture(s) émise(s), 0,00" in (await command())[1]
    assert (await command(month="2026-10"))[0] == 1
    assert (await command(month="octobre"))[0] == 2
