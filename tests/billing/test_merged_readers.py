"""Who was known by another id before two records became one still reads and is written to."""

from __future__ import annotations

from datetime import date

from services.billing.commands import accounts
from services.billing.domain.accounts import Holder
from services.billing.domain.movements import Grant
from shared.contracts.family import PostalAddress
from tests.billing.conftest import BASE, Office
from tests.billing.data import accepted, card
from tests.billing.test_quotes import ask, basket, see
from tests.papers import pages_of

#: Anne's token says still who she was in the record that went.
BEFORE = {"f3": "f3-anne"}


async def merged(office: Office) -> str:
    """September of the record f3 is invoiced, then it becomes part of f1; the invoice."""
    await office.town()
    await office.family("f3")
    await office.say(accepted([("l1", "zoe", date(2026, 9, 3))], family="f3"), "requests/r1")
    await office.month_over()
    (invoice,) = await office.invoices(1)
    anne, *others = card("f1").guardians
    where = PostalAddress(street="2 rue des Écoles", postcode="07000", city="Veyras")
    known = anne.model_copy(update={"also": ("f3-anne",), "address": where, "protected": True})
    await office.family("f1", guardians=(known, *others), parts=("f3",))
    await office.family("f3", merged_into="f1")
    await office.settled()
    return str(invoice["_id"])


async def test_an_invoice_from_before_is_addressed(office: Office) -> None:
    path = f"/invoices/{await merged(office)}/document.pdf"
    for token in (
        office.world.token(families=BEFORE),
        office.world.token(roles=("billing_office",)),
    ):
        answer = await office.world.call("GET", BASE + path, token=token)
        (page,) = pages_of(answer.body)
        assert "anneD'Éon" in page
        assert "2ruedesÉcoles" in page


async def test_the_record_s_own_credit_is_read(office: Office) -> None:
    await merged(office)
    await accounts.move(office.billing(), Holder("veyras", "VEY", "f3"), Grant("g1", 300))
    token = office.world.token(families=BEFORE)
    answer = await office.world.call("GET", f"{BASE}/accounts/f3", token=token)
    assert (answer.status, answer.json["credit_cents"]) == (200, 300)
    paul = office.world.token(families={"f3": "f3-paul"})
    other = await office.world.call("GET", f"{BASE}/accounts/f3", token=paul)
    assert other.status == 404


async def test_a_basket_is_priced(office: Office) -> None:
    await merged(office)
    token = office.world.token(families=BEFORE)
    day = {"date": "2026-10-15"}
    made = await ask(office, token, basket(day, family="f3"))
    assert (made.status, made.json["total_cents"]) == (201, 425)
    assert (await see(office, token, made.json["quote"])).json["state"] == "valid"
