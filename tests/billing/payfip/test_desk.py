"""Payments that agents enter at the desk, and what did not hold."""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from deploy.simulators.payfip import PayFipServer
from services.billing.domain.corrections import Billed, Entry, EntryKind, Link, left_of
from services.billing.domain.desk import MOST_CASH_CENTS, age_on, check
from services.billing.domain.prices.facts import Facts
from shared.contracts.booking import Replaced
from shared.contracts.town_file import AcceptedMeans, CollectionOffice, DeskMeans
from shared.errors import Refused
from shared.ids import new_id
from tests.billing.conftest import Office
from tests.billing.data import DECIDED, accepted, card, refused
from tests.billing.payfip.conftest import Till, till_with
from tests.world import Answer

PRICE = 410
MEANS: list[dict[str, Any]] = [
    {"means": "cash"}, {"means": "cheque", "note": "À l'ordre du Trésor public"},
    {"means": "cesu", "activities": ["cantine"], "age_below": 6},
    {"means": "holiday_voucher", "activities": ["sortie"]},
]  # fmt: skip


@pytest.fixture
async def desk(payfip: PayFipServer, office: Office, logged: io.BytesIO) -> Till:
    return await till_with(office, payfip, ["f1"], means=MEANS)


async def enter(till: Till, key: str | None = None, **changes: Any) -> Answer:
    token = till.office.world.token(account="officer", roles=("collection_officer",))
    body = {"family": "f1", "means": "cheque", "cents": PRICE,
            "invoices": [till.invoices[0]["_id"]], **changes}  # fmt: skip
    return await till.call("POST", "/office/payments", token=token, json=body, key=key)


async def undo(till: Till, payment: str, reason: str = "Chèque sans provision") -> Answer:
    token = till.office.world.token(account="officer", roles=("billing_office",))
    path = f"/office/payments/{payment}/reversals"
    return await till.call("POST", path, token=token, json={"reason": reason})


async def test_a_cheque_settles_and_is_undone_by_reversal_alone(desk: Till) -> None:
    key = new_id()
    given = {"reference": "0001234", "payer": "f1-anne", "cents": 500}
    made, repeated = [await enter(desk, key, **given) for _ in range(2)]
    assert (made.status, made.json) == (201, repeated.json)
    assert (made.json["state"], made.json["reference"]) == ("paid", "0001234")
    assert await desk.money() == (500, PRICE, 500 - PRICE)
    other = await enter(desk, key)
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")
    settled = await enter(desk)
    assert (settled.status, settled.json["code"]) == (409, "nothing-to-pay")
    for _ in range(2):
        undone = await undo(desk, made.json["payment"])
        assert (undone.status, undone.json["state"]) == (201, "reversed")
        assert undone.json["reversal"]["by"] == "officer"
        assert await desk.money() == (0, 0, 0)
    assert (await enter(desk)).status == 201, "it is to be paid again"
    shown = (await desk.call("GET", "/payments", token=desk.anne)).json["items"]
    assert [one["state"] for one in shown] == ["paid", "reversed"]


async def test_a_debit_that_comes_back_is_reversed_and_stays_so(desk: Till) -> None:
    payment, idop = await desk.opened()
    nothing = await undo(desk, payment)
    assert (nothing.status, nothing.json["code"]) == (409, "payment-not-received")
    await desk.lost(idop, "prelevement")
    assert await desk.seen(payment) == "paid"
    assert (await undo(desk, payment, "Prélèvement rejeté")).status == 201
    assert await desk.seen(payment) == "reversed"
    hint = await desk.call("GET", f"/payfip/notifications?idop={idop}")
    assert hint.status == 204
    assert (await desk.stored(payment)).next_ask is None
    assert await desk.money() == (0, 0, 0)


async def test_families_see_the_means_of_the_regie(desk: Till) -> None:
    found = (await desk.call("GET", "/payment-means", token=desk.anne)).json
    assert found["label"] == "Régie enfance"
    assert [one["means"] for one in found["means"]] == [
        "payfip", "cash", "cheque", "cesu", "holiday_voucher",
    ]  # fmt: skip
    cesu = found["means"][3]
    assert (cesu["activities"], cesu["age_below"]) == (["Cantine"], 6)


async def test_what_the_desk_refuses_it_says_why(desk: Till) -> None:
    cases: list[tuple[dict[str, Any], int, str, str | None]] = [
        ({"means": "desk_card"}, 422, "means-not-accepted", "/means"),
        ({"means": "cash", "cents": 30_001}, 422, "too-much-cash", "/cents"),
        ({"means": "cesu"}, 422, "voucher-too-large", "/cents"),  # Zoé is seven
        ({"means": "holiday_voucher"}, 422, "voucher-too-large", "/cents"),  # no outing
        ({"payer": "f2-anne"}, 422, "payer-unknown", "/payer"),
        ({"family": "f9"}, 404, "not-found", None),
        ({"invoices": ["0" * 32]}, 404, "not-found", None),
        ({"cents": 0}, 422, "invalid-input", "/cents"),
        ({"means": "payfip"}, 422, "invalid-input", "/means"),
    ]
    for changes, status, code, field in cases:
        answer = await enter(desk, **changes)
        assert (answer.status, answer.json["code"]) == (status, code), changes
        assert answer.json.get("field") == field, changes
    family = await desk.call(
        "POST", "/office/payments", token=desk.anne, json={"family": "f1", "means": "cheque",
        "cents": 1, "invoices": [desk.invoices[0]["_id"]]},
    )  # fmt: skip
    assert family.status == 403, "no route lets a family say that it has paid"
    assert await desk.money() == (0, 0, 0)


