"""An OpenID Connect client: the authorization code flow with PKCE, for any provider.

What differs from one provider to the next is its ``Registration``. Source: OpenID Connect Core
1.0 (3.1), RFC 7636, RFC 7523, RP-Initiated Logout 1.0; FranceConnect's own ways (``acr``, signed
userinfo, the hint at logout) are options of these.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey, import_key

from services.identity.settings import Algorithm, Registration
from shared.clock import Clock
from shared.ids import new_id
from shared.outgoing import Outgoing, Reply, Unreachable

_METADATA_FOR = timedelta(hours=1)
_KEYS_FOR = timedelta(hours=1)
_ASSERTION_SECONDS = 60
_LEEWAY_SECONDS = 30
_LONGEST_SUBJECT = 255
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_NEEDED = (
    "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri",
    "end_session_endpoint",
)  # fmt: skip


class OpenIdError(Exception):
    """A login that did not come about.

    ``away``: the provider does not answer, later it may. ``refused``: it does not take the code
    (used, too old). ``untrusted``: what it answered is not what was asked for; ``what`` says
    which check failed, without any value.
    """

    def __init__(self, kind: Literal["away", "refused", "untrusted"], what: str) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what


@dataclass(frozen=True, slots=True)
class Asked:
    """The secrets of one authorization, which its end is checked against."""

    redirect_uri: str
    state: str
    nonce: str
    verifier: str
    scope: str


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Who came back. ``claims`` are userinfo's; the access token may be good for a minute only."""

    subject: str
    claims: Mapping[str, Any]
    access_token: str
    id_token: str


