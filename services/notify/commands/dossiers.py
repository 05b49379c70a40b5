"""Mails about dossiers: the receipt of what was sent, and what the town answered."""

from __future__ import annotations

from services.notify.commands.intentions import to_accounts
from services.notify.state import Notify
from services.notify.store.mails import new_mail
from shared.contracts.family import (
    DossierChangeDecided,
    DossierChangeRequested,
    RegistrationDecided,
    RegistrationSent,
)
from shared.events import Envelope
from shared.ids import derived_id


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


async def write_registration(notify: Notify, envelope: Envelope, event: RegistrationSent) -> None:
    """The receipt of a dossier built on line."""
    await _write_to(notify, envelope, "registration-sent", event)


async def write_registration_answer(
    notify: Notify, envelope: Envelope, event: RegistrationDecided
) -> None:
    """The town's answer to it."""
    kind = "registration-accepted" if event.accepted else "registration-refused"
    await _write_to(notify, envelope, kind, event)


async def _write_to(
    notify: Notify, envelope: Envelope, kind: str, event: RegistrationSent | RegistrationDecided
) -> None:
    await notify.towns.need(envelope.town)
    await notify.directory.need_contact(envelope.town, event.account)
    await notify.mails.intend(
        new_mail(
            derived_id("mail", envelope.id), envelope.town, kind, notify.clock.machine(),
            account=event.account, data=event.model_dump(mode="json"),
        )
    )  # fmt: skip


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
