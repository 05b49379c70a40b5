"""Mails about enrolments: the receipt at once, and the answer by itself, not in a digest."""

from __future__ import annotations

from services.notify.commands.digests import recipients
from services.notify.commands.intentions import to_accounts
from services.notify.state import Notify
from shared.contracts.booking import (
    EnrolmentAccepted,
    EnrolmentRefused,
    EnrolmentRequested,
    EnrolmentWithdrawn,
)
from shared.events import Envelope

Told = EnrolmentRequested | EnrolmentAccepted | EnrolmentRefused | EnrolmentWithdrawn


async def write_receipt(notify: Notify, envelope: Envelope, event: EnrolmentRequested) -> None:
    """To who asked; what an agent asked for a family goes to the family."""
    if event.channel == "online":
        await _write_to(notify, envelope, "enrolment", event, event.account)
    else:
        await _write_to_all(notify, envelope, "enrolment", event)


async def write_withdrawal(notify: Notify, envelope: Envelope, event: EnrolmentWithdrawn) -> None:
    """To who took it back, or to the family."""
    if event.channel == "online":
        await _write_to(notify, envelope, "enrolment-withdrawn", event, event.withdrawn_by)
    else:
        await _write_to_all(notify, envelope, "enrolment-withdrawn", event)


async def write_acceptance(notify: Notify, envelope: Envelope, event: EnrolmentAccepted) -> None:
    """The mail that says that booking may begin; where the receipt said so, there is none."""
    if not event.receipted:
        await _write_to_all(notify, envelope, "enrolment-accepted", event)


async def write_refusal(notify: Notify, envelope: Envelope, event: EnrolmentRefused) -> None:
    """The refusal with its reason."""
    await _write_to_all(notify, envelope, "enrolment-refused", event)


async def _write_to(
    notify: Notify, envelope: Envelope, kind: str, event: Told, account: str
) -> None:
    await notify.towns.need(envelope.town)
    await notify.directory.need_family(event.family)
    await notify.directory.need_contact(envelope.town, account)
    await to_accounts(notify, envelope, kind, event.family, event, [account])


async def _write_to_all(notify: Notify, envelope: Envelope, kind: str, event: Told) -> None:
    """To who asked, and to the guardians who may see the child's bookings."""
    await notify.towns.need(envelope.town)
    await notify.directory.need_family(event.family)
    about = {"family": event.family, "accounts": [event.account], "children": [event.child]}
    linked = await notify.directory.contacts_of(envelope.town, [event.family])
    cards = await notify.directory.families([event.family])
    await to_accounts(notify, envelope, kind, event.family, event, recipients(about, linked, cards))
