"""A login name and a first secret on paper."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from services.identity.schemas.fields import Email, Id, LoginName, Password
from shared.web.routes import Input, Output


class GuardianNamed(Input):
    """A guardian of a family."""

    family: Id
    guardian: Id


class PaperAccessesWanted(Input):
    """Guardians who get a login name and a first secret on paper."""

    guardians: Annotated[list[GuardianNamed], Field(min_length=1, max_length=200)]


class PaperAccessMade(Output):
    """For one guardian's letter; the secret is shown here and nowhere else. ``has-account``: the
    guardian has a password already, and gets no letter."""

    family: str
    guardian: str
    first_name: str
    last_name: str
    outcome: Literal["created", "renewed", "has-account"]
    login_name: str | None
    initial_secret: str | None
    expires_at: datetime | None


class PaperAccessesMade(Output):
    """One for each guardian, in the order asked."""

    accesses: list[PaperAccessMade]


class FirstLogin(Input):
    """What the letter says, and what takes its place: a password of one's own and, if one likes, a
    login name and an address (confirmed by a mail)."""

    login_name: LoginName
    initial_secret: Annotated[SecretStr, Field(min_length=1, max_length=60)]
    password: Password
    new_login_name: LoginName | None = None
    email: Email | None = None
