"""Request and response models of notify's routes."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from shared.web.routes import Output, Page, PageQuery

MailState = Literal["due", "sending", "sent", "to_print", "not_entitled", "permanent", "technical"]


class MailQuery(PageQuery):
    """Which mails of the log."""

    state: MailState | None = None


class MailOut(Output):
    """One mail of the log: what and when, never its contents. ``to_print`` waits for a letter."""

    id: str
    kind: str
    state: MailState
    failure: str | None
    tries: int
    created_at: datetime
    account: str | None
    family: str | None


class LetterOut(Output):
    """A mail that waits to be printed, as it is read on paper: ``to`` is the name and the address
    of whom it is for, as far as the dossier has them."""

    mail: str
    family: str | None
    to: tuple[str, ...]
    subject: str
    text: str


class MailPage(Page[MailOut]):
    """The mail log, newest first."""
