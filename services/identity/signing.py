"""The signing keys in use, and the secrets derived from them.

Besides signing access tokens, a key gives secrets that must outlive a process but need not be
kept anywhere: the seal of a refresh token, the chance in a family key, the seal of a request's
body. Each is bound to the key's id, so that keys may be rotated; what a withdrawn key sealed is
no longer recognised.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any

import orjson

from shared.auth import Bearer, Signer
from shared.errors import Refused


class SigningKeys:
    """Holds nothing until ``load``: the keys may have to be read from the store first."""

    def __init__(self) -> None:
        self._signer: Signer | None = None
        self._secrets: dict[str, bytes] = {}

    def load(self, private_jwks: str) -> None:
        """Use these keys. Raises ``ValueError`` when they are not private Ed25519 keys."""
        self._secrets = _secrets(private_jwks)
        self._signer = Signer(private_jwks)

    @property
    def current(self) -> str:
        """The id of the key that signs."""
        self._ready()
        return next(iter(self._secrets))

    @property
    def known(self) -> tuple[str, ...]:
        """The ids of every key, the current one first."""
        self._ready()
        return tuple(self._secrets)

    def public_jwks(self) -> dict[str, Any]:
        """What may be shown to all."""
        return self._ready().public_jwks()

    def sign(self, bearer: Bearer, issued: datetime) -> str:
        """An access token; the same bearer and instant give the same token."""
        return self._ready().sign(bearer, issued)

    def seal(self, key: str, *parts: str) -> bytes | None:
        """32 bytes that only a holder of ``key`` can make of ``parts``; None for a lost key."""
        self._ready()
        secret = self._secrets.get(key)
        if secret is None:
            return None
        return hmac.digest(secret, "\x1f".join(parts).encode(), hashlib.sha256)

    def _ready(self) -> Signer:
        if self._signer is None:
            raise Refused(
                "keys-unknown", "Service en cours de démarrage. Réessayez dans un instant.",
                status=503, retry_after=2,
            )  # fmt: skip
        return self._signer


def _secrets(private_jwks: str) -> dict[str, bytes]:
    try:
        keys = orjson.loads(private_jwks)["keys"]
        secrets = {str(key["kid"]): _derived(key) for key in keys}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError("PREAU_SIGNING_KEYS is not a private JSON Web Key Set") from error
    if not keys or len(secrets) != len(keys):
        raise ValueError("PREAU_SIGNING_KEYS needs at least one key, each with its own kid")
    return secrets


def _derived(key: dict[str, str]) -> bytes:
    if key["crv"] != "Ed25519":
        raise ValueError("not an Ed25519 key")
    private = base64.urlsafe_b64decode(key["d"] + "==")
    return hmac.digest(private, b"preau identity secrets", hashlib.sha256)
