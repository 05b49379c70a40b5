"""Login sessions: when a refresh token gives a new pair, the same pair again, or ends it all."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.errors import Refused

#: A refresh token used again within this time gives the pair it gave (two tabs, a lost answer).
SAME_PAIR_FOR = timedelta(seconds=30)
IDLE = timedelta(days=7)
LONGEST = timedelta(days=30)
#: Pairs kept to be given again; more refreshes than this in 30 s are no browser's.
PAIRS_KEPT = 6


class Pair(BaseModel):
    """What one access and one refresh token were made from: signing it again gives the same.

    ``until``: when the roles end, if they do; no token of theirs lives longer."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    generation: int
    issued_at: datetime
    families: tuple[tuple[str, str], ...]
    roles: tuple[str, ...]
    sites: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()
    until: datetime | None = None


class LoginSession(BaseModel):
    """One browser's login to one town; ``epoch`` is the account's when it logged in.

    ``authenticated_at``: when a secret was last typed for it, in this town or in the one that its
    holder came from. ``strong``: with a second factor. ``tablet``: the shared one that was
    unlocked. ``device`` is what ``domain.devices`` makes of the browser's own words.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    town: str
    account: str
    epoch: int
    key: str
    created_at: datetime
    authenticated_at: datetime
    device: str
    strong: bool = False
    tablet: str | None = None
    expires_at: datetime
    generation: int
    pairs: tuple[Pair, ...]
    ended: Literal["logout", "reuse", "revoked"] | None = None

    def alive(self, epoch: int, survivor: str | None, now: datetime) -> bool:
        """Whether it still gives tokens, of an account at ``epoch``."""
        current = self.epoch == epoch or self.id == survivor
        return current and self.ended is None and now < self.expires_at

    def pair(self, generation: int) -> Pair | None:
        """The pair of that generation, while it is kept."""
        return next((pair for pair in self.pairs if pair.generation == generation), None)


def not_recognised() -> Refused:
    """One answer for every refresh token that gives nothing."""
    return Refused(
        "login-session-ended", "Votre connexion est terminée. Reconnectez-vous.", status=401
    )


def on_refresh(
    session: LoginSession, generation: int, now: datetime
) -> Pair | Literal["rotate", "end"]:
    """What a refresh token of ``generation`` gives: a pair given before, a new one, or the end."""
    if generation == session.generation:
        return "rotate"
    given = session.pair(generation + 1)
    if given is not None and now - given.issued_at <= SAME_PAIR_FOR:
        return given
    return "end"


def expiry(authenticated_at: datetime, now: datetime) -> datetime:
    """When a session used now runs out."""
    return min(authenticated_at + LONGEST, now + IDLE)
