"""The simulator of FranceConnect refuses what the real one refuses, asked by hand."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

from deploy.simulators.api_particulier import ApiParticulier, Token
from deploy.simulators.franceconnect import FranceConnect
from deploy.simulators.franceconnect_rules import SPOILED, Client
from deploy.simulators.sandbox import cases, citizens
from deploy.simulators.serving import serving
from tests.identity.franceconnect.browser import (
    AFTER_LOGOUT,
    ANGELA,
    CLIENT_ID,
    CLIENT_SECRET,
    REDIRECT,
    SIRET,
    SUBJECT,
    query_of,
)

_VERIFIER = "v" * 43
_CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(_VERIFIER.encode()).digest()).rstrip(b"=")
_KEY = ECKey.generate_key("P-256", {"kid": "ours"})
_ASKED = {
    "client_id": CLIENT_ID, "scope": "openid identite_pivot email", "response_type": "code",
    "redirect_uri": REDIRECT, "acr_values": "eidas1", "state": "the-state", "nonce": "n" * 22,
    "code_challenge": _CHALLENGE.decode(), "code_challenge_method": "S256",
}  # fmt: skip


class Hand:
    """Requests without any client library."""

    def __init__(self, server: FranceConnect, http: aiohttp.ClientSession) -> None:
        self.server, self.http = server, http

    async def authorize(self, *, leave: str = "", **other: str) -> tuple[int, str]:
        params = {k: v for k, v in {**_ASKED, **other}.items() if k != leave}
        url = f"{self.server.issuer}/authorize?{urlencode(params)}"
        async with self.http.get(url, allow_redirects=False) as got:
            return got.status, got.headers.get("Location") or await got.text()

    async def code(self, switch: str = "", citizen: str = ANGELA, **other: str) -> str:
        _, place = await self.authorize(**other)
        async with self.http.post(
            self.server.origin + place, data={"citizen": citizen, "switch": switch},
            allow_redirects=False,
        ) as gone:  # fmt: skip
            return query_of(gone.headers["Location"])["code"]

    async def token(self, code: str, **other: Any) -> tuple[int, Any]:
        headers = other.pop("headers", None)
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT,
            "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "code_verifier": _VERIFIER,
            **other,
        }  # fmt: skip
        url = f"{self.server.issuer}/token"
        async with self.http.post(url, data=form, headers=headers) as got:
            return got.status, await got.json()

    async def get(self, path: str, token: str = "") -> tuple[int, str, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = self.server.issuer + path
        async with self.http.get(url, headers=headers, allow_redirects=False) as got:
            return got.status, got.content_type, got.headers.get("Location") or await got.text()


@pytest.fixture
async def hand() -> AsyncIterator[Hand]:
    client = Client(CLIENT_ID, CLIENT_SECRET, (REDIRECT,), (AFTER_LOGOUT,))
    others = {
        "by-assertion": replace(
            client, client_id="by-assertion", token_endpoint_auth_method="private_key_jwt",
            jwks={"keys": [_KEY.as_dict(private=False)]},
        ),
        "plain": replace(
            client, client_id="plain", id_token_signed_response_alg="HS256",
            userinfo_signed_response_alg=None, provider="another town",
        ),
    }  # fmt: skip
    server = FranceConnect({CLIENT_ID: client, **others})
    async with serving(server), aiohttp.ClientSession() as http:
        yield Hand(server, http)


async def test_discovery_names_what_there_is(hand: Hand) -> None:
    _, _, text = await hand.get("/.well-known/openid-configuration")
    assert f'"issuer": "{hand.server.issuer}"' in text
    assert '"token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"]' in (
        text
    )


@pytest.mark.parametrize("left_out", ["scope", "response_type", "acr_values", "state", "nonce"])
async def test_each_parameter_is_required(hand: Hand, left_out: str) -> None:
    status, page = await hand.authorize(leave=left_out)
    assert status == 400
    assert "Y000400" in page
    assert left_out in page


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"nonce": "n" * 21}, "Y000400"),
        ({"prompt": "none"}, "Y000400"),
        ({"scope": " ".join(["openid"] * 65)}, "Y000400"),
        ({"client_id": "nobody"}, "Y030118"),
        ({"redirect_uri": "https://elsewhere.example/"}, "Y030118"),
    ],
)
async def test_a_request_out_of_shape_ends_on_a_page(
    hand: Hand, wrong: dict[str, str], code: str
) -> None:
    status, page = await hand.authorize(**wrong)
    assert (status, code in page) == (400, True)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_request"),
        ({"scope": "openid phone"}, "invalid_scope"),
        ({"acr_values": "eidas2"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
    ],
)
async def test_what_is_not_allowed_comes_back(
    hand: Hand, wrong: dict[str, str], error: str
) -> None:
    status, place = await hand.authorize(**wrong)
    assert status == 303
    brought = query_of(place)
    assert (brought["error"], brought["state"]) == (error, "the-state")


@pytest.mark.parametrize(
    ("switch", "error"),
    [
        ("cancel", "access_denied"), ("not-in-rnipp", "access_denied"),
        ("server-error", "server_error"), ("unavailable", "temporarily_unavailable"),
        ("login-required", "login_required"),
    ],
)  # fmt: skip
async def test_switches_for_what_may_go_wrong(hand: Hand, switch: str, error: str) -> None:
    _, place = await hand.authorize()
    async with hand.http.post(
        hand.server.origin + place, data={"switch": switch}, allow_redirects=False
    ) as gone:
        assert query_of(gone.headers["Location"])["error"] == error


async def test_the_page_lets_a_person_choose(hand: Hand) -> None:
    _, place = await hand.authorize()
    async with hand.http.get(hand.server.origin + place) as shown:
        text = await shown.text()
    for citizen in citizens().values():
        assert f'value="{citizen.key}"' in text
    assert all(f'value="{switch}"' in text for switch in SPOILED)


async def test_a_code_is_worth_thirty_seconds(hand: Hand) -> None:
    code = await hand.code()
    hand.server.advance(30)
    assert (await hand.token(code))[0] == 400


async def test_a_code_serves_once_and_its_reuse_ends_the_token(hand: Hand) -> None:
    code = await hand.code()
    status, first = await hand.token(code)
    assert status == 200
    status, again = await hand.token(code)
    assert (status, again["error"]) == (400, "invalid_grant")
    assert (await hand.get("/userinfo", first["access_token"]))[0] == 401


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"redirect_uri": "https://elsewhere.example/"}, "invalid_grant"),
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code": "another"}, "invalid_grant"),
        ({"client_secret": "another"}, "invalid_client"),
        ({"client_id": "plain"}, "invalid_grant"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
    ],
)
async def test_the_token_endpoint_refuses(hand: Hand, wrong: dict[str, str], error: str) -> None:
    code = await hand.code()
    status, answer = await hand.token(**{"code": code, **wrong})
    assert status in (400, 401)
    assert answer["error"] == error


async def test_basic_authentication_is_refused(hand: Hand) -> None:
    code = await hand.code()
    basic = aiohttp.encode_basic_auth(CLIENT_ID, CLIENT_SECRET)
    status, answer = await hand.token(code, headers={"Authorization": basic})
    assert (status, answer["error"]) == (401, "invalid_client")


async def test_an_assertion_serves_once_and_names_its_audience(hand: Hand) -> None:
    def assertion(**other: Any) -> str:
        now = int(time.time())
        claims = {"iss": "by-assertion", "sub": "by-assertion", "exp": now + 60, "jti": "one",
                  "aud": f"{hand.server.issuer}/token", **other}  # fmt: skip
        return jwt.encode({"alg": "ES256", "kid": "ours"}, claims, _KEY)

    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

    async def tried(given: str) -> int:
        code = await hand.code(client_id="by-assertion")
        status, _ = await hand.token(
            code, client_id="by-assertion", client_assertion=given, client_assertion_type=kind
        )
        return status

    assert await tried(assertion(jti="a", aud="https://elsewhere.example")) == 401
    assert await tried(assertion(jti="b", exp=int(time.time()) - 1)) == 401
    assert await tried("not.a.token") == 401
    good = assertion()
    assert await tried(good) == 200
    assert await tried(good) == 401
    code = await hand.code(client_id="by-assertion")
    assert (await hand.token(code, client_id="by-assertion"))[0] == 401  # the secret is no proof


async def test_tokens_are_signed_and_name_the_person_for_this_client_only(hand: Hand) -> None:
    _, answer = await hand.token(await hand.code())
    _, _, jwks = await hand.get("/jwks")

    keys = KeySet.import_key_set(orjson.loads(jwks))
    claims = jwt.decode(answer["id_token"], keys, algorithms=["ES256"]).claims
    assert SUBJECT.fullmatch(claims["sub"])
    assert (claims["nonce"], claims["acr"], claims["aud"]) == ("n" * 22, "eidas1", CLIENT_ID)
    assert claims["exp"] - claims["iat"] == answer["expires_in"] == 60
    half = hashlib.sha256(answer["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).rstrip(b"=").decode()

    status, kind, text = await hand.get("/userinfo", answer["access_token"])
    assert (status, kind) == (200, "application/jwt")
    person = jwt.decode(text, keys, algorithms=["ES256"]).claims
    assert person["sub"] == claims["sub"]
    assert (person["given_name"], person["family_name"]) == ("Angela Claire Louise", "DUBOIS")
    assert (person["birthplace"], person["birthcountry"]) == ("75107", "99100")

    _, other = await hand.token(await hand.code(client_id="plain"), client_id="plain")
    secret = OctKey.import_key(CLIENT_SECRET)
    theirs = jwt.decode(other["id_token"], secret, algorithms=["HS256"]).claims
    assert theirs["sub"] != claims["sub"]
    _, kind, _ = await hand.get("/userinfo", other["access_token"])
    assert kind == "application/json"


async def test_scopes_open_their_claims_and_no_others(hand: Hand) -> None:
    code = await hand.code(client_id="plain", scope="openid birth")
    _, answer = await hand.token(code, client_id="plain")

    _, _, text = await hand.get("/userinfo", answer["access_token"])
    assert set(orjson.loads(text)) == {"sub", "birthplace", "birthcountry"}


async def test_an_access_token_is_worth_sixty_seconds_or_until_revoked(hand: Hand) -> None:
    _, answer = await hand.token(await hand.code())
    assert (await hand.get("/userinfo", answer["access_token"]))[0] == 200
    form = {"token": answer["access_token"], "client_id": CLIENT_ID}
    url = f"{hand.server.issuer}/token/revocation"
    async with hand.http.post(url, data=form) as refused:
        assert refused.status == 401
    form["client_secret"] = CLIENT_SECRET
    async with hand.http.post(url, data=form) as revoked:
        assert revoked.status == 200
    assert (await hand.get("/userinfo", answer["access_token"]))[0] == 401

    _, answer = await hand.token(await hand.code())
    hand.server.advance(60)
    assert (await hand.get("/userinfo", answer["access_token"]))[0] == 401
    assert (await hand.get("/userinfo", "another"))[0] == 401


async def test_logging_out_wants_the_hint_and_a_registered_address(hand: Hand) -> None:
    _, answer = await hand.token(await hand.code())

    async def ended(**other: str) -> tuple[int, str]:
        params = {"id_token_hint": answer["id_token"], "state": "s",
                  "post_logout_redirect_uri": AFTER_LOGOUT, **other}  # fmt: skip
        status, _, text = await hand.get(f"/session/end?{urlencode(params)}")
        return status, text

    hand.server.advance(3600)  # a hint that has run out is a good hint
    assert await ended() == (303, f"{AFTER_LOGOUT}?state=s")
    assert (await ended(id_token_hint=""))[0] == 400
    assert (await ended(state=""))[0] == 400
    assert (await ended(id_token_hint="no.such.token"))[0] == 400
    status, page = await ended(post_logout_redirect_uri="https://elsewhere.example/")
    assert (status, "Y030118" in page) == (400, True)
    _, bare = await hand.token(await hand.code("no-at-hash"))
    status, page = await ended(id_token_hint=bare["id_token"])
    assert (status, "Y100019" in page) == (400, True)


async def test_an_interaction_lasts_half_an_hour(hand: Hand) -> None:
    _, place = await hand.authorize()
    hand.server.advance(1801)
    async with hand.http.post(
        hand.server.origin + place, data={"citizen": ANGELA}, allow_redirects=False
    ) as gone:
        assert query_of(gone.headers["Location"])["error"] == "access_denied"


# -- API Particulier ---------------------------------------------------------------------------

_BASE = "/v3/dss/quotient_familial"
_ANGELA = [
    ("nomNaissance", "DUBOIS"), ("prenoms[]", "ANGELA"), ("prenoms[]", "CLAIRE"),
    ("prenoms[]", "LOUISE"), ("sexeEtatCivil", "F"), ("anneeDateNaissance", "1962"),
    ("moisDateNaissance", "8"), ("jourDateNaissance", "24"),
    ("codeCogInseeCommuneNaissance", "75107"), ("codeCogInseePaysNaissance", "99100"),
    ("recipient", SIRET),
]  # fmt: skip


@pytest.fixture
async def funds(hand: Hand) -> AsyncIterator[ApiParticulier]:
    tokens = {
        "good": Token(), "old": Token(state="expired"), "barred": Token(state="blacklisted"),
        "narrow": Token(frozenset({"quotient_familial"})), "bare": Token(frozenset()),
    }  # fmt: skip
    server = ApiParticulier(tokens, hand.server.introspect)
    async with serving(server):
        yield server


async def _ask(
    funds: ApiParticulier, hand: Hand, path: str, query: Any, token: str = "good"
) -> tuple[int, str | None, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with hand.http.get(funds.origin + _BASE + path, params=query, headers=headers) as got:
        body = await got.json()
        errors = body.get("errors")
        return got.status, errors[0]["code"] if errors else None, body


def _without(name: str) -> list[tuple[str, str]]:
    return [pair for pair in _ANGELA if pair[0] != name]


@pytest.mark.parametrize("case", cases("identity"), ids=lambda case: case.name)
async def test_every_case_by_identity_answers(hand: Hand, funds: ApiParticulier, case: Any) -> None:
    mandatory = {"prenoms": ["X"], "anneeDateNaissance": 1}
    query: list[tuple[str, str]] = [("recipient", SIRET)]
    for name, value in {**mandatory, **case.params}.items():
        if isinstance(value, list):
            query += [(f"{name}[]", one) for one in value]
        else:
            query.append((name, str(value)))
    status, _, body = await _ask(funds, hand, "/identite", query)
    assert (status, body) == (case.status, case.payload)


@pytest.mark.parametrize(
    "case", [case for case in cases("franceconnect") if case.status == 200],
    ids=lambda case: case.name,
)  # fmt: skip
async def test_every_case_by_franceconnect_answers(
    hand: Hand, funds: ApiParticulier, case: Any
) -> None:
    citizen = next(
        one for one in citizens().values()
        if list(one.given_names) == case.params["prenoms"]
        and one.family_name == case.params["nomNaissance"]
    )  # fmt: skip
    scope = "openid cnaf_quotient_familial cnaf_allocataires cnaf_enfants cnaf_adresse"
    _, answer = await hand.token(await hand.code(citizen=citizen.key, scope=scope))
    status, _, body = await _ask(
        funds, hand, "/france_connect", [("recipient", SIRET)], answer["access_token"]
    )
    assert (status, body) == (200, case.payload)


@pytest.mark.parametrize(
    ("query", "token", "status", "code"),
    [
        (_ANGELA, "", 401, "00101"),
        (_ANGELA, "unknown", 401, "00101"),
        (_ANGELA, "old", 401, "00103"),
        (_ANGELA, "barred", 401, "00105"),
        (_ANGELA, "bare", 403, "00100"),
        (_without("recipient"), "good", 422, "00203"),
        (_without("nomNaissance"), "good", 422, "00366"),
        (_without("prenoms[]"), "good", 422, "00366"),
        ([*_without("sexeEtatCivil"), ("sexeEtatCivil", "X")], "good", 422, "00366"),
        ([*_without("nomNaissance"), ("nomNaissance", "PERSONNE")], "good", 404, "35003"),
    ],
)
async def test_api_particulier_refuses(
    hand: Hand, funds: ApiParticulier, query: Any, token: str, status: int, code: str
) -> None:
    assert (await _ask(funds, hand, "/identite", query, token))[:2] == (status, code)


async def test_the_same_request_twice_at_once_is_refused(hand: Hand, funds: ApiParticulier) -> None:
    funds.delay = 0.2
    answers = await asyncio.gather(*(_ask(funds, hand, "/identite", _ANGELA) for _ in range(2)))
    assert sorted(status for status, _, _ in answers) == [200, 409]
    assert "00015" in {code for _, code, _ in answers}


async def test_scopes_filter_what_is_answered(hand: Hand, funds: ApiParticulier) -> None:
    _, _, body = await _ask(funds, hand, "/identite", _ANGELA, "narrow")
    assert set(body["data"]) == {"quotient_familial"}
    _, answer = await hand.token(await hand.code(scope="openid cnaf_enfants"))
    recipient = [("recipient", SIRET)]
    _, _, body = await _ask(funds, hand, "/france_connect", recipient, answer["access_token"])
    assert set(body["data"]) == {"enfants"}
    _, bare = await hand.token(await hand.code())
    refused = await _ask(funds, hand, "/france_connect", recipient, bare["access_token"])
    assert refused[:2] == (403, "00100")
    hand.server.advance(60)
    late = await _ask(funds, hand, "/france_connect", recipient, answer["access_token"])
    assert late[:2] == (401, "00103")


async def test_the_sandbox_token_stands_for_a_person(hand: Hand, funds: ApiParticulier) -> None:
    status, _, body = await _ask(
        funds, hand, "/france_connect", [("recipient", SIRET)], "cnaf_qfv2"
    )
    assert (status, body["data"]["quotient_familial"]["valeur"]) == (200, 2550)
