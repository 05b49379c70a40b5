"""Request and response models of identity's routes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from services.identity.domain.names import EMAIL_PATTERN
from services.identity.domain.passwords import LONGEST
from shared.contracts.town_file import Contact, TownFile
from shared.web.routes import Input, Output, PageQuery

Name = Annotated[str, Field(min_length=1, max_length=100)]
Line = Annotated[str, Field(min_length=1, max_length=200)]
Email = Annotated[str, Field(max_length=254, pattern=EMAIL_PATTERN)]
LoginName = Annotated[str, Field(min_length=3, max_length=64)]
Password = Annotated[SecretStr, Field(min_length=1, max_length=4 * LONGEST)]
MailedToken = Annotated[SecretStr, Field(min_length=10, max_length=200)]
Telephone = Annotated[str, Field(pattern=r"^\+?[0-9][0-9 .\-]{5,24}$")]
Key = Annotated[str, Field(min_length=1, max_length=60)]
Id = Annotated[str, Field(min_length=1, max_length=64)]


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

    message: str = "Si un compte correspond, un e-mail part dans quelques instants."


class Credentials(Input):
    """A login."""

    login_name: LoginName
    password: Password


class RefreshToken(Input):
    """The last refresh token received."""

    refresh_token: Annotated[SecretStr, Field(min_length=10, max_length=200)]


class TokenPair(Output):
    """``access_token`` goes in the Authorization header (Bearer) until ``expires_at``."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the kind of token, not one
    expires_at: datetime


class NewPassword(Input):
    """A password to replace a forgotten one, or the first of an invited agent."""

    token: MailedToken
    password: Password


class PasswordChange(Input):
    """A new password, from who knows the current one."""

    current_password: Password
    new_password: Password


class EmailChange(Input):
    """A new address, to be confirmed by the mail sent there."""

    new_email: Email
    password: Password


class EmailConfirmation(Input):
    """The token of the mail sent to the new address."""

    token: MailedToken


class KeyTyped(Input):
    """A family key, as typed from the town's letter."""

    key: Key


class FamilyLink(Output):
    """A family link. The rights are in the next access token: refresh it."""

    family: str
    guardian: str
    since: datetime
    reference: str | None = None
    refresh_token_now: bool = False


class FamilyLinks(Output):
    """ "Mes abonnements": the bearer's links in this town."""

    links: list[FamilyLink]


class Me(Output):
    """The bearer."""

    account: str
    login_name: str
    first_name: str
    last_name: str
    email: str
    town: str
    families: list[LinkedFamily]
    roles: list[str]


class TownCard(Output):
    """What anybody may know of a town."""

    town: str
    name: str
    contact: Contact
    family_key: Literal["required", "optional", "hidden"]
    time_zone: str


class TownFileInput(Input, TownFile):
    """A whole town file."""


class TownFileVersion(Output):
    """The version that the file has; the same content again keeps its version."""

    version: int


class TownFileSaved(Output):
    """The town file in force."""

    version: int
    file: TownFile


class KeysWanted(Input):
    """Families whose guardians get a key each."""

    families: Annotated[list[Id], Field(min_length=1, max_length=500)]


class KeyIssued(Output):
    """A key for the letter to that guardian; it is shown here and nowhere else."""

    family: str
    guardian: str
    key: str
    expires_at: datetime


class KeysIssued(Output):
    """One key for each guardian of the families asked for."""

    keys: list[KeyIssued]


class KeysAsked(PageQuery):
    """Which keys to list: the town's, or those of one family."""

    family: Id | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 100


class KeyCard(Output):
    """A key without its text; ``id`` revokes it."""

    id: str
    family: str
    guardian: str
    state: Literal["open", "used", "revoked", "expired"]
    issued_at: datetime
    expires_at: datetime
    used_at: datetime | None


class KeyPage(Output):
    """Keys by id; ``next`` is the next page's ``after``, or null at the end."""

    keys: list[KeyCard]
    next: str | None
