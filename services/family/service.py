"""Wiring of the family service."""

from __future__ import annotations

from functools import partial

import services.family as room
from services.family.addresses import AddressBook
from services.family.api import ROUTES
from services.family.commands.documents import age
from services.family.commands.erasing import erase_cleared
from services.family.commands.moves import finish_left_behind
from services.family.commands.registering import finish_all
from services.family.commands.uploads import sweep
from services.family.intake.pool import Cleaners
from services.family.intake.scanner import Scanner
from services.family.reactions import reactions
from services.family.settings import FamilySettings
from services.family.state import State
from services.family.store import (
    INDEXES,
    OUTBOXES,
    REFERENCES,
    STATES,
    DocumentStore,
    Erasures,
    FamilyStore,
    FeedStore,
    ImportStore,
    LetterStore,
    MoveStore,
    NewsStore,
    Registrations,
    UploadStore,
)
from services.family.vault import Vault
from shared.copies import KeyCopy, TownCopy
from shared.files import Files
from shared.runner import Job, Parts, Service
from shared.sealing import load_own_keys, sealer_of

#: Documents are told to be near their end, and expire, by the day.
_AGE_EVERY = 60.0


def build(parts: Parts) -> Service:
    """The family service from its parts."""
    keys = KeyCopy(parts.store, parts.keys)
    state = state_of(parts)

    async def warm() -> None:
        await load_own_keys(state.sealer, parts.store, parts.settings)
        await keys.load()

    async def close() -> None:
        await state.addresses.close()
        await state.cleaners.close()

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
            Job("unnamed-files", 6 * 3600, partial(sweep, state)),
            Job("documents-age", _AGE_EVERY, partial(age, state)),
            Job("registrations", 10, partial(finish_all, state)),
        ],
        warm=warm,
        close=close,
    )


def state_of(parts: Parts) -> State:
    """What the use cases work with: for the service and for operators' commands."""
    sealer = sealer_of(parts.settings)
    vault = Vault(sealer)
    return State(
        store=parts.store,
        families=FamilyStore(parts.store, vault),
        erasures=Erasures(parts.store),
        feed=FeedStore(parts.store),
        moves=MoveStore(parts.store, vault),
        imports=ImportStore(parts.store),
        addresses=AddressBook(FamilySettings().addresses_url, parts.clock),
        registrations=Registrations(parts.store),
        towns=TownCopy(parts.store, parts.clock),
        clock=parts.clock,
        sealer=sealer,
        vault=vault,
        audit=parts.audit,
        uploads=UploadStore(parts.store, Files(parts.store, sealer), REFERENCES),
        documents=DocumentStore(parts.store),
        letters=LetterStore(parts.store),
        news=NewsStore(parts.store),
        scanner=Scanner(FamilySettings().clamd_url),
        cleaners=Cleaners(),
        press=parts.press,
    )
