"""Our client against recorded answers of the real service, and what no server should say."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from services.billing.domain.payfip import (
    BadOrder,
    Detail,
    Fault,
    NoAnswer,
    OfficeName,
    Opened,
    Order,
    fields_of,
    object_of,
)
from services.billing.payfip import PayFip, read_body
from shared.outgoing import Outgoing
from tests.billing.payfip.recorded import (
    CODES,
    IDOP,
    NS,
    OFFICE,
    OPENED,
    detail,
    envelope,
    fault,
)

ORDER = Order(
    numcli="090909", exer="2019", refdet="ABCDEFGH", objet="coucou", montant=1000,
    mel="john.doe@example.com", saisie="T", urlnotif="https://ville.example/notif",
    urlredirect="https://ville.example/retour",
)  # fmt: skip
DETAIL = "recupererDetailPaiementSecurise"


@dataclass
class Counter:
    """A server that answers what it is told to, and what was asked of it."""

    body: str | bytes = ""
    status: int = 200
    wait: float = 0
    asked: list[tuple[web.BaseRequest, str]] = field(default_factory=list)
    client: PayFip = field(init=False)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request, await request.text()))
        await asyncio.sleep(self.wait)
        body = self.body if isinstance(self.body, bytes) else self.body.encode()
        return web.Response(body=body, status=self.status, content_type="text/xml")


@pytest.fixture
async def counter() -> AsyncIterator[Counter]:
    told = Counter()
    app = web.Application()
    app.router.add_post("/tpa/services/securite", told.answer)
    outgoing = Outgoing()
    async with TestServer(app) as server:
        told.client = PayFip(str(server.make_url("/")), outgoing, within=0.5)
        yield told
        await outgoing.close()


async def test_an_order_is_sent_as_the_real_service_was_seen_to_take_it(counter: Counter) -> None:
    counter.body = OPENED
    assert await counter.client.create(ORDER) == Opened(IDOP)
    request, sent = counter.asked[0]
    assert request.content_type == "text/xml"
    assert request.headers["SOAPAction"] == '""'
    recorded = (
        '<soap-env:Envelope xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/">'
        f'<soap-env:Body><ns0:creerPaiementSecurise xmlns:ns0="{NS}"><arg0><exer>2019</exer>'
        "<mel>john.doe@example.com</mel><montant>1000</montant><numcli>090909</numcli>"
        "<objet>coucou</objet><refdet>ABCDEFGH</refdet><saisie>T</saisie>"
        "<urlnotif>https://ville.example/notif</urlnotif>"
        "<urlredirect>https://ville.example/retour</urlredirect></arg0>"
        "</ns0:creerPaiementSecurise></soap-env:Body></soap-env:Envelope>"
    )
    assert sent.partition("?>")[2].strip() == recorded
    assert counter.client.page(IDOP).endswith(f"/tpa/paiementws.web?idop={IDOP}")


async def test_the_detail_of_a_payment_is_asked_with_a_capital_letter(counter: Counter) -> None:
    counter.body = detail()
    assert await counter.client.detail(IDOP) == Detail(
        idop=IDOP, numcli="090909", refdet="EFEFAEFG", montant=1000, result="V",
        at=datetime(2019, 12, 12, 12, 11, tzinfo=UTC), authorisation="112233445566-tip",
    )  # fmt: skip
    assert f"<idOp>{IDOP}</idOp>" in counter.asked[0][1]


@pytest.mark.parametrize(
    "changes",
    [{"dattrans": None}, {"heurtrans": None}, {"dattrans": "32132019"}, {"heurtrans": "2561"},
     {"dattrans": "2019-12-1"}],
)  # fmt: skip
async def test_a_missing_or_malformed_date_is_no_date(
    counter: Counter, changes: dict[str, str | None]
) -> None:
    counter.body = detail(numauto=None, objet=None, **changes)
    found = await counter.client.detail(IDOP)
    assert isinstance(found, Detail)
    assert (found.at, found.authorisation, found.result) == (None, None, "V")


async def test_the_name_of_the_office_is_read(counter: Counter) -> None:
    counter.body = OFFICE
    assert await counter.client.office("090909") == OfficeName(
        "090909", ("POUETPOUET", "régie enfance")
    )
    assert "<numCli>090909</numCli>" in counter.asked[0][1]


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("code", CODES)
async def test_a_fault_is_read_whatever_the_status(
    counter: Counter, code: str, status: int
) -> None:
    counter.body, counter.status = fault(code, CODES[code]), status
    said = Fault("functional", code, CODES[code])
    assert await counter.client.create(ORDER) == said
    assert await counter.client.detail(IDOP) == said
    assert await counter.client.office("090909") == said


@pytest.mark.parametrize(
    ("name", "kind"),
    [("TechDysfonctionnementErreur", "dysfunction"), ("TechIndisponibiliteErreur", "unavailable"),
     ("TechProtocolaireErreur", "protocol")],
)  # fmt: skip
async def test_technical_faults_are_told_apart(counter: Counter, name: str, kind: str) -> None:
    counter.body, counter.status = fault("999", "Erreur technique", name), 500
    assert await counter.client.detail(IDOP) == Fault(kind, "999", "Erreur technique")  # type: ignore[arg-type]


BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY c "&a;&a;&a;&a;">]>'
MALFORMED = {
    "nothing": "",
    "text": "Bad Gateway",
    "a page": "<html><body>502</body></html>",
    "cut short": detail()[:-30],
    "no body": '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"/>',
    "empty body": envelope(""),
    "another operation": OPENED,
    "no namespace": envelope(f"<{DETAIL}Response><return/></{DETAIL}Response>"),
    "no return": envelope(f'<n:{DETAIL}Response xmlns:n="{NS}"/>'),
    "no result": detail(resultrans=None),
    "entities": BOMB + detail(objet="&c;"),
    "a file": '<!DOCTYPE b [<!ENTITY f SYSTEM "file:///etc/hostname">]>' + detail(refdet="&f;"),
    "too much": detail() + " " * 600_000,
}


@pytest.mark.parametrize("status", [200, 502])
@pytest.mark.parametrize("what", MALFORMED)
async def test_what_cannot_be_read_says_nothing_of_the_payment(
    counter: Counter, what: str, status: int
) -> None:
    counter.body, counter.status = MALFORMED[what], status
    assert isinstance(await counter.client.detail(IDOP), NoAnswer)


async def test_an_idop_that_is_none_opens_nothing(counter: Counter) -> None:
    for bad in ("", "../x", "é" * 36, "a" * 65):
        counter.body = OPENED.replace(IDOP, bad)
        assert await counter.client.create(ORDER) == NoAnswer("malformed")


async def test_who_answers_too_late_has_not_answered(counter: Counter) -> None:
    counter.body, counter.wait = detail(), 5
    assert await counter.client.detail(IDOP) == NoAnswer("unreachable")


async def test_nobody_there_is_no_answer() -> None:
    outgoing = Outgoing()
    client = PayFip("http://127.0.0.1:9", outgoing, within=0.5)
    assert await client.create(ORDER) == NoAnswer("unreachable")
    await outgoing.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("numcli", bad) for bad in ("", "12345", "1234567", "12345a")],
        *[("exer", bad) for bad in ("26", "20266")],
        *[("refdet", bad) for bad in ("ABCD", "2026-042", "A" * 31, "réf2026", "")],
        *[("objet", bad) for bad in ("été", "a-b", "a" * 101)],
        *[("montant", bad) for bad in (0, 99, -100, 10_000_001)],
        *[("mel", bad) for bad in ("", "a@b.c", "sans-arobase.fr", "a" * 76 + "@b.fr", "a b@c.fr")],
        *[("saisie", bad) for bad in ("A", "")],
        *[("urlnotif", bad) for bad in ("", "ville.example", "https://" + "a" * 250)],
        ("urlredirect", "javascript:alert(1)"),
    ],
)  # fmt: skip
async def test_what_would_be_refused_is_not_sent(
    counter: Counter, name: str, value: str | int
) -> None:
    with pytest.raises(BadOrder) as refused:
        await counter.client.create(replace(ORDER, **{name: value}))  # type: ignore[arg-type]
    assert refused.value.field == name
    assert counter.asked == []


def test_small_amounts_have_three_digits() -> None:
    assert fields_of(replace(ORDER, montant=100))["montant"] == "100"
    assert list(fields_of(ORDER)) == sorted(fields_of(ORDER)), "the schema's order"


@given(st.text(max_size=300))
def test_any_text_becomes_an_object_that_is_taken(text: str) -> None:
    made = object_of(text)
    assert re.fullmatch(r"[A-Za-z0-9 ]{0,100}", made)
    assert fields_of(replace(ORDER, objet=made))["objet"] == made


def test_the_object_keeps_its_words() -> None:
    assert object_of("Régie d'été – facture VEY-2026-000001") == (
        "Regie d ete facture VEY 2026 000001"
    )


@given(st.binary(max_size=400))
def test_no_content_breaks_the_reader(content: bytes) -> None:
    assert isinstance(read_body(DETAIL, content), NoAnswer)
