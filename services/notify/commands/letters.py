"""Mails about letters to the town: the receipt at once, and that the town has answered. What is
written stays on the portal."""

from __future__ import annotations

from services.notify.commands.intentions import to_accounts
from services.notify.state import Notify
from shared.contracts.family import LetterAnswered, LetterSent
from shared.events import Envelope


async def write_receipt(notify: Notify, envelope: Envelope, event: LetterSent) -> None:
    """The receipt, to who wrote."""
    await _write(notify, envelope, "letter", event)


async def write_answer(notify: Notify, envelope: Envelope, event: LetterAnswered) -> None:
    """A new message, to who wrote."""
    await _write(notify, envelope, "letter-answered", event)


async def _write(
    notify: Notify, envelope: Envelope, kind: str, event: LetterSent | LetterAnswered
) -> None:
    await notify.towns.need(envelope.town)
    await notify.directory.need_family(event.family)
    await notify.directory.need_contact(envelope.town, event.account)
    await to_accounts(notify, envelope, kind, event.family, event, [event.account])
