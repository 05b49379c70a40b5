"""Invoices as documents to keep."""

from __future__ import annotations

import io
import json
from datetime import date, timedelta
from typing import Any

import pikepdf

from services.billing.commands import accounts
from services.billing.domain.accounts import Holder
from services.billing.domain.movements import Grant, Receive, Reduce, Reverse, Void
from services.billing.queries.printing import days_words
from shared.contracts.booking import PaymentAwaited
from shared.contracts.family import PostalAddress
from shared.store import Document
from tests.billing.conftest import BASE, Office
from tests.billing.data import accepted, card
from tests.billing.prices import tariff
from tests.papers import pages_of
from tests.world import START, Answer, eventually

ANNE = {"f1": "f1-anne"}
PAUL = {"f1": "f1-paul"}


async def invoiced(office: Office, collecting: dict[str, Any] | None = None) -> Document:
    """Two meals of Zoé's, 3 € of credit; Anne's address is protected."""
    await office.town(**({"collection_office": collecting} if collecting else {}))
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


REGIE = {
    "code": "VEY", "label": "Régie enfance", "address": ["1 place de la Mairie", "07000 Veyras"],
    "siret": "21079999900012", "contest": "Écrivez à la mairie dans les deux mois.",
    "payfip": {"client_number": "090909", "entry_mode": "W"},
    "means": [
        {"means": "cheque", "note": "à l'ordre du Trésor public"}, {"means": "cash"},
        {"means": "cesu", "activities": ["cantine"], "age_below": 6},
    ],
}  # fmt: skip


async def printed(office: Office, invoice: Document) -> str:
    (page,) = pages_of((await document(office, invoice, ANNE)).body)
    return page


async def test_it_says_what_was_settled_and_what_is_left(office: Office) -> None:
    invoice = await invoiced(office)
    holder = Holder("veyras", "VEY", "f1")

    async def paid(payment: str, cents: int) -> str:
        received = Receive(payment, cents, (invoice["invoice"],))
        await accounts.move(office.billing(), holder, received)
        return await printed(office, invoice)

    page = await paid("p1", 200)
    assert "Déjàrégléoudéduit-2,00€" in page
    assert "Resteàpayer3,20€" in page
    page = await paid("p2", 320)
    assert "Déjàrégléoudéduit-5,20€Resteàpayer0,00€Cettefactureestréglée." in page
    for gone in ("Àpayer", "auplustard"):
        assert gone not in page
    await accounts.move(office.billing(), holder, Reverse("r2", "p2"))
    await accounts.move(office.billing(), holder, Reverse("r1", "p1"))
    assert "Àpayer5,20€" in await printed(office, invoice)
    await accounts.move(office.billing(), holder, Reduce("n1", invoice["invoice"], 100))
    assert "Déjàrégléoudéduit-1,00€Resteàpayer4,20€" in await printed(office, invoice)


async def test_what_is_called_off_is_not_to_be_paid(office: Office) -> None:
    outing = tariff(id="sortie", activity="sortie", price_cents=900)
    await office.town(tariffs=[outing])
    await office.family()
    sold = accepted([("l1", "zoe", date(2026, 9, 3))], activity="sortie")
    asked = PaymentAwaited(
        request="r1", number="n", family="f1", account="a", attempt=1, lines=sold.lines,
        asked_at=START, pay_until=START + timedelta(hours=1),
    )  # fmt: skip
    await office.say(asked, "requests/r1")
    (invoice,) = await office.invoices(1)
    out = {"invoice": invoice["_id"]}
    assert "Àpayer9,00€" in await printed(office, out)
    await accounts.move(office.billing(), Holder("veyras", "VEY", "f1"), Void("v", invoice["_id"]))
    page = await printed(office, out)
    assert "Total9,00€Cettefactureestannulée" in page
    assert "Àpayer" not in page


async def test_it_names_the_ways_of_paying_that_there_are(office: Office) -> None:
    invoice = await invoiced(office)
    page = await printed(office, invoice)
    assert "Mesfactures" not in page
    assert "auprèsduservice:Régieenfance." in page
    await office.town(version=2, collection_office=REGIE)
    page = await eventually_printed(office, invoice, "SIRET21079999900012")
    for words in (
        "enligne,dans«Mesfactures»;",
        "àlarégie(Régieenfance,1placedelaMairie,07000Veyras):chèqueàl'ordreduTrésorpublic;"
        "espèces(jusqu'à300,00€);chèqueemploiserviceuniversel(CESU)"
        "(Cantine,enfantsdemoinsde6ans).",
        "Écrivezàlamairiedanslesdeuxmois.",
    ):  # fmt: skip
        assert words in page, words


async def test_on_paper_paying_on_line_takes_an_account(office: Office) -> None:
    invoice = await invoiced(office, {"online_invoices": "on_request", **REGIE})
    assert "enligne,dans«Mesfactures»,avecuncomptefamille;" in await printed(office, invoice)


async def eventually_printed(office: Office, invoice: Document, words: str) -> str:
    async def there() -> str | None:
        page = await printed(office, invoice)
        return page if words in page else None

    return str(await eventually(there, what=f"printed: {words}"))


def test_days_are_enumerated_month_by_month() -> None:
    days = [date(2026, 9, 30), date(2026, 10, 1), date(2026, 9, 2), date(2026, 9, 2)]
    assert days_words(days) == "2 et 30 septembre 2026 ; 1er octobre 2026"
    assert days_words([]) == ""
