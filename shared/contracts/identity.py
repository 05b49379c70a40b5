"""What identity says."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from shared.contracts.town_file import TownFile
from shared.events import Event


class KeysRotated(Event, service="identity", name="keys-rotated", kind="state"):
    """The public keys that verify access tokens, as a JSON Web Key Set."""

    jwks: dict[str, Any]


class TownChanged(Event, service="identity", name="town-changed", kind="state"):
    """A town's file as saved; ``version`` rises by one at each change."""

    version: int
    file: TownFile


class AccountFamily(BaseModel):
    """Which guardian of a family the account is."""

    model_config = ConfigDict(frozen=True)

    family: str
    guardian: str


class AccountChanged(Event, service="identity", name="account-changed", kind="state"):
    """How to write to an adult, and which families of ``town`` are theirs. Once per town."""

    account: str
    town: str
    email: str
    first_name: str
    last_name: str
    active: bool
    families: tuple[AccountFamily, ...]


class ActivationRequested(Event, service="identity", name="activation-requested", kind="fact"):
    """An account waits for its holder to follow the link; ``token`` works once."""

    account: str
    town: str
    email: str
    first_name: str
    token: str


class GuardianInvited(Event, service="identity", name="guardian-invited", kind="fact"):
    """The town asks a guardian of ``family`` to open an account; ``token`` works once, until
    ``expires_at``."""

    invitation: str
    town: str
    family: str | None = None
    email: str
    first_name: str
    expires_at: datetime
    token: str


class AgentInvited(Event, service="identity", name="agent-invited", kind="fact"):
    """An agent is to choose a password; ``token`` works once."""

    account: str
    town: str
    email: str
    first_name: str
    login_name: str
    token: str


class PasswordResetRequested(
    Event, service="identity", name="password-reset-requested", kind="fact"
):
    """Somebody who knows the address asked for a new password; ``token`` works once."""

    account: str
    town: str
    email: str
    first_name: str
    login_name: str
    token: str


class EmailChangeRequested(Event, service="identity", name="email-change-requested", kind="fact"):
    """A new address waits to be confirmed there; ``token`` works once."""

    account: str
    town: str
    new_email: str
    first_name: str
    token: str


class EmailChanged(Event, service="identity", name="email-changed", kind="fact"):
    """The account is written to elsewhere from now on; until then it was at ``old_email``."""

    account: str
    town: str
    old_email: str
    first_name: str


class LoginMeanChanged(Event, service="identity", name="login-mean-changed", kind="fact"):
    """The account is opened by that provider too from now on, or by it no longer."""

    account: str
    town: str
    email: str
    first_name: str
    provider: Literal["franceconnect"]
    change: Literal["linked", "unlinked"]


class AccountActivated(
    Event, service="identity", name="account-activated", kind="fact", public=True
):
    """The account works from now on."""

    account: str
    town: str


class FamilyLinked(Event, service="identity", name="family-linked", kind="fact", public=True):
    """The account is this guardian of this family; ``how`` says by what proof: the key of a letter,
    or (``agent``) the town's own word."""

    account: str
    town: str
    family: str
    guardian: str
    how: Literal["key", "agent"]


class FamilyUnlinked(Event, service="identity", name="family-unlinked", kind="fact", public=True):
    """The account is this guardian of this family no longer."""

    account: str
    town: str
    family: str
    guardian: str


class AccountClosing(Event, service="identity", name="account-closing", kind="fact"):
    """The holder closes the account: it is erased at ``due_at`` unless ``token`` undoes it."""

    account: str
    town: str
    email: str
    first_name: str
    due_at: datetime
    token: str


class PersonErased(Event, service="identity", name="person-erased", kind="fact", public=True):
    """The account is no more, and nothing may be kept of its holder but what a law demands. Said
    once for each town it was of."""

    account: str
    town: str


class QuotientReceived(Event, service="identity", name="quotient-received", kind="fact"):
    """What the CAF or the MSA says a household's quotient familial is, asked with its consent by
    ``account`` (FranceConnect), or by an agent in the town's mission (``identity``).

    ``families`` are those it may be about: the adult's own, or the one that the agent named.
    ``children`` are the birth dates the fund knows (YYYY-MM-DD, 00 for what it does not), to tell
    several households apart. ``value`` is in euros; it holds from ``month`` (YYYY-MM).
    """

    account: str
    town: str
    families: tuple[AccountFamily, ...]
    how: Literal["franceconnect", "identity"]
    fund: Literal["CNAF", "MSA"]
    value: int
    month: str
    children: tuple[str, ...]
    fetched_at: datetime
    consent_version: str | None
    consented_at: datetime | None
