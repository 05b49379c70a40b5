"""PayFiP: the DGFiP's SOAP service for paying a régie by card or one-off debit.

SOAP 1.1, document/literal, ``soapAction`` empty; the operations are in the service's namespace,
their fields in none. A fault is read from the body whatever the HTTP status.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lxml import etree

from services.billing.domain.payfip import (
    Detail,
    Fault,
    FaultKind,
    NoAnswer,
    OfficeName,
    Opened,
    Order,
    cents_of,
    fields_of,
    instant_of,
)
from shared.logs import get_logger
from shared.outgoing import Outgoing, Unreachable

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
SERVICE = (
    "http://securite.service.tpa.cp.finances.gouv.fr/services/mas_securite/"
    "contrat_paiement_securise/PaiementSecuriseService"
)
_ENDPOINT = "/tpa/services/securite"
_PAGE = "/tpa/paiementws.web"
_HEADERS = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '""'}
_IDOP = re.compile(r"[0-9A-Za-z-]{8,64}")
_KINDS: Mapping[str, FaultKind] = {
    "FonctionnelleErreur": "functional",
    "TechDysfonctionnementErreur": "dysfunction",
    "TechIndisponibiliteErreur": "unavailable",
    "TechProtocolaireErreur": "protocol",
}
_log = get_logger()


class PayFip:
    """The client at ``origin``; ``within`` is how long one answer may take, in seconds."""

    def __init__(self, origin: str, outgoing: Outgoing, within: float) -> None:
        self._origin = origin.rstrip("/")
        self._outgoing = outgoing
        self._within = within

    def page(self, idop: str) -> str:
        """Where the payer's browser goes."""
        return f"{self._origin}{_PAGE}?idop={idop}"

    async def create(self, order: Order) -> Opened | Fault | NoAnswer:
        """Open a payment. Raises ``BadOrder`` before anything is sent."""
        said = await self._call("creerPaiementSecurise", fields_of(order))
        if not isinstance(said, dict):
            return said
        idop = said.get("idOp", "")
        return Opened(idop) if _IDOP.fullmatch(idop) else _malformed("creerPaiementSecurise")

    async def detail(self, idop: str) -> Detail | Fault | NoAnswer:
        """What came of a payment; the fault P5 while nothing has."""
        said = await self._call("recupererDetailPaiementSecurise", {"idOp": idop})
        if not isinstance(said, dict):
            return said
        if not said.get("resultrans"):
            return _malformed("recupererDetailPaiementSecurise")
        return Detail(
            idop=said.get("idOp", ""), numcli=said.get("numcli", ""),
            refdet=said.get("refdet", ""), montant=cents_of(said.get("montant", "")),
            result=said["resultrans"],
            at=instant_of(said.get("dattrans", ""), said.get("heurtrans", "")),
            authorisation=said.get("numauto") or None,
        )  # fmt: skip

    async def office(self, numcli: str) -> OfficeName | Fault | NoAnswer:
        """Whose client number that is: tells whether the town is registered as it thinks."""
        said = await self._call("recupererDetailClient", {"numCli": numcli})
        if not isinstance(said, dict):
            return said
        lines = tuple(said[name] for name in ("libelleN1", "libelleN2", "libelleN3")
                      if said.get(name))  # fmt: skip
        return OfficeName(said.get("numcli", ""), lines)

    async def _call(
        self, operation: str, fields: Mapping[str, str]
    ) -> dict[str, str] | Fault | NoAnswer:
        try:
            reply = await self._outgoing.post(
                self._origin + _ENDPOINT, request_body(operation, fields), within=self._within,
                headers=_HEADERS,
            )  # fmt: skip
        except Unreachable:
            _log.warning("payfip-unreachable", kind=operation)
            return NoAnswer("unreachable")
        said = read_body(operation, reply.body)
        if isinstance(said, NoAnswer):
            _log.warning("payfip-malformed", kind=operation, status=reply.status)
        return said


def _malformed(operation: str) -> NoAnswer:
    _log.warning("payfip-malformed", kind=operation, status=200)
    return NoAnswer("malformed")


def request_body(operation: str, fields: Mapping[str, str]) -> bytes:
    """The envelope that asks for an operation."""
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap-env": SOAP})
    body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    asked = etree.SubElement(body, f"{{{SERVICE}}}{operation}", nsmap={"ns0": SERVICE})
    argument = etree.SubElement(asked, "arg0")
    for name, value in fields.items():
        etree.SubElement(argument, name).text = value
    document: bytes = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
    return document


def read_body(operation: str, content: bytes) -> dict[str, str] | Fault | NoAnswer:
    """The fields that an envelope returns, or its fault."""
    # Nothing is fetched and nothing expanded for a document that comes from outside.
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        return NoAnswer("malformed")
    if root.getroottree().docinfo.doctype or root.tag != f"{{{SOAP}}}Envelope":
        return NoAnswer("malformed")
    body = root.find(f"{{{SOAP}}}Body")
    said = body[0] if body is not None and len(body) else None
    if said is None:
        return NoAnswer("malformed")
    if said.tag == f"{{{SOAP}}}Fault":
        return _fault(said)
    returned = said.find("return")
    if said.tag != f"{{{SERVICE}}}{operation}Response" or returned is None:
        return NoAnswer("malformed")
    return _fields(returned)


def _fault(element: Any) -> Fault:
    for one in element.iterfind("detail/*"):
        kind = _KINDS.get(etree.QName(one).localname)
        if kind is not None:
            fields = _fields(one)
            label = fields.get("descriptif") or fields.get("libelle", "")
            return Fault(kind, fields.get("code", ""), label)
    return Fault("protocol", "", (element.findtext("faultstring") or "").strip())


def _fields(element: Any) -> dict[str, str]:
    return {etree.QName(one).localname: (one.text or "").strip() for one in element}
