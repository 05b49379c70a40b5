"""Family keys, for agents."""

from __future__ import annotations

from dataclasses import asdict

from services.identity import queries
from services.identity.api.access import FAMILY_OFFICE, REPEATED
from services.identity.commands import family_keys, key_letters
from services.identity.commands.base import Identity
from services.identity.schemas.family_keys import (
    KeyCard,
    KeyIssued,
    KeyPage,
    KeysAsked,
    KeysIssued,
    KeysWanted,
    LettersAsked,
)
from shared.web.routes import PDF, Call, Empty, File, NoBody, NoQuery, Route


async def post_family_keys(identity: Identity, call: Call[KeysWanted, NoQuery]) -> KeysIssued:
    issued = await family_keys.issue_keys(
        identity, call.agent_scope, call.body.families, call.known_command
    )
    for family in call.body.families:
        call.act.concerns(family=family)
    keys = [KeyIssued(**asdict(one)) for one in issued.keys]
    return KeysIssued(issue=issued.issue, keys=keys)


async def get_letters(identity: Identity, call: Call[NoBody, LettersAsked]) -> File:
    issue, families = call.path["issue"], call.query.families
    for family in families:
        call.act.concerns(family=family)
    printed = await key_letters.print_letters(identity, call.agent_scope, issue, families)
    return File(f"cles-{issue}.pdf", printed)


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


_SHOWN = {"id", "family", "guardians", "issued_at", "expires_at", "uses"}


ROUTES = [
    Route(
        "POST", "/family-keys", post_family_keys,
        "Keys for the guardians of these families; earlier ones still open are revoked",
        FAMILY_OFFICE, KeysIssued, body=KeysWanted, status=201, idempotent=True,
        refusals=("family-unknown", "keys-not-repeatable", *REPEATED),
    ),
    Route(
        "GET", "/family-key-issues/{issue}/letters.pdf", get_letters,
        "The letters of the keys of an issue that are still open, in one document to print",
        FAMILY_OFFICE, PDF, query=LettersAsked,
        refusals=("letters-too-old", "no-letter-left", "keys-not-repeatable"),
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
