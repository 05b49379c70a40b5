"""A client of PayFiP that shares nothing with ours: envelopes as text, answers by pattern."""

from __future__ import annotations

import re
from dataclasses import dataclass

import aiohttp
from lxml import etree

from tests.billing.payfip.recorded import NS

ORDER = {
    "exer": "2026", "mel": "john.doe@example.com", "montant": "1000", "numcli": "090909",
    "objet": "coucou", "refdet": "ABCDEFGH", "saisie": "T", "urlnotif": "http://127.0.0.1:9/notif",
    "urlredirect": "http://ville.example/retour",
}  # fmt: skip


@dataclass
class ByHand:
    """``origin`` is the server's."""

    origin: str

    @property
    def url(self) -> str:
        return f"{self.origin}/tpa/services/securite"

    async def send(self, text: str, content_type: str = "text/xml") -> tuple[int, str]:
        headers = {"Content-Type": content_type, "SOAPAction": ""}
        async with (
            aiohttp.ClientSession() as http,
            http.post(self.url, data=text.encode(), headers=headers) as got,
        ):
            return got.status, await got.text()

    async def ask(self, operation: str, namespace: str = NS, **fields: str) -> tuple[int, str]:
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
        return await self.send(
            '<soap-env:Envelope xmlns:soap-env="http://schemas.xmlsoap.org/soap/envelope/">'
            f'<soap-env:Body><ns0:{operation} xmlns:ns0="{namespace}"><arg0>{inner}</arg0>'
            f"</ns0:{operation}></soap-env:Body></soap-env:Envelope>"
        )

    async def order(self, **changes: str) -> str:
        status, text = await self.ask("creerPaiementSecurise", **{**ORDER, **changes})
        assert status == 200, text
        return value(text, "idOp")

    async def detail(self, idop: str) -> dict[str, str]:
        """The fields of the answer; of a fault, its ``code``."""
        _, text = await self.ask("recupererDetailPaiementSecurise", idOp=idop)
        return dict(re.findall(r"<(\w+)>([^<]*)</\1>", text))

    async def get(self, path: str) -> tuple[int, str, str]:
        async with aiohttp.ClientSession() as http, http.get(self.origin + path) as got:
            return got.status, await got.text(), str(got.url)

    async def click(self, page: str, act: str, notification: str = "normale") -> str:
        form = {"act": act, "notification": notification}
        async with aiohttp.ClientSession() as http, http.post(page, data=form) as got:
            assert got.status == 200
            return await got.text()

    async def submit(self, path: str, form: dict[str, str]) -> str:
        """A form sent from one of its pages, and the page that follows."""
        async with (
            aiohttp.ClientSession() as http,
            http.post(self.origin + path, data=form) as got,
        ):
            assert got.status == 200
            return (await got.text()).split("Effacer ces réglages")[0]

    async def schema(self) -> etree.XMLSchema:
        """The published schemas, read from the server as its WSDL leads to them."""
        _, wsdl, _ = await self.get("/tpa/services/securite?wsdl")
        location = re.search(r'<xsd:import .*?schemaLocation="([^"]+)"', wsdl)
        assert location is not None
        texts = {}
        waiting = [location[1]]
        while waiting:
            url = waiting.pop()
            _, texts[url], _ = await self.get(url.removeprefix(self.origin))
            waiting += re.findall(r'schemaLocation="([^"]+)"', texts[url])

        class Known(etree.Resolver):  # type: ignore[misc]
            def resolve(self, url: str, public_id: str, context: object) -> object:
                return self.resolve_string(texts[url], context, base_url=url)

        parser = etree.XMLParser()
        parser.resolvers.add(Known())
        return etree.XMLSchema(etree.fromstring(texts[location[1]].encode(), parser))


def value(text: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    assert found is not None, text
    return found[1]
