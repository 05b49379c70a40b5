"""Collections over HTTP: made, announced, settled, called off; debits that banks send back."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sepaxml.validation import try_valid_xml

from services.billing import checking
from services.billing.commands.mandates import reseal
from services.billing.domain.accounts import Holder
from services.billing.domain.debits.days import bank_day_from
from services.billing.domain.payments import Part, Payment
from services.billing.pain import debits_in
from services.billing.store.accounts import ACCOUNTS
from services.billing.store.collections import DEBITS, FILES
from services.billing.store.mandates import MANDATES
from services.billing.store.payments import PAYMENTS, PaymentStore
from shared.audit import AUDIT
from shared.contracts.family import ErasureAsked, PersonErased
from shared.failpoints import step
from shared.ids import new_id
from shared.sealing import new_field_keys
from tests.billing.conftest import FIRST_OF_OCTOBER, Office
from tests.billing.data import accepted, card
from tests.billing.debits import IBAN, OTHER_IBAN, call, decided, mandated, office_with
from tests.papers import pages_of
from tests.world import Answer, eventually

ON = "2026-10-15"
THE_DAY = datetime(2026, 10, 15, 8, tzinfo=UTC)
PATH = "/office/collections"
PRICE = 410
DAMAGE = step("tests.billing.damage-debits")


@dataclass
class Collecting:
    """A month is invoiced; f1 and f2 have mandates, f3 has none."""

    office: Office

    async def call(self, method: str, path: str, body: Any = None, **how: Any) -> Answer:
        how = {"role": "collection_officer", "key": new_id()} | how
        return await call(self.office, method, path, body, **how)

    async def ask(self, on: str = ON, **how: Any) -> Answer:
        return await self.call("POST", PATH, {"on": on}, **how)

    async def becomes(self, collection: str, state: str) -> dict[str, Any]:
        """The collection, once it is so."""

        async def there() -> dict[str, Any] | None:
            found = await self.call("GET", f"{PATH}/{collection}")
            assert found.status == 200, found.json
            return dict(found.json) if found.json["state"] == state else None

        return dict(await eventually(there, what=f"the collection is {state}"))

    async def made(self, on: str = ON) -> dict[str, Any]:
        asked = await self.ask(on)
        assert asked.status == 201, asked.json
        return await self.becomes(asked.json["collection"], "made")

    async def do(self, collection: str, what: str) -> Answer:
        return await self.call("POST", f"{PATH}/{collection}/{what}")

    async def settled(self, collection: str) -> dict[str, Any]:
        self.office.world.move_to(THE_DAY)
        done = await self.do(collection, "settlements")
        assert done.status == 201, done.json
        return await self.becomes(collection, "settled")

    async def debits(self, collection: str) -> dict[str, dict[str, Any]]:
        """By family."""
        listed = await self.call("GET", f"{PATH}/{collection}/debits")
        return {one["family"]: one for one in listed.json["items"]}

    async def back(self, debit: dict[str, Any], code: str) -> Answer:
        return await self.call("POST", f"/office/debits/{debit['debit']}/returns", {"code": code})

    async def invoice(self, family: str) -> dict[str, Any]:
        """As its family reads it."""
        listed = await call(self.office, "GET", "/invoices", family=family)
        (one,) = listed.json["items"]
        return dict(one)

    async def paper(self, family: str) -> str:
        """The same, printed, without its spaces."""
        mine = await self.invoice(family)
        path = f"/invoices/{mine['invoice']}/document.pdf"
        got = await call(self.office, "GET", path, family=family)
        return "".join(pages_of(got.body))

    async def mandate(self, family: str) -> dict[str, Any] | None:
        seen = await call(self.office, "GET", f"/direct-debit?family={family}", family=family)
        found: dict[str, Any] | None = seen.json["mandate"]
        return found

    async def sound(self) -> None:
        assert await self.office.checked() == set()


@pytest.fixture
async def collecting(office: Office, logged: io.BytesIO) -> Collecting:
    means = [{"means": "cheque"}]
    payfip = {"client_number": "090909", "entry_mode": "T"}
    await office.town(collection_office=office_with() | {"means": means, "payfip": payfip})
    for family in ("f1", "f2", "f3"):
        await office.family(family)
        line = [(f"{family}-l", "zoe", date(2026, 9, 3))]
        await office.say(accepted(line, family=family), f"requests/{family}")
    await office.settled()
    for family in ("f1", "f2"):
        await mandated(office, family)
    await office.month_over()
    await office.invoices(3)
    return Collecting(office)


async def test_handed_over_at_the_instant_it_is_set_apart_it_is_collected_alone(
    collecting: Collecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, collection = PaymentStore.create, list[dict[str, Any]]()

    async def made_meanwhile(self: PaymentStore, *given: Any) -> bool:
        if not collection:
            collection.append(await collecting.made())
        return await store(self, *given)

    key, mine = new_id(), await collecting.invoice("f1")
    cheque = {
        "family": "f1", "means": "cheque", "cents": PRICE, "invoices": [mine["invoice"]],
    }  # fmt: skip
    monkeypatch.setattr(PaymentStore, "create", made_meanwhile)
    for _ in range(2):
        refused = await collecting.call("POST", "/office/payments", cheque, key=key)
        assert (refused.status, refused.json["code"]) == (409, "being-collected")
    await collecting.settled(collection[0]["collection"])
    account = await collecting.office.billing().accounts.get(Holder("veyras", "VEY", "f1"))
    assert (account.settled, account.credit_cents) == (PRICE, 0)
    await collecting.sound()


async def test_what_is_due_is_announced_set_apart_and_paid_on_the_day(
    collecting: Collecting,
) -> None:
    office = collecting.office
    key = new_id()
    asked = await collecting.ask(key=key)
    assert (asked.status, asked.json["number"]) == (201, "VEY-P-2026-0001")
    made = await collecting.becomes(asked.json["collection"], "made")
    again = await collecting.ask(key=key)
    assert again.json["collection"] == made["collection"]
    assert (await collecting.ask()).json["code"] == "collection-exists"
    other = await collecting.ask("2026-10-16", key=key)
    assert (other.status, other.json["code"]) == (422, "idempotency-key-reused")
    assert (made["count"], made["cents"], made["paid_cents"]) == (2, 2 * PRICE, 0)

    got = await collecting.call("GET", f"{PATH}/{made['collection']}/file")
    try_valid_xml(got.body, "pain.008.001.08")
    debits = await collecting.debits(made["collection"])
    assert debits_in(got.body) == {one["debit"] for one in debits.values()}
    assert set(debits) == {"f1", "f2"}
    assert {one["sequence"] for one in debits.values()} == {"FRST"}
    reads = await office.world.store("billing").find(AUDIT, {"kind": "read"})
    assert [(one["account"], one["families"]) for one in reads] == [("agent-1", ["f1", "f2"])]
    for role in ("billing_office", "animator"):
        refused = await collecting.call("GET", f"{PATH}/{made['collection']}/file", role=role)
        assert refused.status == 403

    mine = await collecting.invoice("f1")
    assert (mine["state"], mine["unpaid_cents"], mine["debit_on"]) == ("open", 0, ON)
    pay = {"invoices": [mine["invoice"]], "email": "anne@famille.example"}
    online = await call(office, "POST", "/payments", pay, family="f1")
    cheque = await collecting.call(
        "POST", "/office/payments",
        {"family": "f1", "means": "cheque", "cents": PRICE, "invoices": [mine["invoice"]]},
    )  # fmt: skip
    assert (online.json["code"], cheque.json["code"]) == ("being-collected", "being-collected")
    early = await collecting.do(made["collection"], "settlements")
    assert (early.status, early.json["code"]) == (409, "too-early")
    await collecting.sound()

    over = await collecting.settled(made["collection"])
    assert (over["paid_cents"], over["back_cents"]) == (2 * PRICE, 0)
    mine = await collecting.invoice("f1")
    assert (mine["state"], mine["settled_cents"], mine["debit_on"]) == ("settled", PRICE, None)
    paid = (await call(office, "GET", "/payments", family="f1")).json["items"]
    assert [(one["means"], one["state"], one["cents"]) for one in paid] == [
        ("direct_debit", "paid", PRICE)
    ]
    assert (await collecting.do(made["collection"], "settlements")).json["state"] == "settled"
    late = await collecting.do(made["collection"], "cancellations")
    assert late.json["code"] == "collection-not-made"
    mandate = await collecting.mandate("f1")
    assert mandate
    assert mandate["used_on"] == ON
    await collecting.sound()


async def test_an_invoice_says_by_which_mandate_it_is_collected_as_long_as_it_is(
    collecting: Collecting,
) -> None:
    mandates = {name: await collecting.mandate(name) for name in ("f1", "f2")}
    references = {name: one["reference"] for name, one in mandates.items() if one}

    async def told() -> bool:
        return len(collecting.office.heard) == 3

    await eventually(told, what="three invoices are told")
    said = {one.family: one.mandate_reference for one in collecting.office.heard}
    assert said == {**references, "f3": None}
    to_pay = "Àpayerauplustardledimanche11octobre2026"
    assert to_pay in await collecting.paper("f3")
    before = await collecting.paper("f1")
    assert f"mandat(RUM){references['f1']}" in before
    assert "auplustôtledimanche11octobre2026" in before
    assert to_pay not in before
    await decided(collecting.office, "ends", {"reason": "Dossier clos."}, family="f2")
    assert to_pay in await collecting.paper("f2")
    made = await collecting.made()
    assert f"prélèvementlejeudi15octobre2026,surlecomptedumandat(RUM){references['f1']}" in (
        await collecting.paper("f1")
    )
    await collecting.settled(made["collection"])
    assert "Cettefactureestréglée" in await collecting.paper("f1")


async def test_a_day_on_which_nothing_can_be_collected_is_refused(
    collecting: Collecting,
) -> None:
    for on, code in (
        ("2026-10-17", "not-a-bank-day"), ("2026-10-14", "notice-too-short"),
        ("2027-05-03", "day-too-far"),
    ):  # fmt: skip
        answer = await collecting.ask(on)
        assert (answer.status, answer.json["code"], answer.json["field"]) == (422, code, "/on")


async def test_a_debit_rejected_before_it_is_paid_leaves_the_invoice_to_be_paid(
    collecting: Collecting,
) -> None:
    made = await collecting.made()
    debits = await collecting.debits(made["collection"])
    unknown = await collecting.back(debits["f1"], "ZZ99")
    assert (unknown.status, unknown.json["code"]) == (422, "return-code-unknown")
    back = await collecting.back(debits["f1"], "AM04")
    assert (back.json["state"], back.json["reason"]) == (
        "rejected", "la provision du compte est insuffisante",
    )  # fmt: skip
    assert (await collecting.back(debits["f1"], "AM04")).json == back.json
    assert (await collecting.back(debits["f1"], "MD01")).json["code"] == "debit-not-announced"
    mine = await collecting.invoice("f1")
    assert (mine["unpaid_cents"], mine["debit_on"]) == (PRICE, None)
    over = await collecting.settled(made["collection"])
    assert (over["paid_cents"], over["back_cents"]) == (PRICE, PRICE)
    assert (await collecting.mandate("f1") or {})["state"] == "active"
    await collecting.sound()


async def test_a_debit_returned_after_it_was_paid_is_reversed_and_may_end_the_mandate(
    collecting: Collecting,
) -> None:
    made = await collecting.made()
    await collecting.settled(made["collection"])
    debit = (await collecting.debits(made["collection"]))["f2"]
    by_hand = await collecting.call(
        "POST", f"/office/payments/{debit['debit']}/reversals", {"reason": "Une erreur."}
    )
    assert by_hand.json["code"] == "reversed-by-its-bank"
    back = await collecting.back(debit, "MD01")
    assert back.json["state"] == "returned"
    mine = await collecting.invoice("f2")
    assert (mine["state"], mine["unpaid_cents"]) == ("open", PRICE)
    paid = (await call(collecting.office, "GET", "/payments", family="f2")).json["items"]
    assert [(one["means"], one["state"]) for one in paid] == [("direct_debit", "reversed")]
    seen = (await call(collecting.office, "GET", "/direct-debit?family=f2", family="f2")).json
    assert (seen["direct_debit"], seen["past"][0]["ended_for"]) == (False, "rejected")
    assert seen["past"][0]["reason"] == "la banque n'a pas de mandat valable"
    await collecting.sound()


async def test_a_collection_called_off_takes_nothing_and_another_may_be_made(
    collecting: Collecting,
) -> None:
    made = await collecting.made()
    gone = await collecting.do(made["collection"], "cancellations")
    assert gone.status == 201
    await collecting.becomes(made["collection"], "cancelled")
    got = await collecting.call("GET", f"{PATH}/{made['collection']}/file")
    assert (got.status, got.json["code"]) == (409, "collection-not-made")
    assert (await collecting.invoice("f1"))["unpaid_cents"] == PRICE
    second = await collecting.made()
    assert second["number"] == "VEY-P-2026-0002"
    debits = await collecting.debits(second["collection"])
    sequences = {one["sequence"] for one in debits.values()}
    assert sequences == {"FRST"}, "banks have seen nothing of the first"
    await collecting.sound()


async def test_who_may_not_be_collected_from_is_left_aside_with_the_reason(
    collecting: Collecting,
) -> None:
    office = collecting.office
    luc = [one.model_copy(update={"invoiced": False, "rights": ()}) for one in card("f2").guardians]
    await office.family("f2", guardians=tuple(luc))
    await office.settled()
    await decided(office, "ends", {"reason": "Dossier clos."}, family="f1")
    asked = await collecting.ask()
    over = await collecting.becomes(asked.json["collection"], "empty")
    assert [(one["family"], one["code"]) for one in over["aside"]] == [("f2", "no-longer-pays")]
    assert over["aside"][0]["text"]
    await collecting.sound()


async def test_other_bank_details_are_told_to_banks_with_the_next_collection(
    collecting: Collecting,
) -> None:
    first = await collecting.made()
    await collecting.settled(first["collection"])
    office = collecting.office
    await mandated(office, "f1", iban=OTHER_IBAN, agreed_on="2026-10-15")
    line = [("f1-m", "zoe", date(2026, 9, 10))]
    await office.say(
        accepted(line, at=datetime(2026, 10, 15, 8, tzinfo=UTC), request="r2"), "requests/r2"
    )
    await office.invoices(4)

    async def due() -> bool:
        listed = await call(office, "GET", "/invoices?state=open", family="f1")
        return bool(listed.json["items"])

    await eventually(due, what="a supplement is to be paid")
    day = bank_day_from(date(2026, 11, 2))
    second = await collecting.made(day.isoformat())
    debits = await collecting.debits(second["collection"])
    assert [(one["family"], one["sequence"]) for one in debits.values()] == [("f1", "RCUR")]
    got = await collecting.call("GET", f"{PATH}/{second['collection']}/file")
    assert b"SMNDA" in got.body
    assert OTHER_IBAN.encode() in got.body


async def test_bank_details_are_nowhere_in_the_clear_and_files_outlive_their_key(
    collecting: Collecting,
) -> None:
    made = await collecting.made()
    path = f"{PATH}/{made['collection']}/file"
    before = await collecting.call("GET", path)
    store = collecting.office.world.store("billing")
    for name in (DEBITS, ACCOUNTS, PAYMENTS, f"{FILES}.files", f"{FILES}.chunks"):
        assert IBAN not in str(await store.find(name, {}))
    billing = collecting.office.world.state("billing")
    old = (await collecting.office.documents("field_keys"))[0]["keys"]
    fresh = new_field_keys()
    billing.sealer.load(f"{fresh[:-1]},{old[1:]}")
    assert await reseal(billing) == (2, 3)
    assert await reseal(billing) == (2, 0)
    billing.sealer.load(fresh)
    assert (await collecting.call("GET", path)).body == before.body


async def test_a_debit_to_come_holds_an_erasure_back_and_is_paid_whatever_becomes_of_the_family(
    collecting: Collecting,
) -> None:
    office = collecting.office
    made = await collecting.made()
    debit = (await collecting.debits(made["collection"]))["f1"]
    settled = (debit["parts"][0]["number"],)  # elsewhere, as an agent believes

    async def holds(erasure: str) -> list[tuple[str, str]]:
        asked = ErasureAsked(erasure=erasure, family="f1", settled=settled)
        await office.say(asked, f"erasures/{erasure}")

        async def answered() -> dict[str, Any] | None:
            for one in await office.world.queued("family"):
                if one.data.get("erasure") == erasure:
                    return dict(one.data)
            return None

        said = await eventually(answered, what="billing has answered")
        return [(held["money"], held["reference"]) for held in said["holds"]]

    assert await holds("e1") == [("payment", debit["debit"])]
    gone = card("f1").model_copy(update={"guardians": (), "children": ()})
    await office.say(gone, "families/f1")
    await office.say(
        PersonErased(family="f1", guardians=("f1-anne",), children=("zoe", "tom")), "families/f1"
    )

    async def erased() -> bool:
        return not await office.world.store("billing").find(MANDATES, {"family": "f1"})

    await eventually(erased, what="its mandate is gone")
    over = await collecting.settled(made["collection"])
    assert over["paid_cents"] == 2 * PRICE
    assert await holds("e2") == []
    await collecting.sound()


async def test_invoices_that_are_being_paid_on_line_are_left_aside(collecting: Collecting) -> None:
    office = collecting.office
    mine = await collecting.invoice("f1")
    payment = Payment(
        id=new_id(), town="veyras", office="VEY", family="f1", payer="f1-anne", account="anne",
        means="payfip", cents=PRICE, parts=(Part(invoice=mine["invoice"], cents=PRICE),),
        state="created", created_at=FIRST_OF_OCTOBER, since=FIRST_OF_OCTOBER, body_hash="",
        next_ask=THE_DAY,
    )  # fmt: skip
    await office.billing().payments.create(payment)
    made = await collecting.made()
    assert [(one["family"], one["code"]) for one in made["aside"]] == [("f1", "payment-under-way")]
    assert (await collecting.invoice("f1"))["unpaid_cents"] == PRICE
    debits = await collecting.debits(made["collection"])
    assert {family: one["state"] for family, one in debits.items()} == {
        "f1": "dropped", "f2": "announced"
    }  # fmt: skip
    await collecting.sound()


async def test_records_that_were_merged_are_collected_by_the_mandate_of_the_one_they_are_part_of(
    collecting: Collecting,
) -> None:
    office = collecting.office
    await office.family("f1", parts=("f3",))
    await office.family("f3", merged_into="f1")
    await office.settled()
    made = await collecting.made()
    debits = await collecting.debits(made["collection"])
    assert sorted((one["family"], one["sequence"]) for one in debits.values()) == [
        ("f1", "FRST"), ("f2", "FRST"), ("f3", "RCUR")
    ]  # fmt: skip
    assert debits["f1"]["mandate_reference"] == debits["f3"]["mandate_reference"]
    over = await collecting.settled(made["collection"])
    assert over["paid_cents"] == 3 * PRICE
    await collecting.sound()


async def test_a_debit_that_says_other_than_the_account_is_found(
    collecting: Collecting, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await collecting.made()
    monkeypatch.setattr(checking, "_LOOKS", 1)
    debit = (await collecting.debits(made["collection"]))["f1"]["debit"]
    store = collecting.office.world.store("billing")
    for kind, update in (
        ("set-apart-for-nothing", {"state": "dropped"}),
        ("debit-differs-from-account", {"state": "settled"}),
    ):
        await store.change(DAMAGE, DEBITS, debit, {}, {"$set": update})
        assert kind in await collecting.office.checked()
