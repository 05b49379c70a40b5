"""What FranceConnect v2 requires and refuses, and what it says of a person.

Source: ``france-connect/sources`` (core-fcp-low): the parameters of ``authorize``, the scopes and
their claims, the times that things last.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deploy.simulators.sandbox import Citizen

CODE_SECONDS = 30
TOKEN_SECONDS = 60
INTERACTION_SECONDS = 30 * 60
SHORTEST_NONCE = 22
MOST_IN_A_LIST = 64
ALGORITHMS = ("ES256", "RS256", "HS256")
_REQUIRED = (
    "client_id", "scope", "response_type", "redirect_uri", "acr_values", "state", "nonce",
)  # fmt: skip
_PROMPTS = {"login", "consent"}
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PIVOT = ("given_name", "given_name_array", "family_name", "birthdate", "gender", "birthplace",
          "birthcountry")  # fmt: skip
PROFILE = ("given_name", "given_name_array", "family_name", "birthdate", "gender",
            "preferred_username")  # fmt: skip
#: Scope -> claims. The data providers' scopes give no claim: they open API Particulier.
SCOPES: Mapping[str, tuple[str, ...]] = {
    "openid": (),
    "identite_pivot": PIVOT,
    "profile": PROFILE,
    "birth": ("birthplace", "birthcountry"),
    "given_name": ("given_name", "given_name_array"),
    "idp_birthdate": ("idp_birthdate",),
    **{name: (name,) for name in ("gender", "birthdate", "birthplace", "birthcountry",
       "family_name", "email", "preferred_username")},
    **{f"cnaf_{name}": () for name in ("quotient_familial", "allocataires", "enfants", "adresse")},
}  # fmt: skip
#: Switches that come back on the redirect URI: what is said there.
RETURNED: Mapping[str, tuple[str, str]] = {
    "cancel": ("access_denied", "User auth aborted"),
    "not-in-rnipp": ("access_denied", "user authentication aborted"),
    "server-error": ("server_error", "something bad happened"),
    "unavailable": ("temporarily_unavailable", "the server is overloaded"),
    "login-required": ("login_required", "End-User authentication is required"),
}
#: Switches that spoil what is issued later: no honest server does this.
SPOILED = (
    "wrong-state", "slow", "other-nonce", "other-audience", "other-issuer", "other-subject",
    "other-key", "lower-acr", "expired", "no-at-hash", "no-email",
)  # fmt: skip


@dataclass(frozen=True)
class Client:
    """A service provider as registered. ``jwks`` verifies its assertions (private_key_jwt)."""

    client_id: str
    client_secret: str
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...] = ()
    token_endpoint_auth_method: str = "client_secret_post"  # noqa: S105 - the name of a method
    id_token_signed_response_alg: str = "ES256"  # noqa: S105 - an algorithm
    userinfo_signed_response_alg: str | None = "ES256"
    scopes: frozenset[str] = frozenset(SCOPES)
    jwks: Mapping[str, Any] | None = None
    provider: str = "preau"


@dataclass
class Grant:
    """From the request to the tokens."""

    client: Client
    params: Mapping[str, str]
    asked_at: float
    citizen: Citizen | None = None
    switch: str = ""
    code_at: float = 0
    used: bool = False
    token: str | None = None
    token_at: float = 0

    @property
    def scopes(self) -> list[str]:
        return [one for one in self.params["scope"].split() if one in self.client.scopes]


class OidcError(Exception):
    """What an endpoint answers as JSON, or an authorization says on the redirect URI."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.description, self.status = error, description, status


def shape_problem(params: Mapping[str, str]) -> str | None:
    """What the server says on a page of its own, without going back."""
    for name in _REQUIRED:
        if not params.get(name):
            return f"{name} obligatoire"
    if len(params["nonce"]) < SHORTEST_NONCE:
        return f"nonce : {SHORTEST_NONCE} caractères au moins"
    for name in ("scope", "acr_values", "prompt"):
        if len(params.get(name, "").split()) > MOST_IN_A_LIST:
            return f"{name} : {MOST_IN_A_LIST} valeurs au plus"
    if not set(params.get("prompt", "").split()) <= _PROMPTS:
        return "prompt : login ou consent"
    return None


def check_request(client: Client, params: Mapping[str, str]) -> None:
    """What the server says on the redirect URI. Raises ``OidcError``."""
    scopes = params["scope"].split()
    if params["response_type"] != "code":
        raise OidcError("unsupported_response_type", "unsupported response_type requested")
    if "openid" not in scopes:
        raise OidcError("invalid_request", "openid scope must be requested")
    if not set(scopes) <= client.scopes:
        raise OidcError("invalid_scope", "requested scope is not allowed")
    if "eidas1" not in params["acr_values"].split():
        raise OidcError("invalid_request", "acr_value is not valid, should be equal to eidas1")
    if "code_challenge" in params and params.get("code_challenge_method") != "S256":
        raise OidcError("invalid_request", "not supported value of code_challenge_method")


def check_verifier(params: Mapping[str, str], form: Mapping[str, str]) -> None:
    """RFC 7636. Raises ``OidcError``."""
    challenge = params.get("code_challenge")
    if challenge is None:
        return
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != challenge:
        raise OidcError("invalid_grant", "grant request is invalid")


def claims_of(grant: Grant) -> dict[str, Any]:
    """The claims that the granted scopes open."""
    citizen = grant.citizen
    assert citizen is not None
    known = {
        "given_name": " ".join(citizen.given_names),
        "given_name_array": list(citizen.given_names),
        "family_name": citizen.family_name.upper(),
        "birthdate": citizen.birthdate,
        "idp_birthdate": citizen.birthdate,
        "gender": citizen.gender,
        "birthplace": citizen.birthplace,
        "birthcountry": citizen.birthcountry,
        "preferred_username": citizen.preferred_username,
        "email": None if grant.switch == "no-email" else citizen.email,
    }
    wanted = {claim for scope in grant.scopes for claim in SCOPES[scope]}
    return {name: known[name] for name in sorted(wanted) if known[name] is not None}


def spoils(now: int) -> dict[str, dict[str, Any]]:
    """The claims of an id_token that each switch spoils."""
    return {
        "other-nonce": {"nonce": "0" * SHORTEST_NONCE},
        "other-audience": {"aud": "somebody-else"},
        "other-issuer": {"iss": "https://elsewhere.example/api/v2"},
        "lower-acr": {"acr": "eidas0"},
        "expired": {"iat": now - 600, "exp": now - 540},
    }
