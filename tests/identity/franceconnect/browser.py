"""A browser, a front end and a town registered with FranceConnect, in a few words."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from joserfc.jwk import ECKey

from deploy.simulators.api_particulier import ApiParticulier, Token
from deploy.simulators.franceconnect import FranceConnect
from deploy.simulators.franceconnect_rules import Client
from deploy.simulators.serving import serving
from services.identity.commands.towns import load_town
from services.identity.service import build
from shared.contracts.town_file import FranceConnect as TownPart
from shared.contracts.town_file import QuotientConsent
from shared.town_files import read_town_file
from tests.identity.portal import TOWN_FILES, Portal
from tests.world import Answer, StartWorld

ANGELA = "angela.dubois"
MELISSANDRE = "melissandre.trois.dupre"
REDIRECT = "https://portail.veyras.example/franceconnect/retour"
AFTER_LOGOUT = "https://portail.veyras.example/au-revoir"
SIRET = "13002526500013"
CONSENT = QuotientConsent(version="2026-09", text="J'accepte que la commune demande mon quotient.")
CLIENT_ID = "veyras-at-franceconnect"
CLIENT_SECRET = "a secret of thirty-two characters"
API_TOKEN = "the town's token at API Particulier"


@dataclass
class Registered:
    """Veyras with its two simulators."""

    portal: Portal
    franceconnect: FranceConnect
    particulier: ApiParticulier
    client: Client

    async def begin(self, *, token: str | None = None, consent: bool = False, **how: Any) -> Answer:
        """Post an authorization: of a login, or with a token of a link."""
        path = "/franceconnect/link-authorizations" if token else "/franceconnect/authorizations"
        body = {"quotient_consent": CONSENT.version} if consent else {}
        return await self.portal.call("POST", path, body, token=token, **how)

    async def visit(self, url: str, citizen: str = ANGELA, switch: str = "") -> dict[str, str]:
        """Go there, choose who one is; the query that comes back on the redirect URI."""
        async with aiohttp.ClientSession() as http:
            async with http.get(url, allow_redirects=False) as asked:
                assert asked.status == 303, await asked.text()
                place = asked.headers["Location"]
            if "/interaction/" not in place:
                return query_of(place)
            page = self.franceconnect.origin + place
            async with http.get(page) as shown:
                assert citizen in await shown.text()
            form = {"citizen": citizen, "switch": switch}
            async with http.post(page, data=form, allow_redirects=False) as gone:
                assert gone.status == 303, await gone.text()
                assert gone.headers["Location"].startswith(REDIRECT)
                return query_of(gone.headers["Location"])

    async def call_back(self, begun: Answer, brought: dict[str, str], **how: Any) -> Answer:
        """What a front end posts when its browser is back."""
        body = {"binding": begun.json["binding"], **brought}
        return await self.portal.call("POST", "/franceconnect/callbacks", body, **how)

    async def trip(
        self,
        citizen: str = ANGELA,
        switch: str = "",
        *,
        token: str | None = None,
        consent: bool = False,
    ) -> Answer:
        """There and back."""
        begun = await self.begin(token=token, consent=consent)
        assert begun.status == 201, begun.json
        brought = await self.visit(begun.json["url"], citizen, switch)
        return await self.call_back(begun, brought)

    async def account(self, citizen: str = ANGELA, **fields: Any) -> Answer:
        """An account opened with FranceConnect."""
        arrived = await self.trip(citizen)
        assert arrived.json["outcome"] == "not-linked", arrived.json
        body = {"ticket": arrived.json["ticket"], **fields}
        return await self.portal.call("POST", "/franceconnect/accounts", body)


def query_of(url: str) -> dict[str, str]:
    """A redirect's query."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@asynccontextmanager
async def registered(
    start_world: StartWorld,
    monkeypatch: pytest.MonkeyPatch,
    *,
    change: Callable[[dict[str, Any]], None] = lambda _: None,
    services: Any = None,
    **client: Any,
) -> AsyncIterator[Registered]:
    """Start identity in Veyras beside both simulators; ``change`` alters the registration."""
    async with AsyncExitStack() as stack:
        key = ECKey.generate_key("P-256", {"kid": "ours"})
        known = Client(
            CLIENT_ID, CLIENT_SECRET, (REDIRECT,), (AFTER_LOGOUT,),
            jwks={"keys": [key.as_dict(private=False)]}, **client,
        )  # fmt: skip
        franceconnect = FranceConnect({CLIENT_ID: known}, slow_seconds=1)
        origin = await stack.enter_async_context(serving(franceconnect))
        particulier = ApiParticulier({API_TOKEN: Token()}, franceconnect.introspect)
        api = await stack.enter_async_context(serving(particulier))
        registration: dict[str, Any] = {
            "name": "franceconnect", "towns": ["veyras"], "issuer": f"{origin}/api/v2",
            "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
            "private_jwk": key.as_dict(private=True), "redirect_uris": [REDIRECT],
            "post_logout_redirect_uri": AFTER_LOGOUT, "timeout_seconds": 0.5,
            "token_endpoint_auth_method": known.token_endpoint_auth_method,
            "id_token_signed_response_alg": known.id_token_signed_response_alg,
            "userinfo_signed_response_alg": known.userinfo_signed_response_alg,
        }  # fmt: skip
        change(registration)
        monkeypatch.setenv("PREAU_IDENTITY_PROVIDERS", json.dumps([registration]))
        monkeypatch.setenv("PREAU_API_PARTICULIER_URL", api)
        monkeypatch.setenv("PREAU_API_PARTICULIER_TOKENS", json.dumps({"veyras": API_TOKEN}))
        running = await stack.enter_async_context(
            start_world({"identity": build, **(services or {})})
        )
        portal = Portal(running, running.state("identity"))
        with open(f"{TOWN_FILES}/veyras.yaml", "rb") as stream:  # noqa: ASYNC230, PTH123
            file = read_town_file(stream.read())
        part = TownPart(siret=SIRET, quotient_consent=CONSENT)
        await load_town(portal.identity, file.model_copy(update={"franceconnect": part}))
        await portal.load("andancette")
        yield Registered(portal, franceconnect, particulier, known)


SUBJECT = re.compile(r"[0-9a-f]{64}v1")
