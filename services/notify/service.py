"""Wiring of notify."""

from __future__ import annotations

from functools import partial

import services.notify as room
from services.notify.api import ROUTES
from services.notify.commands import digests, sending
from services.notify.reactions import reactions
from services.notify.rendering import Renderer
from services.notify.settings import Settings
from services.notify.smtp import MailServer
from services.notify.state import Notify
from services.notify.store import INDEXES, OUTBOXES, Digests, Directory, Mails
from shared.copies import KeyCopy, TownCopy
from shared.runner import Job, Parts, Service


def build(parts: Parts) -> Service:
    """The service, ready to be run."""
    notify = state(parts)
    return Service(
        name="notify",
        purpose=(room.__doc__ or "").partition("\n")[0],
        state=notify,
        routes=ROUTES,
        reactions=reactions(notify, parts.store),
        indexes=INDEXES,
        outboxes=OUTBOXES,
        jobs=[
            Job("digests", 1.0, partial(digests.run_due, notify)),
            Job("mails", 0.2, partial(sending.send_due, notify)),
            notify.keys.job,
        ],
        warm=notify.keys.load,
        close=notify.mail_server.close,
    )


def state(parts: Parts) -> Notify:
    """The collaborators, for the service and for its commands."""
    settings = Settings()
    return Notify(
        directory=Directory(parts.store),
        digests=Digests(parts.store, parts.settings.lease_seconds),
        mails=Mails(parts.store, parts.settings.lease_seconds),
        clock=parts.clock,
        press=parts.press,
        towns=TownCopy(parts.store, parts.clock),
        keys=KeyCopy(parts.store, parts.keys),
        renderer=Renderer(parts.settings.public_url, settings.mail_from),
        mail_server=MailServer(settings.smtp_url.get_secret_value(), settings.connections),
    )
