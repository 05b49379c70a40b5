"""How the town lets a family's guardian in: an invitation by mail (ID2), or a login name and a
first secret on paper (ID3). Both end in an account that is linked from its first instant."""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.identity.domain.accounts import (
    Account,
    Changed,
    InitialSecret,
    Link,
    Mailed,
    Membership,
    Said,
    changed_states,
    link_fact,
    token_refused,
)
from services.identity.domain.family_keys import Withdrawn, normal_form, stands
from services.identity.domain.names import login_key
from shared.contracts.identity import AccountActivated, GuardianInvited
from shared.errors import Refused

INVITATION_FOR = timedelta(days=30)
INITIAL_SECRET_FOR = timedelta(days=90)
_LONGEST_NAME = 24

InvitationState = Literal["open", "used", "revoked", "expired"]


class Invitation(BaseModel):
    """The last invitation of one guardian; ``round`` counts those sent. Its token is known by its
    hash only."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    town: str
    family: str
    guardian: str
    first_name: str
    last_name: str
    email: str
    token: str
    round: int
    sent_by: str
    sent_at: datetime
    expires_at: datetime
    used_by: str | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def state(self, now: datetime) -> InvitationState:
        """Whether it may still be accepted."""
        if self.used_by is not None:
            return "used"
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if now >= self.expires_at else "open"


def said(invitation: Invitation, token: Mailed) -> GuardianInvited:
    """What leaves when an invitation is sent."""
    return GuardianInvited(
        invitation=invitation.id, town=invitation.town, family=invitation.family,
        email=invitation.email,
        first_name=invitation.first_name, expires_at=invitation.expires_at, token=token.text,
    )  # fmt: skip


def check_invitation(
    invitation: Invitation | None,
    token_hash: str,
    account: str | None,
    withdrawn: Withdrawn,
    now: datetime,
) -> Invitation:
    """The invitation that the token opens; ``account`` may go on with one that it has begun to use,
    unless the link was ``withdrawn`` from it since.

    One refusal for all others: a link tells nothing to whom it was not sent.
    """
    if invitation is None or invitation.token != token_hash:
        raise token_refused()
    since = invitation.used_at or invitation.sent_at
    begun = account is not None and invitation.used_by == account and stands(
        (invitation.family, invitation.guardian), since, withdrawn
    )  # fmt: skip
    if not begun and invitation.state(now) != "open":
        raise token_refused()
    return invitation


def check_revocable(invitation: Invitation, now: datetime) -> None:
    """Refuse to revoke what has been accepted."""
    if invitation.state(now) == "used":
        raise Refused("invitation-used", "Cette invitation a déjà été acceptée.")


def admit(account: Account, town: str) -> Changed:
    """A new account that works at once, linked already."""
    membership = account.membership(town) or Membership(town=town, joined_at=account.created_at)
    events: tuple[Said, ...] = (AccountActivated(account=account.id, town=town),)
    facts = tuple(link_fact(account, town, link) for link in membership.families)
    return Changed(account, (*events, *facts, *changed_states(account)))


def link_of(family: str, guardian: str, now: datetime) -> Link:
    """A link that the town's own word makes."""
    return Link(family=family, guardian=guardian, how="agent", since=now)


# -- on paper --------------------------------------------------------------------------------


def paper_login_name(first_name: str, last_name: str, chance: bytes) -> str:
    """``camille.martin.4821``: letters of every keyboard, digits that tell namesakes apart."""
    name = ".".join(filter(None, (_letters(first_name), _letters(last_name)))) or "famille"
    return f"{name[:_LONGEST_NAME].rstrip('.')}.{int.from_bytes(chance[:8], 'big') % 9000 + 1000}"


def initial_secret_hash(typed: str) -> str | None:
    """What is kept of a first secret, which has the form of a family key (75 bits of chance);
    None when it cannot be one."""
    text = normal_form(typed)
    return hashlib.sha256(f"initial-secret:{text}".encode()).hexdigest() if text else None


def opens_first(account: Account, typed: str) -> bool:
    """Whether this is the account's first secret."""
    secret = account.initial_secret
    return secret is not None and account.password is None and (
        initial_secret_hash(typed) == secret.hash
    )  # fmt: skip


def check_initial_secret(account: Account, now: datetime) -> None:
    """Refuse a first secret whose time is over."""
    if account.initial_secret is None or now >= account.initial_secret.expires_at:
        raise Refused(
            "initial-secret-expired",
            "Ce code secret n'est plus valable. Demandez-en un nouveau à votre commune.",
            status=403,
        )


def new_initial_secret(account: Account, secret: InitialSecret) -> Changed:
    """Another letter: the secret of the one before opens nothing."""
    return Changed(account.model_copy(update={"initial_secret": secret}), ())


def first_login(account: Account, login_name: str | None, password: str) -> Changed:
    """The first secret has served; from now on the holder's own password counts."""
    update: dict[str, object] = {
        "password": password, "initial_secret": None, "epoch": account.epoch + 1, "survivor": None,
    }  # fmt: skip
    if login_name is not None:
        update |= {"login_name": login_name, "login": login_key(login_name)}
    return Changed(account.model_copy(update=update), ())


def rename(account: Account, login_name: str) -> Changed:
    """Another login name."""
    return Changed(
        account.model_copy(update={"login_name": login_name, "login": login_key(login_name)}), ()
    )


def _letters(name: str) -> str:
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in decomposed if c.isascii() and c.isalnum())
