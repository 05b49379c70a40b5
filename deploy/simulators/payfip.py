"""PayFiP as towns meet it: the SOAP service, its WSDL, and the page on which one pays.

What it requires and refuses is in ``payfip_rules``. Beyond the real one: ``advance`` moves its
clock, ``behaviours`` (by amount in cents, by client number, or ``""`` for all) and
``next_failures`` make things go wrong, and the page has a choice for the notification. A person
has the same on a page of its own, ``/tpa/simulateur``.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid1
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp import web
from jinja2 import Environment, FileSystemLoader
from lxml import etree

from deploy.simulators.payfip_rules import (
    CHOICES,
    FAILURES,
    KEPT,
    LABELS,
    OPENED_WITHIN,
    REFUSALS,
    RESULTS,
    SPOILT,
    STEPS,
    Behaviour,
    Client,
    Refusal,
    check_client,
    check_order,
)

_ROOT = Path(__file__).parent
_TEMPLATES = Environment(loader=FileSystemLoader(_ROOT / "templates"), autoescape=True)
_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_BASE = "http://securite.service.tpa.cp.finances.gouv.fr"
_NS = f"{_BASE}/services/mas_securite/contrat_paiement_securise/PaiementSecuriseService"
_ERRORS = "fr.gouv.finances.cp.tpa.webservice.exceptions"
_TECHNICAL = {
    "dysfunction": "TechDysfonctionnementErreur",
    "unavailable": "TechIndisponibiliteErreur",
    "protocol": "TechProtocolaireErreur",
}
_PARIS = ZoneInfo("Europe/Paris")


@dataclass
class Operation:
    """An order and what has come of it; ``session`` is the page's, once it is opened."""

    idop: str
    fields: Mapping[str, str]
    created_at: float
    session: str | None = None
    letter: str | None = None
    at: float = 0
    authorisation: str | None = None