async def test_eight_desks_at_once_take_no_more_than_the_law_allows_nor_than_is_due(
    desk: Till,
) -> None:
    many = accepted([("more", "zoe", date(2026, 9, 10))], request="r2", quantity=100)
    await desk.office.say(many, "requests/r2")
    small, big = [one["_id"] for one in await desk.office.invoices(2)]

    async def at_once(**changes: Any) -> Counter[tuple[int, str | None]]:
        answers = await asyncio.gather(*(enter(desk, **changes) for _ in range(8)))
        return Counter((one.status, one.json.get("code")) for one in answers)

    cash = await at_once(means="cash", cents=MOST_CASH_CENTS // 3, invoices=[big])
    assert cash == {(201, None): 3, (422, "too-much-cash"): 5}
    cheques = await at_once(invoices=[small])
    assert cheques == {(201, None): 1, (409, "nothing-to-pay"): 7}
    assert await desk.money() == (MOST_CASH_CENTS + PRICE, MOST_CASH_CENTS + PRICE, 0)


def entry(child: str, activity: str, cents: int, kind: EntryKind = "booked") -> Entry:
    """What was billed for the last day of September 2026."""
    return Entry(
        ref=f"{child}-{activity}", what="booked", kind=kind, child=child, activity=activity,
        units=("u",), day=date(2026, 9, 30), cents=cents,
    )  # fmt: skip


def link(document: str, position: int, *entries: Entry) -> Link:
    return Link(document, Billed(basis="i1", position=position, facts=Facts(), entries=entries))


def refusal(
    means: DeskMeans, cents: int, unpaid: int, accepted: AcceptedMeans, received: int = 0
) -> str | None:
    office = CollectionOffice(code="VEY", label="Régie", means=(accepted,))
    births = {"young": date(2020, 10, 1), "old": date(2020, 9, 30)}
    billed = [
        entry("young", "garde", 400), entry("old", "garde", 200), entry("young", "cantine", 1000)
    ]  # fmt: skip
    try:
        check(office, means, cents, billed, unpaid, received, births)
    except Refused as refused:
        return refused.code
    return None


def test_a_voucher_pays_for_its_services_and_ages_up_to_what_is_to_be_paid() -> None:
    cesu = AcceptedMeans(means="cesu", activities=("garde",), age_below=6)
    assert refusal("cesu", 400, 1600, cesu) is None, "young turns six the day after"
    assert refusal("cesu", 401, 1600, cesu) == "voucher-too-large"
    assert refusal("cesu", 400, 399, cesu) == "voucher-too-large", "no change is given"
    assert refusal("cesu", 100, 1600, cesu, received=300) is None
    assert refusal("cesu", 101, 1600, cesu, received=300) == "voucher-too-large"
    anybody = AcceptedMeans(means="cesu", activities=("garde",))
    assert refusal("cesu", 600, 1600, anybody) is None
    assert refusal("cesu", 601, 1600, anybody) == "voucher-too-large"


def test_what_was_given_back_since_is_paid_by_no_voucher() -> None:
    chain = [
        link("i1", 0, entry("tom", "garde", 3000), entry("tom", "cantine", 5000)),
        link("i2", 1, entry("tom", "garde", 800, "changed")),
        link("c1", 2, entry("tom", "garde", -1000, "changed")),
    ]
    for documents, garde in (({"i1"}, 2800), ({"i2"}, 800), ({"i1", "i2"}, 2800), ({"c1"}, 0)):
        left = left_of(chain, documents)
        assert sum(one.cents for one in left if one.activity == "garde") == garde, documents


async def test_a_voucher_pays_for_no_line_that_was_credited(desk: Till) -> None:
    office, (zoe, tom) = desk.office, card().children
    small = tom.model_copy(update={"birth_date": date(2021, 3, 1)})
    await office.family(children=(zoe, small))
    days = [("zoe", "zoe", date(2026, 9, 10)), ("tom", "tom", date(2026, 9, 10))]
    await office.say(accepted(days), "requests/r1")
    *_, both = await office.invoices(2)
    assert both["total_cents"] == 2 * PRICE
    before = Replaced(decided_at=DECIDED, accepted=True)
    later = DECIDED + timedelta(days=1)
    gone = refused(days[1:], at=later, replaces=before)
    await office.say(gone, "requests/r1")
    await office.invoices(3)
    answer = await enter(desk, means="cesu", invoices=[both["_id"]])
    assert (answer.status, answer.json["code"]) == (422, "voucher-too-large")
    assert (await enter(desk, invoices=[both["_id"]])).status == 201, "the rest, by a cheque"


def test_cash_stops_at_three_hundred_euros_and_a_cheque_does_not() -> None:
    cash, cheque = AcceptedMeans(means="cash"), AcceptedMeans(means="cheque")
    assert refusal("cash", MOST_CASH_CENTS, 100, cash) is None
    assert refusal("cash", MOST_CASH_CENTS + 1, 100_000, cash) == "too-much-cash"
    assert refusal("cash", 10_001, 100_000, cash, received=20_000) == "too-much-cash"
    assert refusal("cheque", 100_000, 100, cheque) is None
    assert refusal("cheque", 100, 100, cash) == "means-not-accepted"


def test_an_age_is_counted_in_whole_years() -> None:
    assert age_on(date(2020, 2, 29), date(2026, 2, 28)) == 5
    assert age_on(date(2020, 2, 29), date(2026, 3, 1)) == 6
