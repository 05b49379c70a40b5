"""What identity does about what others say."""

from __future__ import annotations

from functools import partial

from services.identity.commands import closing, following
from services.identity.commands.base import Identity
from services.identity.commands.provider_links import guardians_pivots
from services.identity.commands.registrations import link_accepted
from shared.bus.consumer import Reaction, on
from shared.contracts.family import FamilyChanged, PersonErased, RegistrationDecided
from shared.erasure import Erased
from shared.events import Envelope


def reactions(identity: Identity) -> list[Reaction]:
    """The table of reactions."""

    async def family_changed(envelope: Envelope, event: FamilyChanged) -> None:
        """A state: the copy is kept only when newer, and links are reckoned from the copies
        (second form)."""
        pivots = guardians_pivots(identity, event)
        await following.family_changed(identity, envelope, event, pivots)

    async def person_erased(envelope: Envelope, event: PersonErased) -> None:
        """Updates whose filters exclude what is done (second form)."""
        members = (*event.guardians, *event.children)
        gone = Erased(envelope.town, family=event.family, members=members)
        await closing.family_erased(identity, gone, but=envelope.id)

    return [
        on(FamilyChanged, family_changed),
        on(PersonErased, person_erased, after_all=True),
        on(RegistrationDecided, partial(link_accepted, identity)),
    ]
