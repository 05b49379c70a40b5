"""FranceConnect v2 (particuliers) as service providers meet it.

What it requires and refuses is in ``franceconnect_rules``. Beyond the real one: the page where one
chooses a citizen has switches for what may go wrong, and ``advance`` moves its clock.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from jinja2 import Environment, FileSystemLoader
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeyParameters, KeySet, OctKey, RSAKey

from deploy.simulators.franceconnect_rules import (
    ALGORITHMS,
    ASSERTION,
    CODE_SECONDS,
    INTERACTION_SECONDS,
    PIVOT,
    PROFILE,
    RETURNED,
    SCOPES,
    SPOILED,
    TOKEN_SECONDS,
    Client,
    Grant,
    OidcError,
    check_request,
    check_verifier,
    claims_of,
    shape_problem,
    spoils,
)
from deploy.simulators.sandbox import FRANCE, Citizen, citizens

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True
)


@dataclass
class FranceConnect:
    """The server. ``slow_seconds`` is how long the token endpoint takes under ``slow``."""

    clients: Mapping[str, Client]
    origin: str = ""
    slow_seconds: float = 20
    _ahead: float = 0
    _interactions: dict[str, Grant] = field(default_factory=dict)
    _codes: dict[str, Grant] = field(default_factory=dict)
    _tokens: dict[str, Grant] = field(default_factory=dict)
    _assertions: set[str] = field(default_factory=set)
    _secret: str = "the secret of the subjects, the same at each start"  # noqa: S105 - of no worth

    def __post_init__(self) -> None:
        self.rotate_keys()

    # -- handles ---------------------------------------------------------------------------

    @property
    def issuer(self) -> str:
        """What tokens name."""
        return f"{self.origin}/api/v2"

    def advance(self, seconds: float) -> None:
        """Move the server's clock."""
        self._ahead += seconds

    def rotate_keys(self) -> None:
        """Sign with new keys from now on; the old ones are no longer published."""
        self._keys: dict[str, ECKey | RSAKey] = {
            "ES256": ECKey.generate_key("P-256", {"kid": secrets.token_hex(8), "use": "sig"})
        }
        used = {
            algorithm
            for client in self.clients.values()
            for algorithm in (
                client.id_token_signed_response_alg, client.userinfo_signed_response_alg
            )
        }  # fmt: skip
        if "RS256" in used:  # slow to make: only for who wants one
            kid: KeyParameters = {"kid": secrets.token_hex(8), "use": "sig"}
            self._keys["RS256"] = RSAKey.generate_key(2048, kid)

    def introspect(self, token: str) -> dict[str, Any] | None:
        """What a data provider is told of an access token; None when it is worth nothing.

        ``{"exp": …, "scopes": […], "citizen": Citizen}``.
        """
        grant = self._tokens.get(token)
        if grant is None or grant.citizen is None:
            return None
        expires = grant.token_at + TOKEN_SECONDS
        return {"exp": expires, "expired": self._now() >= expires, "scopes": grant.scopes,
                "citizen": grant.citizen}  # fmt: skip

    def subject(self, client: Client, citizen: Citizen) -> str:
        """Pairwise and stable: 66 characters that end with ``v1``."""
        place = citizen.birthplace if citizen.birthcountry == FRANCE else ""
        pivot = (*citizen.given_names, citizen.family_name, citizen.birthdate, citizen.gender,
                 place, citizen.birthcountry)  # fmt: skip
        digest = base64.b64encode(hashlib.sha256("".join(pivot).encode()).digest()).decode()
        text = f"{client.provider}{digest}{self._secret}"
        return hashlib.sha256(text.encode()).hexdigest() + "v1"

    def app(self) -> web.Application:
        """Every endpoint, under ``/api/v2``."""
        app = web.Application(middlewares=[_as_json])
        base = "/api/v2"
        app.add_routes([
            web.get(f"{base}/.well-known/openid-configuration", self._discovery),
            web.get(f"{base}/authorize", self._authorize),
            web.post(f"{base}/authorize", self._authorize),
            web.get(f"{base}/interaction/{{id}}", self._choose),
            web.post(f"{base}/interaction/{{id}}", self._chosen),
            web.post(f"{base}/token", self._token),
            web.get(f"{base}/userinfo", self._userinfo),
            web.get(f"{base}/jwks", self._jwks),
            web.get(f"{base}/session/end", self._end_session),
            web.post(f"{base}/token/revocation", self._revoke),
        ])  # fmt: skip
        return app

    # -- authorization ---------------------------------------------------------------------

    async def _discovery(self, _request: web.Request) -> web.Response:
        base = self.issuer
        return web.json_response({
            "issuer": base,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "userinfo_endpoint": f"{base}/userinfo",
            "jwks_uri": f"{base}/jwks",
            "end_session_endpoint": f"{base}/session/end",
            "revocation_endpoint": f"{base}/token/revocation",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code"],
            "subject_types_supported": ["pairwise"],
            "acr_values_supported": ["eidas1"],
            "scopes_supported": sorted(SCOPES),
            "claims_supported": ["sub", *sorted({*PIVOT, *PROFILE, "email"})],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "id_token_signing_alg_values_supported": list(ALGORITHMS),
            "userinfo_signing_alg_values_supported": list(ALGORITHMS),
            "claims_parameter_supported": True,
            "request_parameter_supported": True,
        })  # fmt: skip

    async def _authorize(self, request: web.Request) -> web.Response:
        given = request.query if request.method == "GET" else await request.post()
        params = {name: str(value) for name, value in given.items()}
        client = self.clients.get(params.get("client_id", ""))
        if client is None or params.get("redirect_uri") not in client.redirect_uris:
            return _page("Y030118", "client ou URL de retour inconnus")
        if problem := shape_problem(params):
            return _page("Y000400", problem)
        grant = Grant(client, params, self._now())
        try:
            check_request(client, params)
        except OidcError as error:
            return _back(grant, {"error": error.error, "error_description": error.description})
        interaction = secrets.token_urlsafe(16)
        self._interactions[interaction] = grant
        raise web.HTTPSeeOther(f"/api/v2/interaction/{interaction}")

    async def _choose(self, request: web.Request) -> web.Response:
        self._interaction(request)
        template = _TEMPLATES.get_template("franceconnect.html")
        text = template.render(citizens=citizens().values(), returned=RETURNED, spoiled=SPOILED)
        return web.Response(text=text, content_type="text/html")

    async def _chosen(self, request: web.Request) -> web.Response:
        grant = self._interaction(request)
        form = await request.post()
        grant.switch = str(form.get("switch", ""))
        if self._now() - grant.asked_at > INTERACTION_SECONDS:
            return _back(grant, {"error": "access_denied", "error_description": "session expired"})
        del self._interactions[request.match_info["id"]]
        if grant.switch in RETURNED:
            error, description = RETURNED[grant.switch]
            return _back(grant, {"error": error, "error_description": description})
        grant.citizen = citizens().get(str(form.get("citizen")))
        if grant.citizen is None:
            raise web.HTTPBadRequest(text="no such citizen")
        code = secrets.token_urlsafe(32)
        grant.code_at = self._now()
        self._codes[code] = grant
        return _back(grant, {"code": code})

    def _interaction(self, request: web.Request) -> Grant:
        grant = self._interactions.get(request.match_info["id"])
        if grant is None:
            raise web.HTTPNotFound(text="Y000004: no such interaction")
        return grant

    # -- tokens ----------------------------------------------------------------------------

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        client = self._authenticated(request, form)
        if form.get("grant_type") != "authorization_code":
            raise OidcError("unsupported_grant_type", "unsupported grant_type requested")
        grant = self._codes.get(form.get("code", ""))
        if grant is None or grant.client != client:
            raise OidcError("invalid_grant", "grant request is invalid")
        if grant.used:
            if grant.token:
                self._tokens.pop(grant.token, None)
            raise OidcError("invalid_grant", "grant request is invalid")
        grant.used = True
        if self._now() - grant.code_at >= CODE_SECONDS:
            raise OidcError("invalid_grant", "grant request is invalid")
        if form.get("redirect_uri") != grant.params["redirect_uri"]:
            raise OidcError("invalid_grant", "grant request is invalid")
        check_verifier(grant.params, form)
        if grant.switch == "slow":
            await asyncio.sleep(self.slow_seconds)
        grant.token = secrets.token_urlsafe(32)
        grant.token_at = self._now()
        self._tokens[grant.token] = grant
        return web.json_response(
            {
                "access_token": grant.token,
                "expires_in": TOKEN_SECONDS,
                "id_token": self._id_token(grant),
                "scope": " ".join(grant.scopes),
                "token_type": "Bearer",
            },
            headers={"Cache-Control": "no-store"},
        )

    def _authenticated(self, request: web.Request, form: Mapping[str, str]) -> Client:
        refused = OidcError("invalid_client", "client authentication failed", status=401)
        client = self.clients.get(form.get("client_id", ""))
        if client is None or "Authorization" in request.headers:
            raise refused
        if client.token_endpoint_auth_method == "client_secret_post":  # noqa: S105
            if not secrets.compare_digest(form.get("client_secret", ""), client.client_secret):
                raise refused
        elif not self._asserted(client, form):
            raise refused
        return client

    def _asserted(self, client: Client, form: Mapping[str, str]) -> bool:
        if form.get("client_assertion_type") != ASSERTION or client.jwks is None:
            return False
        keys = KeySet.import_key_set({"keys": list(client.jwks["keys"])})
        try:
            claims = jwt.decode(
                form.get("client_assertion", ""), keys, algorithms=["ES256", "RS256"]
            ).claims
        except (JoseError, ValueError):
            return False
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        once = str(claims.get("jti", ""))
        good = (
            claims.get("iss") == claims.get("sub") == client.client_id
            and bool({self.issuer, f"{self.issuer}/token"} & {*audiences})
            and isinstance(claims.get("exp"), int)
            and claims["exp"] > self._now()
            and once != ""
            and once not in self._assertions
        )
        self._assertions.add(once)
        return good

    def _id_token(self, grant: Grant) -> str:
        now = int(self._now())
        token = grant.token or ""
        half = hashlib.sha256(token.encode()).digest()[:16]
        assert grant.citizen is not None
        claims = {
            "iss": self.issuer,
            "sub": self.subject(grant.client, grant.citizen),
            "aud": grant.client.client_id,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "acr": "eidas1",
            "nonce": grant.params["nonce"],
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
        }
        claims |= spoils(now).get(grant.switch, {})
        if grant.switch == "no-at-hash":
            del claims["at_hash"]
        return self._signed(
            grant.client.id_token_signed_response_alg, claims, grant.client,
            forged=grant.switch == "other-key",
        )  # fmt: skip

    def _signed(
        self, algorithm: str, claims: Mapping[str, Any], client: Client, *, forged: bool = False
    ) -> str:
        if algorithm == "HS256":
            key: Any = OctKey.import_key("another secret" if forged else client.client_secret)
            header = {"alg": algorithm}
        else:
            key = self._keys[algorithm]
            header = {"alg": algorithm, "kid": str(key.kid)}
            if forged:
                key = ECKey.generate_key("P-256") if algorithm == "ES256" else (
                    RSAKey.generate_key(2048)
                )  # fmt: skip
        return jwt.encode(header, dict(claims), key, algorithms=[algorithm])

    # -- the person ------------------------------------------------------------------------

    async def _userinfo(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        grant = self._tokens.get(token)
        if scheme != "Bearer" or grant is None or grant.citizen is None:
            raise OidcError("invalid_token", "invalid token provided", status=401)
        if self._now() >= grant.token_at + TOKEN_SECONDS:
            raise OidcError("invalid_token", "invalid token provided", status=401)
        claims = {"sub": self.subject(grant.client, grant.citizen), **claims_of(grant)}
        if grant.switch == "other-subject":
            claims["sub"] = "0" * 64 + "v1"
        algorithm = grant.client.userinfo_signed_response_alg
        if algorithm is None:
            return web.json_response(claims)
        now = int(self._now())
        claims |= {"iss": self.issuer, "aud": grant.client.client_id, "iat": now,
                   "exp": now + TOKEN_SECONDS}  # fmt: skip
        text = self._signed(algorithm, claims, grant.client)
        return web.Response(text=text, content_type="application/jwt")

    async def _jwks(self, _request: web.Request) -> web.Response:
        keys = [key.as_dict(private=False) for key in self._keys.values()]
        return web.json_response({"keys": keys})

    async def _end_session(self, request: web.Request) -> web.Response:
        hint, state = request.query.get("id_token_hint"), request.query.get("state")
        back = request.query.get("post_logout_redirect_uri")
        if not (hint and state and back):
            return _page("Y000400", "id_token_hint, state, post_logout_redirect_uri obligatoires")
        client, claims = self._hinted(hint)
        if client is None:
            return _page("Y030176", "id_token_hint non reconnu")
        if "at_hash" not in claims:
            return _page("Y100019", "id_token_hint sans at_hash")
        if back not in client.post_logout_redirect_uris:
            return _page("Y030118", "post_logout_redirect_uri non déclarée")
        raise web.HTTPSeeOther(f"{back}?{urlencode({'state': state})}")

    def _hinted(self, hint: str) -> tuple[Client | None, Mapping[str, Any]]:
        """Whose token it is; one that has run out is a good hint all the same."""
        keys = KeySet([*self._keys.values()])
        for client in self.clients.values():
            algorithm = client.id_token_signed_response_alg
            key: Any = OctKey.import_key(client.client_secret) if algorithm == "HS256" else keys
            try:
                claims = jwt.decode(hint, key, algorithms=[algorithm]).claims
            except (JoseError, ValueError):
                continue
            if claims.get("aud") == client.client_id:
                return client, claims
        return None, {}

    async def _revoke(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        client = self._authenticated(request, form)
        grant = self._tokens.get(form.get("token", ""))
        if grant is not None and grant.client == client:
            del self._tokens[form["token"]]
        return web.Response()

    def _now(self) -> float:
        return time.time() + self._ahead


@web.middleware
async def _as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        answer: web.StreamResponse = await handler(request)
    except OidcError as error:
        body = {"error": error.error, "error_description": error.description}
        answer = web.json_response(body, status=error.status)
        if error.error == "invalid_token":
            answer.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return answer


def _back(grant: Grant, said: Mapping[str, str]) -> web.Response:
    state = grant.params["state"]
    if grant.switch == "wrong-state":
        state = state[::-1]
    raise web.HTTPSeeOther(f"{grant.params['redirect_uri']}?{urlencode({**said, 'state': state})}")


def _page(code: str, words: str) -> web.Response:
    text = _TEMPLATES.get_template("franceconnect_error.html").render(code=code, words=words)
    return web.Response(text=text, status=400, content_type="text/html")
