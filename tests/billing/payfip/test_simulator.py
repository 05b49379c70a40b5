"""The simulator of PayFiP, by a client that is not ours: it refuses what the real one refuses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from lxml import etree

from deploy.simulators.payfip import PayFipServer
from deploy.simulators.payfip_rules import Behaviour, Client
from deploy.simulators.serving import serving
from tests.billing.payfip.by_hand import ORDER, ByHand, value

DAY = 86_400


@dataclass
class Desk:
    """The simulator, a client, and what the town is notified of."""

    server: PayFipServer
    client: ByHand
    urlnotif: str
    told: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def opened(self, **changes: str) -> tuple[str, str]:
        """An operation whose page is open: its idop and the page's address."""
        idop = await self.client.order(urlnotif=self.urlnotif, **changes)
        status, text, page = await self.client.get(f"/tpa/paiementws.web?idop={idop}")
        assert status == 200, text
        return idop, page


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    told: list[tuple[str, dict[str, str]]] = []

    async def hear(request: web.Request) -> web.Response:
        given = {**request.query, **{k: str(v) for k, v in (await request.post()).items()}}
        told.append((request.method, given))
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/notif", hear)
    known = [Client("090909"), Client("111111", secured=False)]
    server = PayFipServer({one.numcli: one for one in known}, slow_seconds=0.2)
    async with TestServer(app) as town, serving(server) as origin:
        yield Desk(server, ByHand(origin), str(town.make_url("/notif")), told)


@pytest.mark.parametrize(
    ("act", "letter"),
    [("carte", "P"), ("prelevement", "V"), ("carte-refusee", "R"), ("prelevement-refuse", "Z"),
     ("abandon", "A")],
)  # fmt: skip
async def test_a_person_clicks_through_to_each_result(desk: Desk, act: str, letter: str) -> None:
    idop, page = await desk.opened()
    assert (await desk.client.detail(idop))["code"] == "P5"
    text = await desk.client.click(page, act)
    assert f"http://ville.example/retour?idop={idop}" in text
    assert "Retour site" in text
    await desk.server.quiet()
    assert desk.told == [("POST", {"idop": idop})], "the hint says nothing but the idop"
    found = await desk.client.detail(idop)
    assert (found["resultrans"], found["idOp"], found["refdet"]) == (letter, idop, "ABCDEFGH")
    assert ("numauto" in found) == (letter in "PV")
    assert re.fullmatch(r"\d{8}", found["dattrans"])
    assert re.fullmatch(r"\d{4}", found["heurtrans"])


async def test_answers_follow_the_published_schemas(desk: Desk) -> None:
    schema = await desk.client.schema()
    idop, page = await desk.opened()
    await desk.client.click(page, "carte")
    bodies = [
        (await desk.client.ask("creerPaiementSecurise", **{**ORDER, "refdet": "OTHER123"}))[1],
        (await desk.client.ask("recupererDetailPaiementSecurise", idOp=idop))[1],
        (await desk.client.ask("recupererDetailClient", numCli="090909"))[1],
        (await desk.client.ask("recupererDetailPaiementSecurise", idOp="nothing"))[1],
    ]
    for body in bodies:
        inner = etree.fromstring(body.encode()).find("{*}Body")[0]
        if etree.QName(inner).localname == "Fault":
            inner = inner.find("detail")[0]
        schema.assertValid(inner)
    assert value(bodies[2], "libelleN2") == "Régie enfance"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"mel": ""}, "A1"),
        ({"mel": "bad"}, "A2"),
        ({"mel": "bad", "montant": "9990000001"}, "A2"),  # recorded: the e-mail is seen first
        ({"montant": "10"}, "M1"), ({"montant": "10.00"}, "M1"), ({"montant": ""}, "M1"),
        ({"montant": "099"}, "M3"), ({"montant": "9990000001"}, "M5"),
        ({"refdet": "ABCD"}, "R3"), ({"refdet": "2026-042"}, "R3"), ({"refdet": ""}, "R3"),
        ({"saisie": "A"}, "S1"), ({"numcli": "12"}, "T1"), ({"numcli": "123456"}, "T2"),
        ({"numcli": "111111"}, "T4"), ({"urlnotif": ""}, "N1"), ({"urlredirect": "retour"}, "D1"),
    ],
)  # fmt: skip
async def test_a_bad_order_is_refused_by_its_code(
    desk: Desk, changes: dict[str, str], code: str
) -> None:
    status, text = await desk.client.ask("creerPaiementSecurise", **{**ORDER, **changes})
    assert (status, value(text, "code"), value(text, "severite")) == (500, code, "2")
    assert "exceptions.FonctionnelleErreur" in text


