"""Access tokens: who is asking, for which town, with which rights; verified here and only here.

Tokens are EdDSA-signed JWTs of at most five minutes. Identity says its public keys as an event;
every service keeps them like any other copy and hands them to a ``Keyring``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from shared.clock import Clock
from shared.errors import Refused, forbidden
from shared.roles import BOUND_TO_SITES

ACCESS_TOKEN_SECONDS = 300
ISSUER = "preau"
_ALGORITHM = "Ed25519"  # EdDSA, by the fully specified name of RFC 9864
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class FamilyRight:
    """The bearer is this guardian of this family."""

    family: str
    guardian: str


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whoever holds a valid access token. ``expires`` is seconds since 1970; ``sites`` are those
    to which roles of ``BOUND_TO_SITES`` are limited. ``shared``: on a tablet that others use too,
    which gives roles and nothing of the account's own."""

    account: str
    town: str
    login_session: str
    families: tuple[FamilyRight, ...]
    roles: frozenset[str]
    expires: int
    sites: frozenset[str] = frozenset()
    shared: bool = False


@dataclass(frozen=True, slots=True)
class FamilyScope:
    """What a guardian may reach: these families of this town."""

    town: str
    account: str
    families: tuple[FamilyRight, ...]

    def query(self) -> dict[str, Any]:
        """The condition every query for family data carries."""
        return {"town": self.town, "family": {"$in": [right.family for right in self.families]}}

    def guardian_of(self, family: str) -> str:
        """Which guardian the bearer is in ``family``; refused when it is not theirs."""
        for right in self.families:
            if right.family == family:
                return right.guardian
        raise forbidden("Cette famille n'est pas rattachée à votre compte.")


@dataclass(frozen=True, slots=True)
class AgentScope:
    """What an agent may reach, by role: the whole town, or the sites it is bound to.

    ``sites`` is None for the whole town. Bound to sites, the scope has no query until the service
    says by which condition its documents are ``at`` those sites: nothing is reached by default.
    """

    town: str
    account: str
    roles: frozenset[str]
    sites: frozenset[str] | None = None
    condition: Mapping[str, Any] | None = None

    def at(self, condition: Mapping[str, Any]) -> AgentScope:
        """The scope over the documents that match ``condition``."""
        return replace(self, condition=condition)

    def query(self) -> dict[str, Any]:
        """The condition every query for family data carries."""
        if self.sites is not None and self.condition is None:
            raise forbidden("Votre rôle est limité à vos sites.")
        return {"town": self.town, **(self.condition or {})}


Scope = FamilyScope | AgentScope


@dataclass(frozen=True, slots=True)
class Access:
    """Who may call a route: anybody, any account of the town, guardians, or agents by role."""

    public: bool = False
    account: bool = False
    family: bool = False
    roles: frozenset[str] = frozenset()

    def scope(self, bearer: Bearer) -> Scope:
        """The scope under which the bearer acts here. Raises ``Refused`` (403)."""
        if roles := self.roles & bearer.roles:
            sites = bearer.sites if roles <= BOUND_TO_SITES else None
            return AgentScope(bearer.town, bearer.account, roles, sites)
        if bearer.shared:
            raise forbidden("Une tablette partagée ne donne pas accès à votre compte.")
        if self.account or (self.family and bearer.families):
            return FamilyScope(bearer.town, bearer.account, bearer.families)
        if self.family:
            raise forbidden("Rattachez d'abord votre compte à votre famille (Mes abonnements).")
        raise forbidden()


PUBLIC = Access(public=True)
ACCOUNT = Access(account=True)
FAMILY = Access(family=True)


def agents(*roles: str) -> Access:
    """Agents who hold one of these roles."""
    return Access(roles=frozenset(roles))


def either(*accesses: Access) -> Access:
    """Whoever one of these lets in; an agent's scope goes before a family's."""
    return Access(
        account=any(access.account for access in accesses),
        family=any(access.family for access in accesses),
        roles=frozenset().union(*(access.roles for access in accesses)),
    )


def _unauthenticated(code: str, detail: str) -> Refused:
    return Refused(code, detail, status=401)


class Keyring:
    """Verifies tokens with the public keys heard so far."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: KeySet | None = None
        self._known: dict[str, Bearer] = {}

    def learn(self, public_jwks: Mapping[str, Any]) -> None:
        """Replace the keys; tokens of a key no longer listed are refused from now on."""
        self._keys = KeySet.import_key_set({"keys": list(public_jwks["keys"])})
        self._known.clear()

    def verify(self, token: str) -> Bearer:
        """The bearer of a token. Raises ``Refused`` (401, or 503 before any key is known)."""
        bearer = self._known.get(token)
        if bearer is None:
            bearer = self._check(token)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[token] = bearer
        if bearer.expires <= self._clock.machine().timestamp():
            raise _unauthenticated("token-expired", "Votre connexion a expiré. Reconnectez-vous.")
        return bearer

    def _check(self, token: str) -> Bearer:
        if self._keys is None:
            raise Refused(
                "keys-unknown", "Service en cours de démarrage. Réessayez dans un instant.",
                status=503, retry_after=2,
            )  # fmt: skip
        try:
            claims = jwt.decode(token, self._keys, algorithms=[_ALGORITHM]).claims
            if claims["iss"] != ISSUER or claims["exp"] - claims["iat"] > ACCESS_TOKEN_SECONDS:
                raise ValueError("not an access token")
            return Bearer(
                account=str(claims["sub"]),
                town=str(claims["town"]),
                login_session=str(claims["sid"]),
                families=tuple(FamilyRight(*pair) for pair in claims["families"]),
                roles=frozenset(claims["roles"]),
                expires=int(claims["exp"]),
                sites=frozenset(claims.get("sites", ())),
                shared=claims.get("shared", False) is True,
            )
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise _unauthenticated(
                "token-invalid", "Connexion non reconnue. Reconnectez-vous."
            ) from error


class Signer:
    """Signs access tokens; identity alone holds one.

    ``private_jwks`` is a JSON Web Key Set of Ed25519 keys, each with a ``kid``: the first signs,
    the others are still published so that tokens they signed stay valid.
    """

    def __init__(self, private_jwks: str | bytes) -> None:
        keys = orjson.loads(private_jwks)["keys"]
        self._keys = [OKPKey.import_key(key) for key in keys]

    def public_jwks(self) -> dict[str, Any]:
        """What may be shown to all."""
        return {"keys": [key.as_dict(private=False) for key in self._keys]}

    def sign(self, bearer: Bearer, issued: datetime) -> str:
        """The same bearer and instant give the same token (EdDSA is deterministic)."""
        key = self._keys[0]
        claims = {
            "iss": ISSUER,
            "sub": bearer.account,
            "town": bearer.town,
            "sid": bearer.login_session,
            "families": [[right.family, right.guardian] for right in bearer.families],
            "roles": sorted(bearer.roles),
            "sites": sorted(bearer.sites),
            "iat": int(issued.timestamp()),
            "exp": bearer.expires,
            **({"shared": True} if bearer.shared else {}),
        }
        return jwt.encode({"alg": _ALGORITHM, "kid": key.kid}, claims, key, algorithms=[_ALGORITHM])


def new_private_jwks(kids: Iterable[str]) -> str:
    """Fresh signing keys, one per ``kid``, as the JSON that ``Signer`` takes."""
    keys = [OKPKey.generate_key("Ed25519", {"kid": kid}, private=True) for kid in kids]
    return orjson.dumps({"keys": [key.as_dict(private=True) for key in keys]}).decode()
