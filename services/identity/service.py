"""Wiring: identity from its parts."""

from __future__ import annotations

import asyncio

import services.identity as room
from services.identity.api import ROUTES
from services.identity.commands.accounts import forget_unactivated, handle_mail_requests
from services.identity.commands.base import Identity
from services.identity.commands.closing import erase_due
from services.identity.hashing import HashingPool, StrengthPool
from services.identity.outside import outside_of
from services.identity.reactions import reactions
from services.identity.repeats import Repeats
from services.identity.settings import IdentitySettings
from services.identity.signing import SigningKeys
from services.identity.store import INDEXES, OUTBOXES, STATES, IdentityStore
from shared.auth import Keyring, new_private_jwks
from shared.contracts.identity import KeysRotated
from shared.ids import new_id
from shared.runner import Job, Parts, Service
from shared.sealing import load_own_keys, sealer_of

NAME = "identity"


def build(parts: Parts) -> Service:
    """The service. Raises ``ValueError`` when signing or field keys are missing or are none."""
    identity = assemble(parts)

    async def warm() -> None:
        await load_keys(identity, parts)
        await say_keys(identity, parts.keys)

    async def close() -> None:
        await identity.hashing.close()
        await identity.strength.close()
        await identity.outside.close()

    return Service(
        name=NAME,
        purpose=(room.__doc__ or "").partition("\n")[0],
        state=identity,
        routes=ROUTES,
        reactions=reactions(identity),
        indexes=INDEXES,
        outboxes=OUTBOXES,
        states=STATES,
        jobs=(
            Job("mail-requests", 0.5, lambda: handle_mail_requests(identity)),
            Job("closed-accounts", 3600, lambda: erase_due(identity)),
            Job("unactivated-accounts", 3600, lambda: forget_unactivated(identity)),
        ),
        warm=warm,
        close=close,
    )


def assemble(parts: Parts) -> Identity:
    """The collaborators of commands, for the service and for operators' commands."""
    settings = IdentitySettings()
    given = settings.signing_keys
    if given is None and parts.settings.env == "production":
        raise ValueError("PREAU_SIGNING_KEYS is compulsory in production (`preau keys new`)")
    signing = SigningKeys()
    if given is not None:
        signing.load(given.get_secret_value())
    return Identity(
        store=IdentityStore(parts.store),
        clock=parts.clock,
        signing=signing,
        hashing=HashingPool(),
        strength=StrengthPool(),
        repeats=Repeats(signing),
        sealer=sealer_of(parts.settings),
        outside=outside_of(settings, parts.clock),
        press=parts.press,
        public_url=parts.settings.public_url,
    )


async def load_keys(identity: Identity, parts: Parts) -> None:
    """In development without keys, make some once and keep them, so that restarts keep them."""
    await load_own_keys(identity.sealer, parts.store, parts.settings)
    if IdentitySettings().signing_keys is None and parts.settings.env == "development":
        fresh = await asyncio.to_thread(new_private_jwks, [new_id()])
        identity.signing.load(await identity.store.own_private_keys(fresh))


async def say_keys(identity: Identity, own: Keyring) -> None:
    """Say the public keys when they differ from those last said; learn them directly."""
    public = identity.signing.public_jwks()
    own.learn(public)
    await identity.store.say_keys(KeysRotated(jwks=public))
