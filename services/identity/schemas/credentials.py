"""Passwords and addresses."""

from __future__ import annotations

from services.identity.schemas.fields import Email, MailedToken, Password
from shared.web.routes import Input


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
