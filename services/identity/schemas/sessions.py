"""Login sessions and tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from services.identity.schemas.fields import Code, LoginName, Password
from shared.web.routes import Input, Output


class Credentials(Input):
    """A login. ``code``: of the application, or a recovery code, for an account that has a second
    factor (``second-factor-required``)."""

    login_name: LoginName
    password: Password
    code: Code | None = None


class RefreshToken(Input):
    """The last refresh token received."""

    refresh_token: Annotated[SecretStr, Field(min_length=10, max_length=200)]


class TokenPair(Output):
    """``access_token`` goes in the Authorization header (Bearer) until ``expires_at``."""

    access_token: str
    refresh_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the kind of token, not one
    expires_at: datetime
    withheld_roles: Annotated[
        tuple[str, ...],
        Field(description="Roles that the bearer gets once a second factor is set up, or used"),
    ] = ()


class OpenSession(Output):
    """One login session; ``device`` is coarse (``Firefox sur Android``) and may be empty."""

    id: str
    town: str
    device: str
    created_at: datetime
    refreshed_at: datetime
    current: bool


class OpenSessions(Output):
    """The account's login sessions, latest first."""

    login_sessions: list[OpenSession]