@dataclass
class PayFipServer:
    """The server. ``slow_seconds`` is how long it takes when it is slow."""

    clients: Mapping[str, Client]
    origin: str = ""
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    next_failures: list[str] = field(default_factory=list)
    slow_seconds: float = 20
    #: What was notified: method, parameter's name, idop, and the status that was answered.
    notified: list[tuple[str, str, str, int]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    operations: dict[str, Operation] = field(default_factory=dict)
    _sending: set[asyncio.Task[None]] = field(default_factory=set)
    _ahead: float = 0

    # -- handles ---------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Move the server's clock."""
        self._ahead += seconds

    def open(self, idop: str) -> str:
        """The page is opened, as a browser does; its session. Raises ``Refusal``: P1, P3, P4."""
        operation = self._operation(idop)
        if operation.session is not None:
            raise Refusal("P3")
        if self._now() - operation.created_at > OPENED_WITHIN:
            raise Refusal("P4")
        operation.session = secrets.token_urlsafe(16)
        return operation.session

    def act(self, idop: str, act: str, behaviour: Behaviour | None = None) -> None:
        """The payer does something on the page (``RESULTS``); the notification goes out. What is
        paid stays so."""
        operation = self.operations[idop]
        if operation.letter in ("P", "V"):
            return
        operation.letter = RESULTS[act]
        operation.at = self._now()
        paid = operation.letter in "PV"
        operation.authorisation = f"{secrets.randbelow(10**12):012}-tip" if paid else None
        task = asyncio.create_task(
            self._notify(operation, behaviour or self._behaviour(operation.fields))
        )
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def quiet(self) -> None:
        """Return once every notification is sent."""
        while self._sending:
            await asyncio.gather(*self._sending)

    def app(self) -> web.Application:
        """The service and the pages, under ``/tpa``."""
        app = web.Application()
        app.add_routes([
            web.get("/tpa/services/securite", self._interface),
            web.post("/tpa/services/securite", self._service),
            web.get("/tpa/paiementws.web", self._arrive),
            web.get("/tpa/paiement/{session}", self._page),
            web.post("/tpa/paiement/{session}", self._acted),
            web.get("/tpa/simulateur", self._settings),
            web.post("/tpa/simulateur", self._set),
        ])  # fmt: skip
        app.on_cleanup.append(self._stop)
        return app

    # -- the service -----------------------------------------------------------------------

    async def _interface(self, request: web.Request) -> web.Response:
        name = request.query.get("xsd")
        if name is None and "wsdl" not in request.query:
            raise web.HTTPNotFound
        if name not in (None, "service", "requete", "reponse"):
            raise web.HTTPNotFound
        file = f"{name}.xsd" if name else "service.wsdl"
        text = (_ROOT / "payfip_interface" / file).read_text().replace("{origin}", self.origin)
        here = rf'schemaLocation="{self.origin}/tpa/services/securite?xsd=\1"'
        text = re.sub(r'schemaLocation="(\w+)\.xsd"', here, text)
        return web.Response(text=text, content_type="text/xml")

    async def _service(self, request: web.Request) -> web.Response:
        if request.content_type != "text/xml":
            raise web.HTTPUnsupportedMediaType
        failure = self._failing(FAILURES)
        if failure == "bad-gateway":
            return web.Response(status=502, text="<html><body>502 Bad Gateway</body></html>",
                                content_type="text/html")  # fmt: skip
        if failure == "slow":
            await asyncio.sleep(self.slow_seconds)
        if failure in _TECHNICAL:
            return _answer(_fault(_TECHNICAL[failure], "999", "Erreur technique"), 500)
        try:
            operation, given = _read(await request.read())
            self.asked.append(operation)
            returned = self._perform(operation, given)
        except Refusal as refusal:
            body = _fault("FonctionnelleErreur", refusal.code, LABELS[refusal.code])
            return _answer(body, 500)
        except (etree.XMLSyntaxError, ValueError):
            return _answer(_client_fault(), 500)
        answer = _answer(_response(operation, returned), 200)
        if failure == "malformed":
            answer.text = (answer.text or "")[:-40]
        return answer

    def _failing(self, among: Mapping[str, str]) -> str | None:
        """What goes wrong now, if it is one of these; it does so once."""
        wanted = self.next_failures and self.next_failures[0] in among
        return self.next_failures.pop(0) if wanted else None

    def _perform(self, operation: str, given: Mapping[str, str]) -> dict[str, str]:
        if operation == "creerPaiementSecurise":
            if code := self._failing(REFUSALS):
                raise Refusal(code)
            return {"idOp": self._create(given)}
        if operation == "recupererDetailPaiementSecurise":
            return self._detail(self._operation(given.get("idOp", "")))
        if operation == "recupererDetailClient":
            numcli = given.get("numCli", "")
            if not re.fullmatch(r"[0-9]{6}", numcli):
                raise Refusal("T1")
            client = check_client(numcli, self.clients)
            lines = {f"libelleN{at}": text for at, text in enumerate(client.lines, 1)}
            return {**lines, "numcli": numcli}
        raise ValueError("no such operation")

    def _create(self, given: Mapping[str, str]) -> str:
        check_order(given, self.clients)
        same = (given["numcli"], given["refdet"])
        if any((one.fields["numcli"], one.fields["refdet"]) == same
               for one in self.operations.values()):  # fmt: skip
            raise Refusal("R3")
        idop = str(uuid1())
        self.operations[idop] = Operation(idop, dict(given), self._now())
        return idop

    def _detail(self, operation: Operation) -> dict[str, str]:
        if operation.letter is None:
            raise Refusal("P5")
        at = datetime.fromtimestamp(operation.at, _PARIS)
        sent = ("exer", "mel", "montant", "numcli", "objet", "refdet", "saisie")
        fields: dict[str, str | None] = {
            **{name: operation.fields.get(name) for name in sent},
            "dattrans": f"{at:%d%m%Y}", "heurtrans": f"{at:%H%M}", "idOp": operation.idop,
            "resultrans": operation.letter, "numauto": operation.authorisation,
            **self._behaviour(operation.fields).changed,
        }  # fmt: skip
        return {name: value for name, value in sorted(fields.items()) if value}

    def _operation(self, idop: str) -> Operation:
        """Raises ``Refusal`` for what is unknown, or purged: the night after the order when nobody
        reached the page, a year after otherwise."""
        operation = self.operations.get(idop)
        if operation is None:
            raise Refusal("P1")
        age = self._now() - operation.created_at
        if operation.session is None and self._day(self._now()) > self._day(operation.created_at):
            raise Refusal("P1")
        if age > KEPT:
            raise Refusal("P1")
        return operation

    # -- the page --------------------------------------------------------------------------

    async def _arrive(self, request: web.Request) -> web.Response:
        try:
            session = self.open(request.query.get("idop", ""))
        except Refusal as refusal:
            return _html("payfip.html", status=400, problem=refusal.code,
                         label=LABELS[refusal.code])  # fmt: skip
        raise web.HTTPSeeOther(f"/tpa/paiement/{session}")

    async def _page(self, request: web.Request) -> web.Response:
        return self._shown(self._opened(request))

    async def _acted(self, request: web.Request) -> web.Response:
        operation = self._opened(request)
        form = await request.post()
        act = str(form.get("act", ""))
        if act not in RESULTS:
            raise web.HTTPBadRequest(text="nothing that one can do here")
        chosen = CHOICES.get(str(form.get("notification", "")))
        spoilt = self._behaviour(operation.fields).changed
        given = self._behaviour(operation.fields) != Behaviour(changed=spoilt)
        self.act(operation.idop, act, chosen[1] if chosen and not given else None)
        return self._shown(operation)

    def _shown(self, operation: Operation) -> web.Response:
        client = self.clients[operation.fields["numcli"]]
        back = operation.fields["urlredirect"]
        joint = "&" if "?" in back else "?"
        return _html(
            "payfip.html", client=client, operation=operation, choices=CHOICES,
            cents=int(operation.fields["montant"]), back=f"{back}{joint}idop={operation.idop}",
        )  # fmt: skip

    def _opened(self, request: web.Request) -> Operation:
        session = request.match_info["session"]
        for operation in self.operations.values():
            if operation.session == session:
                return operation
        raise web.HTTPNotFound(text="no such payment")

    # -- what a person makes go wrong ------------------------------------------------------

    async def _settings(self, _request: web.Request) -> web.Response:
        return _html(
            "payfip_settings.html", failures={**FAILURES, **REFUSALS}, spoilt=SPOILT, steps=STEPS,
            waiting=self.next_failures, behaviours=self.behaviours,
            now=datetime.fromtimestamp(self._now(), _PARIS),
        )  # fmt: skip

    async def _set(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        failure, times = form.get("failure", ""), form.get("times", "1")
        if failure in {**FAILURES, **REFUSALS} and re.fullmatch(r"[1-9][0-9]?", times):
            self.next_failures += [failure] * int(times)
        elif form.get("spoilt") in SPOILT:
            of = form.get("of", "").strip()
            spoilt = SPOILT[form["spoilt"]][1]
            known = self.behaviours.get(of, Behaviour())
            self.behaviours[of] = replace(known, changed={**known.changed, **spoilt})
        elif form.get("step") in STEPS:
            self.advance(STEPS[form["step"]][1])
        elif "reset" in form:
            self.next_failures.clear()
            self.behaviours.clear()
        else:
            raise web.HTTPBadRequest(text="nothing that one can do here")
        raise web.HTTPSeeOther("/tpa/simulateur")

    # -- notification ----------------------------------------------------------------------

    async def _notify(self, operation: Operation, behaviour: Behaviour) -> None:
        if behaviour.delay:
            await asyncio.sleep(behaviour.delay)
        url, given = operation.fields["urlnotif"], {behaviour.name: operation.idop}
        async with aiohttp.ClientSession() as http:
            for _ in range(behaviour.times):
                posted = behaviour.method == "POST"
                status = 0
                with suppress(aiohttp.ClientError):
                    async with http.request(
                        behaviour.method, url, allow_redirects=False,
                        data=given if posted else None, params=None if posted else given,
                    ) as got:  # fmt: skip
                        status = got.status
                self.notified.append((behaviour.method, behaviour.name, operation.idop, status))

    async def _stop(self, _app: web.Application) -> None:
        for task in [*self._sending]:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    def _behaviour(self, fields: Mapping[str, str]) -> Behaviour:
        for key in (fields["montant"], fields["numcli"], ""):
            if key in self.behaviours:
                return self.behaviours[key]
        return Behaviour()

    def _now(self) -> float:
        return time.time() + self._ahead

    def _day(self, instant: float) -> str:
        return datetime.fromtimestamp(instant, _PARIS).date().isoformat()


# -- SOAP ----------------------------------------------------------------------------------


def _read(content: bytes) -> tuple[str, dict[str, str]]:
    """The operation and its unqualified fields. Raises ``ValueError``, ``XMLSyntaxError``."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(content, parser)
    asked = root.find(f"{{{_SOAP}}}Body/*")
    if root.tag != f"{{{_SOAP}}}Envelope" or asked is None:
        raise ValueError("not an envelope")
    name = etree.QName(asked)
    if name.namespace != _NS:
        raise ValueError("not the service's namespace")
    return name.localname, {one.tag: one.text or "" for one in asked.iterfind("arg0/*")}


def _envelope(inner: Any) -> str:
    root = etree.Element(f"{{{_SOAP}}}Envelope", nsmap={"S": _SOAP})
    etree.SubElement(root, f"{{{_SOAP}}}Body").append(inner)
    return str(etree.tostring(root, encoding="unicode"))


def _response(operation: str, returned: Mapping[str, str]) -> str:
    answer = etree.Element(f"{{{_NS}}}{operation}Response", nsmap={"ns2": _NS})
    _fill(etree.SubElement(answer, "return"), returned)
    return _envelope(answer)


def _fault(kind: str, code: str, label: str) -> str:
    fault = etree.Element(f"{{{_SOAP}}}Fault")
    _fill(fault, {"faultcode": "S:Server", "faultstring": f"{_ERRORS}.{kind}"})
    error = etree.SubElement(
        etree.SubElement(fault, "detail"), f"{{{_NS}}}{kind}", nsmap={"ns2": _NS}
    )
    _fill(error, {"code": code, "descriptif": "", "libelle": label, "severite": "2"})
    return _envelope(fault)


def _client_fault() -> str:
    fault = etree.Element(f"{{{_SOAP}}}Fault")
    _fill(fault, {"faultcode": "S:Client", "faultstring": "Cannot find dispatch method"})
    return _envelope(fault)


def _fill(parent: Any, fields: Mapping[str, str]) -> None:
    for name, value in fields.items():
        etree.SubElement(parent, name).text = value or None


def _answer(body: str, status: int) -> web.Response:
    return web.Response(text=body, status=status, content_type="text/xml")


def _html(template: str, *, status: int = 200, **values: Any) -> web.Response:
    text = _TEMPLATES.get_template(template).render(**values)
    return web.Response(text=text, status=status, content_type="text/html")
