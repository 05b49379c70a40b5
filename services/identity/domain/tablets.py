"""Tablets that animators share at a site (ID9): registered by an administrator, unlocked by each
with a PIN of their own, for a short time and for the animator's role at that site alone.

The tablet is one factor (its secret never leaves it), the PIN the other. A PIN opens nothing
without a tablet.
"""

from __future__ import annotations

from collections.abc import Set
from datetime import date, datetime, timedelta
from itertools import pairwise

from pydantic import BaseModel, ConfigDict

from services.identity.domain.accounts import Account, Changed
from services.identity.domain.agents import Rights, roles_on
from shared.errors import Refused
from shared.roles import Role

#: What an unlocked tablet may be used as.
ROLE: Role = "animator"
#: A tablet that lies about locks itself; a working half-day is not one session.
IDLE = timedelta(minutes=15)
LONGEST = timedelta(hours=2)
_FEWEST_DIGITS = 3


class Tablet(BaseModel):
    """One registered tablet; its secret is known by its hash only."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    town: str
    name: str
    site: str
    secret: str
    registered_by: str
    registered_at: datetime
    revoked_at: datetime | None = None


def check_site(site: str, sites: Set[str]) -> None:
    """Refuse a site that the town's file does not name."""
    if site not in sites:
        raise Refused(
            "site-unknown", f"Site inconnu dans le fichier de la commune : {site}.", status=422,
            field="/site",
        )  # fmt: skip


def check_pin(pin: str) -> None:
    """Refuse a PIN that is guessed first: a digit or two repeated, a run up or down."""
    steps = {int(after) - int(before) for before, after in pairwise(pin)}
    if len(set(pin)) < _FEWEST_DIGITS or steps in ({1}, {-1}):
        raise Refused(
            "pin-too-easy",
            "Ce code est trop facile à deviner : évitez les chiffres répétés et les suites.",
            status=422, field="/pin",
        )  # fmt: skip


def with_pin(account: Account, town: str, pin: str, today: date) -> Changed:
    """The account with another PIN (its hash). Refused to who is no animator of the town."""
    if ROLE not in roles_on(account.membership(town), today):
        raise Refused(
            "not-an-animator", "Le code de tablette est réservé aux animateurs.", status=403
        )
    return Changed(account.model_copy(update={"tablet_pin": pin}), ())


def may_unlock(account: Account, tablet: Tablet, today: date) -> bool:
    """Whether the account is an animator of the tablet's site, that day."""
    membership = account.membership(tablet.town)
    return (
        membership is not None
        and ROLE in roles_on(membership, today)
        and tablet.site in membership.sites
    )


def limited(rights: Rights, tablet: Tablet) -> Rights:
    """Those of the rights that the tablet gives. The second factor, where the town wants one of
    animators, is the tablet itself."""
    here = tablet.site in rights.sites and ROLE in rights.roles
    return Rights((ROLE,), (tablet.site,), ()) if here else Rights((), (), ())


def expiry(authenticated_at: datetime, now: datetime) -> datetime:
    """When a session on a tablet, used now, runs out."""
    return min(authenticated_at + LONGEST, now + IDLE)
