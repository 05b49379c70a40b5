"""Accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from services.identity.schemas.fields import (
    Email,
    Key,
    Line,
    LoginName,
    MailedToken,
    Name,
    Password,
    Telephone,
)
from shared.web.routes import Input, Output


class IdentityPart(Input):
    """First part of an account: who."""

    first_name: Name
    last_name: Name


class AddressPart(Input):
    """Second part: where."""

    street: Line
    complement: Line | None = None
    postcode: Annotated[str, Field(pattern=r"^[0-9A-Za-z -]{2,12}$")]
    city: Name
    country: Name = "France"


class ContactPart(Input):
    """Third part: how to write and call. Two accounts may share an address."""

    email: Email
    mobile: Telephone | None = None
    landline: Telephone | None = None


class CredentialsPart(Input):
    """Fourth part: a login name of one's own choice, which is no e-mail, and a password."""

    login_name: LoginName
    password: Password


class NewAccount(Input):
    """A sign-up; ``family_key`` as the town's file says: required, optional or hidden."""

    identity: IdentityPart
    address: AddressPart
    contact: ContactPart
    credentials: CredentialsPart
    family_key: Key | None = None


class AccountMade(Output):
    """The account waits for its holder to follow the link of the mail."""

    account: str
    login_name: str
    state: Literal["pending"] = "pending"


class ActivationToken(Input):
    """The token of the activation mail."""

    token: MailedToken


class LinkedFamily(Output):
    """The account is this guardian of this family."""

    family: str
    guardian: str


class Activated(Output):
    """The account works. ``family_key``: ``linked``, the code of the refusal, or null."""

    account: str
    login_name: str
    families: list[LinkedFamily]
    family_key: str | None


class MailWanted(Input):
    """A login name, or an address: every account that has it gets a mail."""

    login_or_email: Annotated[str, Field(min_length=3, max_length=254)]


class Accepted(Output):
    """Always the same answer, whether or not anybody is concerned."""

    message: str = "Si un compte correspond, un courriel part dans quelques instants."


class Me(Output):
    """The bearer. ``roles`` are those of its token; ``withheld_roles`` want a second factor."""

    account: str
    login_name: str
    first_name: str
    last_name: str
    email: str | None
    town: str
    families: list[LinkedFamily]
    roles: list[str]
    sites: list[str]
    withheld_roles: list[str]
    second_factor: bool
    closes_at: datetime | None
