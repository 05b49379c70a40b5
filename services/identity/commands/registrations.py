"""An adult whose dossier the town has accepted is the guardian that it says."""

from __future__ import annotations

from typing import Any

from services.identity.commands.base import Identity, change_account
from services.identity.domain import accounts
from services.identity.domain.accounts import Account, Changed, Link
from shared.contracts.family import RegistrationDecided
from shared.errors import Refused
from shared.events import Envelope
from shared.web.routes import Command


async def link_accepted(identity: Identity, envelope: Envelope, event: RegistrationDecided) -> None:
    """Link the account, once for the event: a link that was ended since is not made again."""
    if event.family is None or event.guardian is None:
        return
    now = identity.clock.machine()
    link = Link(family=event.family, guardian=event.guardian, how="agent", since=now)

    async def decide(account: Account) -> tuple[Changed, dict[str, Any]]:
        return accounts.link_family(account, envelope.town, link, now), {}

    try:
        await change_account(
            identity, event.account, Command(envelope.id, event.registration), decide
        )
    except Refused as refused:
        if refused.code != "not-found":  # the account is no more: nobody to link
            raise
