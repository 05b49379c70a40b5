"""Family keys, for agents."""

from __future__ import annotations

from dataclasses import asdict

from services.identity import queries
from services.identity.api.access import FAMILY_OFFICE, REPEATED
from services.identity.commands import family_keys
from services.identity.commands.base import Identity
from services.identity.schemas.family_keys import (
    KeyCard,
    KeyIssued,
    KeyPage,
    KeysAsked,
    KeysIssued,
    KeysWanted,
)
from shared.web.routes import Call, Empty, NoBody, NoQuery, Route


async def post_family_keys(identity: Identity, call: Call[KeysWanted, NoQuery]) -> KeysIssued:
    issued = await family_keys.issue_keys(
        identity, call.agent_scope, call.body.families, call.known_command
    )
    return KeysIssued(keys=[KeyIssued(**asdict(one)) for one in issued])


async def get_family_keys(identity: Identity, call: Call[NoBody, KeysAsked]) -> KeyPage:
    asked = call.query
    found = await queries.family_keys(
        identity, call.agent_scope, asked.family, asked.after, asked.limit
    )
    cards = [KeyCard(**key.model_dump(include=_SHOWN), state=state) for key, state in found]
    return KeyPage(items=tuple(cards), next=cards[-1].id if len(cards) == asked.limit else None)


async def delete_family_key(identity: Identity, call: Call[NoBody, NoQuery]) -> Empty:
    await family_keys.revoke_key(identity, call.agent_scope, call.path["key"])
    return Empty()


_SHOWN = {"id", "family", "guardian", "issued_at", "expires_at", "used_at"}


ROUTES = [
    Route(
        "POST", "/family-keys", post_family_keys,
        "Keys for every guardian of these families; earlier unused ones are revoked",
        FAMILY_OFFICE, KeysIssued, body=KeysWanted, status=201, idempotent=True,
        refusals=("family-unknown", "keys-not-repeatable", *REPEATED),
    ),
    Route(
        "GET", "/family-keys", get_family_keys, "Keys issued, without their text", FAMILY_OFFICE,
        KeyPage, query=KeysAsked,
    ),
    Route(
        "DELETE", "/family-keys/{key}", delete_family_key, "Revoke an unused key", FAMILY_OFFICE,
        Empty, status=204, refusals=("family-key-used",),
    ),
]  # fmt: skip
