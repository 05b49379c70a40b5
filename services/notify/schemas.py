"""Request and response models of notify's routes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from shared.web.routes import Input, Output

MailState = Literal["due", "sending", "sent", "to_print", "not_entitled", "permanent", "technical"]


class MailQuery(Input):
    """Which mails of the log."""

    state: MailState | None = None
    after: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


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


class MailPage(Output):
    """The mail log, newest first; ``next`` goes into ``after`` for the following page."""

    items: list[MailOut]
    next: str | None
