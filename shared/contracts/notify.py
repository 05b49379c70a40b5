"""What notify says."""

from __future__ import annotations

from datetime import datetime

from shared.events import Event


class DigestSent(Event, service="notify", name="digest-sent", kind="fact", public=True):
    """Every mail of a window has been handed over or found impossible. Counts are of the run."""

    window: datetime
    outcomes: int
    mails: int


class MailFailed(Event, service="notify", name="mail-failed", kind="fact"):
    """A mail will not be tried again."""

    mail: str
    account: str
    kind_of_mail: str
    failure: str
