"""Invitations."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from services.identity.schemas.accounts import AddressPart, IdentityPart
from services.identity.schemas.fields import Email, Id, LoginName, MailedToken, Password, Telephone
from shared.web.routes import Input, Output, Page, PageQuery


class GuardianWanted(Input):
    """A guardian to invite, and the address that the family gave the town."""

    family: Id
    guardian: Id
    email: Email


class InvitationsWanted(Input):
    """Guardians to invite; one who was invited before gets another link."""

    invited: Annotated[list[GuardianWanted], Field(min_length=1, max_length=200)]


class InvitationSent(Output):
    """What became of one: ``has-account`` is not invited, being linked already."""

    invitation: str
    family: str
    guardian: str
    outcome: Literal["invited", "has-account"]


class InvitationsSent(Output):
    """What became of each, in the order asked."""

    invitations: list[InvitationSent]


class InvitationsAsked(PageQuery):
    """Which invitations to list: the town's, or those of one family."""

    family: Id | None = None


class InvitationCard(Output):
    """A guardian's last invitation."""

    id: str
    family: str
    guardian: str
    first_name: str
    last_name: str
    email: str
    state: Literal["open", "used", "revoked", "expired"]
    round: int
    sent_at: datetime
    expires_at: datetime


class InvitationPage(Page[InvitationCard]):
    """Invitations by id."""


class InvitationLink(Input):
    """The token of the invitation's mail."""

    token: MailedToken


class InvitationShown(Output):
    """Whom the link invites: what the page that accepts it shows."""

    first_name: str
    last_name: str
    email: str
    expires_at: datetime


class InvitationAcceptance(Input):
    """An invited guardian's login name and password, and what else they complete; without
    ``identity`` the town's names stand."""

    token: MailedToken
    login_name: LoginName
    password: Password
    identity: IdentityPart | None = None
    address: AddressPart | None = None
    mobile: Telephone | None = None
    landline: Telephone | None = None
