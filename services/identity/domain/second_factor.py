"""Codes of an authenticator application (TOTP, RFC 6238), and recovery codes on paper (ID9).

The secret is sealed wherever it is kept; here it is at hand. A code is good for the step of 30
seconds it was made in and the ones beside it, and never again. Recovery codes derive from the
secret and the ``recovery_round``, which rises when its holder asks for new ones: only which of
them have served is kept.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from hashlib import sha256
from typing import Any

import pyotp
from pydantic import BaseModel, ConfigDict

from services.identity.domain.family_keys import key_from, normal_form

STEP_SECONDS = 30
RECOVERY_CODES = 10


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PendingFactor(_Part):
    """A secret shown to its holder, who has not yet given a code made with it."""

    secret: dict[str, Any]
    begun_in: str


class SecondFactor(_Part):
    """A secret in use. ``confirmed_in`` is the login session in which it was proved;
    ``last_step`` the step of the last code accepted; ``recovery_used`` the codes of this round
    that served."""

    secret: dict[str, Any]
    confirmed_at: datetime
    confirmed_in: str
    last_step: int
    recovery_used: tuple[int, ...] = ()
    recovery_round: int = 0


def new_secret() -> str:
    """160 bits of chance, in base 32."""
    return pyotp.random_base32()


def matching_step(secret: str, code: str, now: datetime, after: int) -> int | None:
    """The step that made ``code``, if it is now or beside it and follows ``after``; or None."""
    current = int(now.timestamp()) // STEP_SECONDS
    typed = "".join(code.split())
    makes = pyotp.HOTP(secret)
    found = None
    for step in (current - 1, current, current + 1):
        if hmac.compare_digest(makes.at(step).encode(), typed.encode()) and step > after:
            found = step
    return found


def recovery_codes(secret: str, round_: int) -> list[str]:
    """The codes that stand in for an application that is lost, as printed: 75 bits each."""
    return [
        key_from(hmac.digest(secret.encode(), f"recovery:{round_}:{number}".encode(), sha256))
        for number in range(RECOVERY_CODES)
    ]


def with_new_recovery_codes(factor: SecondFactor) -> SecondFactor:
    """The factor whose recovery codes are others: those before are worth nothing."""
    return factor.model_copy(
        update={"recovery_round": factor.recovery_round + 1, "recovery_used": ()}
    )


def matching_recovery(secret: str, typed: str, factor: SecondFactor) -> int | None:
    """Which recovery code was typed, if it has not served; or None."""
    normal = normal_form(typed)
    if normal is None:
        return None
    found = None
    for number, code in enumerate(recovery_codes(secret, factor.recovery_round)):
        same = hmac.compare_digest(code.replace("-", "").encode(), normal.encode())
        if same and number not in factor.recovery_used:
            found = number
    return found


def provisioning_uri(secret: str, login_name: str, town_name: str) -> str:
    """What an authenticator application reads from a square code."""
    return pyotp.TOTP(secret).provisioning_uri(name=login_name, issuer_name=f"Préau {town_name}")
