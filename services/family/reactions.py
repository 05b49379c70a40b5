"""What family does about others' events.

It keeps copies of the signing keys and town files (states, ``shared.copies``), and the answers to
its question whether a family may be erased (updates whose filters exclude what is done).
"""

from __future__ import annotations

from functools import partial

from services.family.commands.erasing import hear_answer
from services.family.state import State
from shared.bus.consumer import Reaction, on
from shared.contracts import billing, booking
from shared.copies import KeyCopy


def reactions(keys: KeyCopy, state: State) -> list[Reaction]:
    """The table of reactions."""
    return [
        keys.reaction,
        state.towns.reaction,
        on(booking.ErasureAnswered, partial(hear_answer, state)),
        on(billing.ErasureAnswered, partial(hear_answer, state)),
    ]
