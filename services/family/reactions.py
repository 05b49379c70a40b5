"""What family does about others' events.

It keeps copies of the signing keys, of the town files and of what is said of the family's requests
(states, ``Store.keep_copy``), and the answers to its question whether a family may be erased
(updates whose filters exclude what is done). What a fund says of a quotient familial is one
command of each dossier, known again by the event's id.
"""

from __future__ import annotations

from functools import partial

from services.family.commands.erasing import hear_answer
from services.family.commands.quotients import keep_quotient
from services.family.erasure import ERASED
from services.family.state import State
from shared.bus.consumer import Reaction, on
from shared.contracts import billing, booking, family
from shared.contracts.identity import PersonErased, QuotientReceived
from shared.copies import KeyCopy
from shared.erasure import Erased, erase
from shared.events import Envelope


def reactions(keys: KeyCopy, state: State) -> list[Reaction]:
    """The table of reactions."""

    async def quotient_received(envelope: Envelope, event: QuotientReceived) -> None:
        await keep_quotient(state, envelope.id, event)

    async def account_erased(envelope: Envelope, event: PersonErased) -> None:
        """What the account has built on line is deleted, and the files it sent that nothing names;
        twice does nothing (second form)."""
        gone = Erased(event.town, account=event.account)
        await erase(state.store, ERASED, gone, but=envelope.id)
        await state.uploads.remove_unnamed(await state.uploads.of_account(event.account))

    return [
        keys.reaction,
        state.towns.reaction,
        on(booking.RequestChanged, state.feed.keep),
        on(family.RequestChanged, state.feed.keep),
        on(booking.ErasureAnswered, partial(hear_answer, state)),
        on(billing.ErasureAnswered, partial(hear_answer, state)),
        on(QuotientReceived, quotient_received),
        on(PersonErased, account_erased, after_all=True),
    ]