class OpenIdProvider:
    """One registration with one provider; keeps its metadata and keys for a while."""

    def __init__(self, registration: Registration, outgoing: Outgoing, clock: Clock) -> None:
        self.registration = registration
        self._outgoing = outgoing
        self._clock = clock
        self._metadata: tuple[datetime, Mapping[str, str]] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    async def authorization_url(self, asked: Asked) -> str:
        """Where to send the browser. Raises ``OpenIdError`` (away)."""
        endpoint = await self._endpoint("authorization_endpoint")
        digest = hashlib.sha256(asked.verifier.encode()).digest()
        return f"{endpoint}?" + urlencode({
            "response_type": "code",
            "client_id": self.registration.client_id,
            "redirect_uri": asked.redirect_uri,
            "scope": asked.scope,
            "acr_values": self.registration.acr_values,
            "state": asked.state,
            "nonce": asked.nonce,
            "code_challenge": _base64url(digest),
            "code_challenge_method": "S256",
        })  # fmt: skip

    async def redeem(self, code: str, asked: Asked) -> Authenticated:
        """Who the code stands for. Raises ``OpenIdError``; a code is tried once."""
        endpoint = await self._endpoint("token_endpoint")
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": asked.redirect_uri,
            "code_verifier": asked.verifier,
            **self._own_proof(endpoint),
        }
        reply = await self._said(self._outgoing.post(endpoint, form, within=self._within))
        if reply.status != 200:
            raise OpenIdError("away" if reply.status >= 500 else "refused", f"token {reply.status}")
        answer = _object(reply)
        access_token, id_token = answer.get("access_token"), answer.get("id_token")
        if not isinstance(access_token, str) or not isinstance(id_token, str):
            raise OpenIdError("untrusted", "token answer")
        algorithm = self.registration.id_token_signed_response_alg
        claims = await self._verified(id_token, algorithm)
        self._check_id_token(claims, asked.nonce, access_token)
        person = await self._userinfo(access_token)
        if person.get("sub") != claims["sub"]:
            raise OpenIdError("untrusted", "userinfo sub")
        return Authenticated(claims["sub"], person, access_token, id_token)

    async def logout_url(self, id_token: str, state: str) -> str:
        """Where to send the browser to end the provider's session too."""
        endpoint = await self._endpoint("end_session_endpoint")
        return f"{endpoint}?" + urlencode({
            "id_token_hint": id_token,
            "state": state,
            "post_logout_redirect_uri": self.registration.post_logout_redirect_uri,
        })  # fmt: skip

    # -- inside ----------------------------------------------------------------------------

    @property
    def _within(self) -> float:
        return self.registration.timeout_seconds

    def _own_proof(self, endpoint: str) -> dict[str, str]:
        mine = self.registration
        proof = {"client_id": mine.client_id}
        if mine.private_jwk is None or mine.token_endpoint_auth_method == "client_secret_post":  # noqa: S105 - a method
            return {**proof, "client_secret": self._secret()}
        key = import_key(mine.private_jwk)
        algorithm = "ES256" if key.key_type == "EC" else "RS256"
        now = int(self._clock.machine().timestamp())
        claims = {
            "iss": mine.client_id, "sub": mine.client_id, "aud": endpoint, "jti": new_id(),
            "iat": now, "exp": now + _ASSERTION_SECONDS,
        }  # fmt: skip
        header = {"alg": algorithm, **({"kid": key.kid} if key.kid else {})}
        assertion = jwt.encode(header, claims, key, algorithms=[algorithm])
        return {**proof, "client_assertion_type": _ASSERTION, "client_assertion": assertion}

    def _secret(self) -> str:
        secret = self.registration.client_secret
        return secret.get_secret_value() if secret else ""

    async def _userinfo(self, access_token: str) -> Mapping[str, Any]:
        endpoint = await self._endpoint("userinfo_endpoint")
        headers = {"Authorization": f"Bearer {access_token}"}
        reply = await self._said(self._outgoing.get(endpoint, within=self._within, headers=headers))
        if reply.status != 200:
            raise OpenIdError("away" if reply.status >= 500 else "refused", "userinfo")
        algorithm = self.registration.userinfo_signed_response_alg
        if algorithm is None:
            return _object(reply)
        if reply.content_type != "application/jwt":
            raise OpenIdError("untrusted", "userinfo unsigned")
        claims = await self._verified(reply.body.decode("ascii", "replace"), algorithm)
        self._check_origin(claims, "userinfo")
        return claims

    async def _verified(self, token: str, algorithm: Algorithm) -> dict[str, Any]:
        """The claims of a token signed with ``algorithm``; new keys are looked for once."""
        if algorithm == "HS256":
            known: OctKey | KeySet = OctKey.import_key(self._secret())
            again = False
        else:
            known = await self._key_set()
            again = True
        try:
            return jwt.decode(token, known, algorithms=[algorithm]).claims
        except (JoseError, ValueError) as error:
            if not again:
                raise OpenIdError("untrusted", "signature") from error
        try:
            return jwt.decode(token, await self._new_keys(), algorithms=[algorithm]).claims
        except (JoseError, ValueError) as error:
            raise OpenIdError("untrusted", "signature") from error

    def _check_id_token(self, claims: Mapping[str, Any], nonce: str, access_token: str) -> None:
        self._check_origin(claims, "id_token")
        now = self._clock.machine().timestamp()
        issued, expires = claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int | float) or not isinstance(expires, int | float):
            raise OpenIdError("untrusted", "id_token times")
        if now >= expires + _LEEWAY_SECONDS or issued > now + _LEEWAY_SECONDS:
            raise OpenIdError("untrusted", "id_token times")
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        subject = claims.get("sub")
        for what, good in (
            ("nonce", claims.get("nonce") == nonce),
            ("acr", claims.get("acr") in self.registration.acr_values.split()),
            ("at_hash", claims.get("at_hash", _base64url(half)) == _base64url(half)),
            ("sub", isinstance(subject, str) and 0 < len(subject) <= _LONGEST_SUBJECT),
        ):
            if not good:
                raise OpenIdError("untrusted", f"id_token {what}")

    def _check_origin(self, claims: Mapping[str, Any], what: str) -> None:
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != self.registration.issuer:
            raise OpenIdError("untrusted", f"{what} iss")
        if audiences != [self.registration.client_id]:
            raise OpenIdError("untrusted", f"{what} aud")

    async def _endpoint(self, name: str) -> str:
        now = self._clock.machine()
        if self._metadata is None or now - self._metadata[0] >= _METADATA_FOR:
            try:
                self._metadata = (now, await self._discovered())
            except OpenIdError:
                if self._metadata is None:
                    raise
        return self._metadata[1][name]

    async def _discovered(self) -> Mapping[str, str]:
        issuer = self.registration.issuer
        reply = await self._said(
            self._outgoing.get(f"{issuer}/.well-known/openid-configuration", within=self._within)
        )
        if reply.status != 200:
            raise OpenIdError("away", "discovery")
        found = _object(reply)
        if found.get("issuer") != issuer:
            raise OpenIdError("untrusted", "discovery issuer")
        scheme = issuer.partition("://")[0]
        for name in _NEEDED:
            if not str(found.get(name, "")).startswith(f"{scheme}://"):
                raise OpenIdError("untrusted", f"discovery {name}")
        return {name: str(found[name]) for name in _NEEDED}

    async def _key_set(self) -> KeySet:
        if self._keys is not None and self._clock.machine() - self._keys[0] < _KEYS_FOR:
            return self._keys[1]
        return await self._new_keys()

    async def _new_keys(self) -> KeySet:
        reply = await self._said(
            self._outgoing.get(await self._endpoint("jwks_uri"), within=self._within)
        )
        if reply.status != 200:
            raise OpenIdError("away", "keys")
        try:
            keys = KeySet.import_key_set({"keys": _object(reply)["keys"]})
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise OpenIdError("untrusted", "keys") from error
        self._keys = (self._clock.machine(), keys)
        return keys

    async def _said(self, request: Any) -> Reply:
        try:
            reply: Reply = await request
        except Unreachable as error:
            raise OpenIdError("away", "no answer") from error
        return reply


def _object(reply: Reply) -> dict[str, Any]:
    try:
        found = reply.json()
    except Unreachable as error:
        raise OpenIdError("away", "not JSON") from error
    if not isinstance(found, dict):
        raise OpenIdError("away", "not an object")
    return found


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
