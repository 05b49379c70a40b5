"""FranceConnect: going there, coming back, being linked; the quotient familial."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from services.identity.schemas.accounts import AddressPart
from services.identity.schemas.fields import (
    Code,
    Email,
    Id,
    Key,
    LoginName,
    Name,
    Password,
    Telephone,
)
from services.identity.schemas.sessions import TokenPair
from shared.contracts.town_file import QuotientConsent
from shared.web.routes import Input, Output

_Secret = Annotated[SecretStr, Field(min_length=20, max_length=200)]
_Outcome = Literal["received", "not-known", "later", "refused", "no-family"]
_Insee = Annotated[str, Field(pattern=r"^[0-9][0-9AB][0-9]{3}$")]


class FranceConnectCard(Output):
    """Whether the town offers FranceConnect, and the text to agree to before its quotient familial
    is asked for; null when it is not."""

    available: bool
    quotient_consent: QuotientConsent | None


class AuthorizationWanted(Input):
    """``redirect_uri``: one that is registered, by default the first. ``quotient_consent``: the
    version of the text that the person has just agreed to, or null."""

    redirect_uri: Annotated[str, Field(max_length=500)] | None = None
    quotient_consent: Annotated[str, Field(max_length=20)] | None = None


class AuthorizationBegun(Output):
    """Keep ``binding`` in the browser that is sent to ``url``, where no other page reads it."""

    url: str
    binding: str
    expires_at: datetime


class CallbackInput(Input):
    """What came back on the redirect URI, with the browser's ``binding``: a ``code``, or the
    ``error`` in its place. ``iss`` where the provider gives it."""

    state: _Secret
    binding: _Secret
    code: Annotated[SecretStr, Field(min_length=1, max_length=2000)] | None = None
    error: Annotated[str, Field(max_length=100)] | None = None
    error_description: Annotated[str, Field(max_length=2000)] | None = None
    iss: Annotated[str, Field(max_length=500)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> CallbackInput:
        if (self.code is None) == (self.error is None):
            raise ValueError("give a code or an error")
        return self


class QuotientSaid(Output):
    """What came of asking for the quotient familial: nothing of it holds a login up."""

    outcome: _Outcome
    message: str


class Known(Output):
    """What FranceConnect says of who is not linked yet, for a form to start from."""

    first_name: str
    last_name: str
    email: str | None


class CallbackAnswer(Output):
    """``logged-in`` with ``tokens``; ``linked`` to the account that was logged in; ``not-linked``
    with a ``ticket`` for ``/franceconnect/links`` or ``/franceconnect/accounts``;
    ``second-factor`` with one for ``/franceconnect/codes``."""

    outcome: Literal["logged-in", "linked", "not-linked", "second-factor"]
    tokens: TokenPair | None = None
    ticket: str | None = None
    ticket_expires_at: datetime | None = None
    person: Known | None = None
    quotient: QuotientSaid | None = None


class LinkInput(Input):
    """The ticket, and the credentials of the account that is the person's: as at a login, with the
    ``code`` of its second factor if it has one."""

    ticket: _Secret
    login_name: LoginName
    password: Password
    code: Code | None = None


class CodeInput(Input):
    """The ticket, and the ``code`` of the second factor of the account that was found: of the
    application, or a recovery code."""

    ticket: _Secret
    code: Code


class FederatedAccount(Input):
    """A new account without a password. ``email`` null: the one FranceConnect gave, which needs no
    mail to be confirmed; ``family_key`` as at any sign-up."""

    ticket: _Secret
    email: Email | None = None
    address: AddressPart | None = None
    mobile: Telephone | None = None
    landline: Telephone | None = None
    family_key: Key | None = None


class EnteredAnswer(Output):
    """``active`` with tokens, or ``pending`` until the mail sent to the address is answered."""

    account: str
    state: Literal["active", "pending"]
    tokens: TokenPair | None = None
    quotient: QuotientSaid | None = None


class LoggedOutAnswer(Output):
    """The login session has ended. With a ``url``, send the browser there to end FranceConnect's
    too; it comes back with ``state``."""

    url: str | None
    state: str | None


class LogoutReturn(Input):
    """The state that came back."""

    state: _Secret


class FederatedMean(Output):
    """A provider that opens the account."""

    provider: str
    linked_at: datetime


class LoginMeans(Output):
    """What opens the bearer's account; ``removable`` when something else would be left."""

    login_name: str
    password: bool
    providers: list[FederatedMean]
    removable: bool


class CivilIdentityInput(Input):
    """Who somebody is to the civil registry; the place is left out for who was born abroad."""

    birth_name: Name
    first_names: Annotated[list[Name], Field(min_length=1, max_length=3)]
    sex: Literal["F", "M"]
    birth_date: date
    birth_place: _Insee | None = None
    birth_country: Annotated[str, Field(pattern=r"^99[0-9]{3}$")] = "99100"

    @model_validator(mode="after")
    def _born_somewhere(self) -> CivilIdentityInput:
        if self.birth_country == "99100" and self.birth_place is None:
            raise ValueError("birth_place is needed of who was born in France")
        return self


class QuotientAsked(Input):
    """About which guardian's household, and who the guardian is to the funds."""

    family: Id
    guardian: Id
    identity: CivilIdentityInput


class QuotientAnswer(Output):
    """What the CAF or the MSA says; ``value`` in euros, from ``month`` (YYYY-MM) on."""

    outcome: _Outcome
    fund: Literal["CNAF", "MSA"] | None = None
    value: int | None = None
    month: str | None = None
