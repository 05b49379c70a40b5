"""The end of an account."""

from __future__ import annotations

from datetime import datetime

from services.identity.schemas.fields import MailedToken, Password
from shared.web.routes import Input, Output


class AccountClosure(Input):
    """Closing one's account, by who knows the password."""

    password: Password


class AccountClosed(Output):
    """When the account will be erased; until then it can be kept after all."""

    due_at: datetime


class ClosureUndoing(Input):
    """The token of the mail that announced the erasure."""

    token: MailedToken