async def test_no_reference_serves_twice(desk: Desk) -> None:
    await desk.client.order()
    status, text = await desk.client.ask("creerPaiementSecurise", **ORDER)
    assert (status, value(text, "code")) == (500, "R3")


async def test_names_are_taken_to_the_letter(desk: Desk) -> None:
    idop, _ = await desk.opened()
    small = await desk.client.ask("recupererDetailPaiementSecurise", idop=idop)
    assert value(small[1], "code") == "P1"
    for status, text in (
        await desk.client.ask("recupererDetailPaiementSecurise", namespace="urn:x", idOp=idop),
        await desk.client.ask("payer", idOp=idop),
        await desk.client.send("not xml"),
    ):
        assert (status, "S:Client" in text) == (500, True)
    assert (await desk.client.send("<a/>", "application/json"))[0] == 415


async def test_a_page_opens_once_within_fifteen_minutes(desk: Desk) -> None:
    idop, page = await desk.opened()
    assert "(P3)" in (await desk.client.get(f"/tpa/paiementws.web?idop={idop}"))[1]
    assert (await desk.client.get(page.removeprefix(desk.server.origin)))[0] == 200, "a reload"
    late = await desk.client.order(refdet="LATE0001")
    desk.server.advance(15 * 60 + 1)
    assert "(P4)" in (await desk.client.get(f"/tpa/paiementws.web?idop={late}"))[1]
    assert "(P1)" in (await desk.client.get("/tpa/paiementws.web?idop=none"))[1]


async def test_what_nobody_opened_goes_with_the_night_and_results_after_a_year(desk: Desk) -> None:
    left = await desk.client.order(refdet="LEFT0001")
    idop, page = await desk.opened()
    await desk.client.click(page, "carte", "perdue")
    assert (await desk.client.detail(left))["code"] == "P5"
    desk.server.advance(DAY)
    assert (await desk.client.detail(left))["code"] == "P1"
    desk.server.advance(360 * DAY)
    assert (await desk.client.detail(idop))["resultrans"] == "P"
    desk.server.advance(6 * DAY)
    assert (await desk.client.detail(idop))["code"] == "P1"


async def test_who_abandoned_may_still_pay(desk: Desk) -> None:
    idop, page = await desk.opened()
    await desk.client.click(page, "abandon")
    assert (await desk.client.detail(idop))["resultrans"] == "A"
    text = await desk.client.click(page, "carte")
    assert "Payer par carte" not in text
    assert (await desk.client.detail(idop))["resultrans"] == "P"


async def test_what_is_paid_stays_paid_whatever_is_sent_to_its_page(desk: Desk) -> None:
    idop, page = await desk.opened()
    await desk.client.click(page, "carte")
    for act in ("abandon", "carte-refusee", "prelevement"):
        assert "Paiement par carte accepté" in await desk.client.click(page, act)
    await desk.server.quiet()
    assert (await desk.client.detail(idop))["resultrans"] == "P"
    assert desk.told == [("POST", {"idop": idop})]


