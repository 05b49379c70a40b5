"""The bearer's families."""

from __future__ import annotations

from services.identity import queries
from services.identity.api.access import KEY_REFUSALS, REPEATED
from services.identity.commands import family_keys
from services.identity.commands.base import Identity
from services.identity.schemas.family_links import FamilyLink, FamilyLinks, KeyTyped
from shared.auth import ACCOUNT
from shared.web.routes import Call, NoBody, NoQuery, Route


async def get_family_links(identity: Identity, call: Call[NoBody, NoQuery]) -> FamilyLinks:
    links = await queries.family_links(identity, call.family_scope)
    return FamilyLinks(links=[FamilyLink(**link) for link in links])


async def post_family_link(identity: Identity, call: Call[KeyTyped, NoQuery]) -> FamilyLink:
    link = await family_keys.link_family(
        identity, call.family_scope, call.body.key, call.address, call.known_command
    )
    return FamilyLink(**link, refresh_token_now=True)


ROUTES = [
    Route(
        "GET", "/family-links", get_family_links, "The bearer's families (Mes abonnements)",
        ACCOUNT, FamilyLinks,
    ),
    Route(
        "POST", "/family-links", post_family_link, "Link a family with the key of the letter",
        ACCOUNT, FamilyLink, body=KeyTyped, status=201, idempotent=True,
        refusals=(*KEY_REFUSALS, "too-busy", *REPEATED),
    ),
]  # fmt: skip
