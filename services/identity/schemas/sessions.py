"""Login sessions and tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from services.identity.schemas.fields import LoginName, Password
from shared.web.routes import Input, Output


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