async def test_a_person_chooses_what_goes_wrong_and_undoes_it(desk: Desk) -> None:
    async def choose(**form: str) -> str:
        return await desk.client.submit("/tpa/simulateur", form)

    assert "HTTP 502" in await choose(failure="bad-gateway", times="1")
    assert (await choose(failure="T4", times="2")).count("accès sécurisé") == 2
    order = {**ORDER, "urlnotif": desk.urlnotif}
    assert (await desk.client.ask("creerPaiementSecurise", **order))[0] == 502
    for _ in range(2):
        _, text = await desk.client.ask("creerPaiementSecurise", **order)
        assert value(text, "code") == "T4"
    assert "montant = 101" in await choose(spoilt="montant", of="1000")
    assert "numauto absent" in await choose(spoilt="autorisation", of="1000")
    idop, page = await desk.opened()
    await desk.client.click(page, "carte", "majuscule")
    await desk.server.quiet()
    assert desk.told == [("POST", {"idOp": idop})], "the payment's page still chooses that"
    found = await desk.client.detail(idop)
    assert (found["montant"], "numauto" in found) == ("101", False)
    assert "montant" not in await choose(reset="1")
    assert (await desk.client.detail(idop))["montant"] == "1000"
    late = await desk.client.order(refdet="LATE0001")
    await choose(step="page")
    assert "(P4)" in (await desk.client.get(f"/tpa/paiementws.web?idop={late}"))[1]
    await choose(step="nuit")
    assert (await desk.client.detail(late))["code"] == "P1"


@pytest.mark.parametrize(
    ("chosen", "told"),
    [("perdue", []), ("doublee", [("POST", "idop")] * 3), ("majuscule", [("POST", "idOp")]),
     ("get", [("GET", "idop")])],
)  # fmt: skip
async def test_a_notification_goes_as_it_is_chosen(
    desk: Desk, chosen: str, told: list[tuple[str, str]]
) -> None:
    idop, page = await desk.opened()
    await desk.client.click(page, "carte", chosen)
    await desk.server.quiet()
    assert desk.told == [(method, {name: idop}) for method, name in told]


async def test_a_late_notification_comes_after_the_return(desk: Desk) -> None:
    desk.server.behaviours["1000"] = Behaviour(delay=0.1)
    _, page = await desk.opened()
    assert "Retour site" in await desk.client.click(page, "carte")
    assert desk.told == []
    await desk.server.quiet()
    assert len(desk.told) == 1


async def test_details_are_spoilt_by_amount_by_client_or_for_all(desk: Desk) -> None:
    desk.server.behaviours = {
        "": Behaviour(changed={"exer": "20"}),
        "090909": Behaviour(changed={"numauto": None}),
        "2000": Behaviour(changed={"resultrans": "W"}),
    }
    whole, page = await desk.opened()
    await desk.client.click(page, "carte")
    assert "numauto" not in await desk.client.detail(whole)
    unknown, page = await desk.opened(montant="2000", refdet="UNKNOWN1")
    await desk.client.click(page, "carte")
    assert (await desk.client.detail(unknown))["resultrans"] == "W"
    del desk.server.behaviours["090909"]
    assert (await desk.client.detail(whole))["exer"] == "20"


async def test_the_service_fails_as_it_is_told(desk: Desk) -> None:
    desk.server.next_failures = [
        "dysfunction", "unavailable", "protocol", "bad-gateway", "malformed", "slow",
    ]  # fmt: skip
    for name in ("TechDysfonctionnementErreur", "TechIndisponibiliteErreur",
                 "TechProtocolaireErreur"):  # fmt: skip
        status, text = await desk.client.ask("recupererDetailClient", numCli="090909")
        assert (status, value(text, "code")) == (500, "999")
        assert f"exceptions.{name}" in text
    assert (await desk.client.ask("recupererDetailClient", numCli="090909"))[0] == 502
    status, text = await desk.client.ask("recupererDetailClient", numCli="090909")
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring(text.encode())
    asked = desk.client.ask("recupererDetailClient", numCli="090909")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asked, 0.1)
