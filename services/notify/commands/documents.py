"""Mails about supporting documents: refused, near their end, expired. What is accepted is seen on
the portal."""

from __future__ import annotations

from services.notify.commands.digests import recipients
from services.notify.commands.intentions import to_accounts
from services.notify.state import Notify
from shared.contracts.family import DocumentDecided, DocumentExpired, DocumentExpiring
from shared.events import Envelope

Told = DocumentDecided | DocumentExpiring | DocumentExpired


async def write_decision(notify: Notify, envelope: Envelope, event: DocumentDecided) -> None:
    """The refusal with its reason."""
    if not event.accepted:
        await _write(notify, envelope, "document-refused", event)


async def write_expiring(notify: Notify, envelope: Envelope, event: DocumentExpiring) -> None:
    """A document is near its end."""
    await _write(notify, envelope, "document-expiring", event)


async def write_expired(notify: Notify, envelope: Envelope, event: DocumentExpired) -> None:
    """A document counts no longer."""
    await _write(notify, envelope, "document-expired", event)


async def _write(notify: Notify, envelope: Envelope, kind: str, event: Told) -> None:
    """About a child, to the guardians who may see it; about a guardian, to that one; else to who
    sent it, or to all where an agent did."""
    await notify.towns.need(envelope.town)
    await notify.directory.need_family(event.family)
    linked = await notify.directory.contacts_of(envelope.town, [event.family])
    if event.child is not None:
        about = {"family": event.family, "accounts": [event.account], "children": [event.child]}
        cards = await notify.directory.families([event.family])
        accounts = recipients(about, linked, cards)
    else:
        accounts = [
            contact.account
            for contact in linked
            if event.guardian in (None, contact.families[event.family])
        ]
        if event.guardian is None and event.account in accounts:
            accounts = [event.account]
    await to_accounts(notify, envelope, kind, event.family, event, accounts)
