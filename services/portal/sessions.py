"""Login sessions as sealed cookies, and the tokens of forms.

Two cookies, both ``__Host-`` (the browser keeps them for this host alone, over HTTPS or on
localhost), both out of reach of scripts (a third is kept by who goes to FranceConnect, ``trips``):

- one per town holds the tokens of the API, sealed: nothing is kept here, any replica opens it;
- one names the visit, by chance, and begins anew at each login: forms carry a token made from it,
  which no other site can read or guess.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

VISIT_COOKIE = "__Host-preau-visit"
#: The code of the language that was chosen, nothing else.
LANGUAGE_COOKIE = "__Host-preau-language"
#: Seconds: as long as a login session of the API may last unused.
_LONGEST = 30 * 86400


@dataclass(frozen=True)
class Session:
    """What a logged-in browser holds. ``expires_at`` is the access token's."""

    town: str
    access_token: str
    refresh_token: str
    expires_at: datetime
    #: The first name of who is logged in, once it was asked for.
    name: str = ""

    @staticmethod
    def of(town: str, tokens: dict[str, Any], name: str = "") -> Session:
        """From what the API answers to a login, a refresh or a change of town."""
        return Session(
            town,
            tokens["access_token"],
            tokens["refresh_token"],
            datetime.fromisoformat(tokens["expires_at"]),
            name,
        )


def session_cookie(town: str) -> str:
    """The cookie's name: one login session per town."""
    return f"__Host-preau-{town}"


def new_visit() -> str:
    """A visit's name."""
    return secrets.token_urlsafe(18)


def set_cookie(answer: web.Response, name: str, value: str, *, max_age: int | None = None) -> None:
    """For this host alone, out of reach of scripts, sent along by links that lead here."""
    answer.set_cookie(
        name, value, path="/", secure=True, httponly=True, samesite="Lax", max_age=max_age
    )


def drop_cookie(answer: web.Response, name: str) -> None:
    """Take a cookie away."""
    answer.del_cookie(name, path="/", secure=True, httponly=True, samesite="Lax")


class Seals:
    """Seals sessions and makes forms' tokens."""

    def __init__(self, keys: list[str]) -> None:
        """``keys`` are Fernet's; the first seals, all open."""
        self._box = MultiFernet([Fernet(key) for key in keys])
        self._secret = hashlib.sha256(f"forms {keys[0]}".encode()).digest()
        self._keys = keys

    def seal(self, session: Session) -> str:
        """The cookie's value."""
        parts = [
            session.town, session.access_token, session.refresh_token, session.expires_at,
            session.name,
        ]  # fmt: skip
        return self._box.encrypt(orjson.dumps(parts)).decode()

    def open(self, town: str, sealed: str | None) -> Session | None:
        """The session of this town; nothing where the cookie is absent, old or not ours."""
        if not sealed:
            return None
        try:
            parts = orjson.loads(self._box.decrypt(sealed, ttl=_LONGEST))
        except InvalidToken:
            return None
        session = Session(
            parts[0], parts[1], parts[2], datetime.fromisoformat(parts[3]), *parts[4:]
        )
        return session if session.town == town else None

    def wrap(self, purpose: str, value: Any) -> str:
        """A cookie's value that is opened for this purpose only."""
        return self._box_for(purpose).encrypt(orjson.dumps(value)).decode()

    def unwrap(self, purpose: str, sealed: str | None, seconds: int) -> Any:
        """What was sealed for this purpose, so many seconds ago at most; nothing else."""
        try:
            return orjson.loads(
                self._box_for(purpose).decrypt((sealed or "").encode(), ttl=seconds)
            )
        except InvalidToken:
            return None

    def _box_for(self, purpose: str) -> MultiFernet:
        """Keys of its own, so that no cookie passes for another."""
        made = [hashlib.sha256(f"{purpose} {key}".encode()).digest() for key in self._keys]
        return MultiFernet([Fernet(base64.urlsafe_b64encode(one)) for one in made])

    def form_token(self, visit: str) -> str:
        """What a form of this visit carries: another one each time, so that a compressed page
        tells nothing of it."""
        nonce = secrets.token_urlsafe(9)
        return f"{nonce}.{self._sign(visit, nonce)}"

    def is_form_of(self, visit: str | None, token: str) -> bool:
        """Whether a form was shown to this visit."""
        nonce, _, sign = token.partition(".")
        return visit is not None and hmac.compare_digest(self._sign(visit, nonce), sign)

    def _sign(self, visit: str, nonce: str) -> str:
        return hmac.new(self._secret, f"{visit}.{nonce}".encode(), hashlib.sha256).hexdigest()
