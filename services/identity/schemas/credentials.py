"""Passwords and addresses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from services.identity.schemas.fields import Email, LoginName, MailedToken, Password
from shared.web.routes import Input, Output


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


class LoginNameChange(Input):
    """Another login name, from who knows the password."""

    new_login_name: LoginName
    password: Password


class PasswordTyped(Input):
    """A password as it is being typed, and what others know of its holder."""

    password: Password
    login_name: Annotated[str, Field(max_length=64)] | None = None
    email: Annotated[str, Field(max_length=254)] | None = None
    first_name: Annotated[str, Field(max_length=100)] | None = None
    last_name: Annotated[str, Field(max_length=100)] | None = None


class PasswordStrength(Output):
    """``score`` from 0 (guessed at once) to 4; ``weakness`` and ``advice`` say why it would be
    refused."""

    accepted: bool
    score: int
    weakness: Literal["too-short", "too-long", "too-simple", "names-holder", "common"] | None
    advice: str | None
