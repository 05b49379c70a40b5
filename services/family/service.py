"""Wiring of the family service."""

from __future__ import annotations

from functools import partial

import services.family as room
from services.family.addresses import AddressBook
from services.family.api import ROUTES
from services.family.commands.erasing import erase_cleared
from services.family.commands.moves import finish_left_behind
from services.family.reactions import reactions
from services.family.settings import FamilySettings
from services.family.state import State
from services.family.store import (
    INDEXES,
    OUTBOXES,
    STATES,
    Erasures,
    FamilyStore,
    FeedStore,
    MoveStore,
)
from shared.copies import KeyCopy, TownCopy
from shared.runner import Job, Parts, Service
from shared.sealing import load_own_keys, sealer_of


def build(parts: Parts) -> Service:
    """The family service from its parts."""
    keys = KeyCopy(parts.store, parts.keys)
    state = state_of(parts)

    async def warm() -> None:
        await load_own_keys(state.sealer, parts.store, parts.settings)
        await keys.load()

    return Service(
        name="family",
        purpose=(room.__doc__ or "").partition("\n")[0],
        state=state,
        routes=ROUTES,
        reactions=reactions(keys, state),
        indexes=INDEXES,
        outboxes=OUTBOXES,
        states=STATES,
        jobs=[
            keys.job,
            Job("erasures", 1.0, partial(erase_cleared, state)),
            Job("finish-moves", 2.0, partial(finish_left_behind, state)),
        ],
        warm=warm,
        close=state.addresses.close,
    )


def state_of(parts: Parts) -> State:
    """What the use cases work with: for the service and for operators' commands."""
    return State(
        store=parts.store,
        families=FamilyStore(parts.store),
        erasures=Erasures(parts.store),
        feed=FeedStore(parts.store),
        moves=MoveStore(parts.store),
        addresses=AddressBook(FamilySettings().addresses_url, parts.clock),
        towns=TownCopy(parts.store, parts.clock),
        clock=parts.clock,
        sealer=sealer_of(parts.settings),
    )
