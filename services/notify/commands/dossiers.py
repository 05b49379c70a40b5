"""Mails about dossiers: the receipt of what was sent, and what the town answered."""

from __future__ import annotations

from services.notify.commands.intentions import to_accounts
from services.notify.state import Notify
from shared.contracts.family import DossierChangeDecided, DossierChangeRequested
from shared.events import Envelope


async def write_receipt(notify: Notify, envelope: Envelope, event: DossierChangeRequested) -> None:
    """To the guardian who sent changes, or for whom an agent wrote them; an agent's own edits are
    nobody's request."""
    await _write(notify, envelope, "dossier-change", event, online=event.channel == "online")


async def write_answer(notify: Notify, envelope: Envelope, event: DossierChangeDecided) -> None:
    """To the guardian who sent the changes; what the family took back or replaced is no answer."""
    answered = tuple(one for one in event.items if one.state in ("accepted", "refused"))
    if answered:
        told = event.model_copy(update={"items": answered})
        await _write(notify, envelope, "dossier-decided", told, online=True)


async def _write(
    notify: Notify,
    envelope: Envelope,
    kind: str,
    event: DossierChangeRequested | DossierChangeDecided,
    *,
    online: bool,
) -> None:
    if event.guardian is None:
        return
    await notify.towns.need(envelope.town)
    await notify.directory.need_family(event.family)
    linked = await notify.directory.contacts_of(envelope.town, [event.family])
    theirs = [c.account for c in linked if c.families[event.family] == event.guardian]
    accounts = [event.account] if online and event.account in theirs else theirs
    await to_accounts(notify, envelope, kind, event.family, event, accounts)
