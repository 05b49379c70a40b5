"""Mails that nobody has an address for: letters, to be printed and posted."""

from __future__ import annotations

from dataclasses import dataclass

from services.notify.commands.contents import NotEntitled, load
from services.notify.state import Notify
from shared.auth import AgentScope
from shared.errors import Refused, not_found


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail on paper: ``to``, line by line, is whom it is for and where they live."""

    mail: str
    family: str | None
    to: tuple[str, ...]
    subject: str
    text: str


async def letter(notify: Notify, scope: AgentScope, mail_id: str) -> Letter:
    """What a mail that waits to be printed says. Raises ``Refused``: 404, ``not-entitled``."""
    mail = await notify.mails.to_print(scope.town, mail_id)
    if mail is None:
        raise not_found("ce courrier")
    contents = await load(notify, [mail])
    try:
        context = contents.context(mail)
    except NotEntitled as ended:
        raise Refused(
            "not-entitled", "Cette personne n'a plus à recevoir ce que dit ce courrier."
        ) from ended
    rendered = notify.renderer.render(mail["kind"], contents.town(mail), context)
    family = mail.get("family")
    card = contents.families.get(family or "")
    guardian = contents.guardian(mail, card.family) if card else None
    to: tuple[str, ...] = ()
    for one in card.guardians if card else ():
        if guardian in one.ids:
            to = (f"{one.first_name} {one.last_name}",)
            if one.address is not None:
                to += (one.address.street, f"{one.address.postcode} {one.address.city}")
    return Letter(mail_id, family, to, rendered.subject, rendered.text)
