"""Invoices as documents to keep."""

from __future__ import annotations

import io
import json
from datetime import date

import pikepdf

from services.billing.commands import accounts
from services.billing.domain.accounts import Holder
from services.billing.domain.movements import Grant
from services.billing.queries.printing import days_words
from shared.contracts.family import PostalAddress
from shared.store import Document
from tests.billing.conftest import BASE, Office
from tests.billing.data import accepted, card
from tests.papers import pages_of
from tests.world import Answer, eventually

ANNE = {"f1": "f1-anne"}
PAUL = {"f1": "f1-paul"}


async def invoiced(office: Office) -> Document:
    """Two meals of Zoé's, 3 € of credit; Anne's address is protected."""
    await office.town()
    anne, *others = card().guardians
    where = PostalAddress(
        street="Résidence Haute\n2 rue des Écoles", postcode="07000", city="Veyras"
    )
    hidden = anne.model_copy(update={"address": where, "protected": True})
    await office.family(guardians=(hidden, *others))
    days = [("l1", "zoe", date(2026, 9, 3)), ("l2", "zoe", date(2026, 9, 10))]
    await office.say(accepted(days), "requests/r1")
    await office.settled()
    await accounts.move(office.billing(), Holder("veyras", "VEY", "f1"), Grant("g1", 300))
    await office.month_over()

    async def listed() -> list[Document]:
        token = office.world.token(families=ANNE)
        answer = await office.world.call("GET", f"{BASE}/invoices?state=open", token=token)
        return list(answer.json["items"])

    (found,) = await eventually(listed, what="the invoice is open")
    return dict(found)


async def document(office: Office, invoice: Document, families: dict[str, str]) -> Answer:
    path = f"{BASE}/invoices/{invoice['invoice']}/document.pdf"
    return await office.world.call("GET", path, token=office.world.token(families=families))


async def test_what_a_family_keeps(office: Office) -> None:
    invoice = await invoiced(office)
    answer = await document(office, invoice, ANNE)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert f"{invoice['number']}.pdf" in answer.headers["Content-Disposition"]
    (page,) = pages_of(answer.body)
    for words in (
        "VEY-2026-000001", "anneD'Éon", "RésidenceHaute", "2ruedesÉcoles", "07000Veyras",
        "prestationsdeseptembre2026", "Zoé", "3et10septembre2026", "4,10", "8,20", "Avoirdéduit",
        "Àpayer", "5,20", "samedi31octobre2026",
    ):  # fmt: skip
        assert words in page, words
    assert (await document(office, invoice, ANNE)).body == answer.body, "the same again"


async def test_archived_accessible_with_its_lines_as_data(office: Office) -> None:
    invoice = await invoiced(office)
    body = (await document(office, invoice, ANNE)).body
    with pikepdf.open(io.BytesIO(body)) as pdf:
        with pdf.open_metadata() as metadata:
            assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "A")
            assert metadata["pdfuaid:part"] == "1"
            assert metadata["dc:title"] == "Facture n° VEY-2026-000001"
        inside = json.loads(pdf.attachments["facture.json"].get_file().read_bytes())
    assert (inside["number"], inside["total_cents"]) == (invoice["number"], 820)
    assert inside["lines"][0]["days"] == ["2026-09-03", "2026-09-10"]


async def test_a_protected_address_is_for_its_owner_and_agents(office: Office) -> None:
    invoice = await invoiced(office)
    (page,) = pages_of((await document(office, invoice, PAUL)).body)
    assert "anneD'Éon" in page
    assert "Écoles" not in page
    path = f"/invoices/{invoice['invoice']}/document.pdf"
    (page,) = pages_of((await office.get(path)).body)
    assert "2ruedesÉcoles" in page
    assert (await document(office, invoice, {"f2": "f2-anne"})).status == 404


def test_days_are_enumerated_month_by_month() -> None:
    days = [date(2026, 9, 30), date(2026, 10, 1), date(2026, 9, 2), date(2026, 9, 2)]
    assert days_words(days) == "2 et 30 septembre 2026 ; 1er octobre 2026"
    assert days_words([]) == ""
