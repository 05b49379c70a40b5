"""How many wrong guesses are let through, and how long the next one waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.errors import Refused


@dataclass(frozen=True, slots=True)
class Policy:
    """``free`` attempts at once, then a wait that doubles from ``first`` up to ``longest``."""

    name: str
    free: int
    first: timedelta
    longest: timedelta


@dataclass(frozen=True, slots=True)
class Attempts:
    """``count`` attempts that have not been forgiven; none is heard before ``until``, if any."""

    count: int
    until: datetime | None


#: Attempts are forgotten this long after the last one.
FORGOTTEN_AFTER = timedelta(hours=24)

LOGIN_BY_ACCOUNT = Policy("login", 5, timedelta(seconds=2), timedelta(minutes=5))
LOGIN_BY_ADDRESS = Policy("login-address", 40, timedelta(seconds=2), timedelta(minutes=5))
CODE_BY_ACCOUNT = Policy("code", 5, timedelta(seconds=10), timedelta(hours=1))
PIN_BY_ACCOUNT = Policy("pin", 5, timedelta(seconds=30), timedelta(hours=1))
PIN_BY_TABLET = Policy("pin-tablet", 20, timedelta(seconds=30), timedelta(hours=1))
KEY_BY_ACCOUNT = Policy("key", 5, timedelta(seconds=5), timedelta(hours=1))
KEY_BY_ADDRESS = Policy("key-address", 20, timedelta(seconds=5), timedelta(hours=1))
SIGN_UP_BY_EMAIL = Policy("sign-up", 6, timedelta(minutes=1), timedelta(hours=1))
MAIL_BY_ACCOUNT = Policy("mail", 3, timedelta(minutes=1), timedelta(hours=1))


def admit(policy: Policy, before: Attempts | None, now: datetime) -> Attempts:
    """The attempts with one more. Refused (429) while the wait lasts."""
    if before is not None and before.until is not None and now < before.until:
        wait = int((before.until - now).total_seconds()) + 1
        raise Refused(
            "too-many-attempts",
            f"Trop de tentatives. Réessayez dans {_duration(wait)}.",
            status=429,
            retry_after=wait,
        )
    count = (before.count if before else 0) + 1
    wait_for = wait_after(policy, count)
    return Attempts(count, now + wait_for if wait_for else None)


def wait_after(policy: Policy, count: int) -> timedelta:
    """How long the attempt after number ``count`` waits."""
    if count < policy.free:
        return timedelta()
    factor: int = 2 ** min(count - policy.free, 30)
    return min(policy.first * factor, policy.longest)


def _duration(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{-(-seconds // 60)} min"
