"""The town's card and its file."""

from __future__ import annotations

import base64
import hashlib

from services.identity import queries
from services.identity.api.access import ADMINISTRATOR, REPEATED
from services.identity.commands import towns
from services.identity.commands.base import Identity
from services.identity.schemas.towns import (
    TownCard,
    TownFileInput,
    TownFilePage,
    TownFileSaved,
    TownFilesQuery,
    TownFileVersion,
)
from shared.auth import PUBLIC
from shared.contracts.town_file import TownFile
from shared.errors import not_found
from shared.web.routes import Call, File, Files, NoBody, NoQuery, Route, Versioned

_TOWN_FILE_BYTES = 512 * 1024
#: Longer than any number of versions.
_DIGITS = 9


async def get_town(identity: Identity, call: Call[NoBody, NoQuery]) -> TownCard:
    _, file = await queries.town_file(identity, call.town)
    payfip = file.collection_office.payfip
    return TownCard(
        town=file.town,
        name=file.name,
        contact=file.contact,
        family_key=file.family_key,
        family_key_called=file.family_keys.called,
        time_zone=file.time_zone,
        schools=file.schools,
        accent=file.portal.accent,
        welcome=file.portal.welcome,
        privacy=file.portal.privacy,
        logo=_version_of(file.portal.logo),
        payfip_mode=payfip.entry_mode if payfip else None,
    )


def _version_of(logo: str | None) -> str | None:
    return hashlib.sha256(logo.encode()).hexdigest()[:16] if logo else None


async def get_town_logo(identity: Identity, call: Call[NoBody, NoQuery]) -> File:
    _, file = await queries.town_file(identity, call.town)
    if file.portal.logo is None:
        raise not_found("ce logo")
    return File("logo.png", base64.b64decode(file.portal.logo), "image/png")


async def get_town_file(identity: Identity, call: Call[NoBody, NoQuery]) -> Versioned:
    found = await queries.town_file_saved(identity, call.agent_scope.town)
    return Versioned(found, found.version)


async def list_town_files(identity: Identity, call: Call[NoBody, TownFilesQuery]) -> TownFilePage:
    return await queries.town_files(identity, call.agent_scope.town, call.query)


async def get_old_town_file(identity: Identity, call: Call[NoBody, NoQuery]) -> TownFileSaved:
    version = call.path["version"]
    if not version.isdecimal() or len(version) > _DIGITS:
        raise not_found("cette version")
    return await queries.town_file_saved(identity, call.agent_scope.town, int(version))


async def put_town_file(identity: Identity, call: Call[TownFileInput, NoQuery]) -> TownFileVersion:
    file = TownFile.model_validate(call.body.model_dump())
    version = await towns.put_town_file(
        identity, call.agent_scope, file, call.known_command, call.expected
    )
    return TownFileVersion(version=version)


ROUTES = [
    Route("GET", "/town", get_town, "The town's public card", PUBLIC, TownCard),
    Route("GET", "/town-logo", get_town_logo, "The town's logo", PUBLIC, Files("image/png")),
    Route(
        "GET", "/town-file", get_town_file, "The town file in force", ADMINISTRATOR,
        TownFileSaved, versioned=True,
    ),
    Route(
        "GET", "/town-file/versions", list_town_files, "All versions of the town file",
        ADMINISTRATOR, TownFilePage, query=TownFilesQuery,
    ),
    Route(
        "GET", "/town-file/versions/{version}", get_old_town_file, "One version of the town file",
        ADMINISTRATOR, TownFileSaved,
    ),
    Route(
        "PUT", "/town-file", put_town_file, "Replace the town file", ADMINISTRATOR,
        TownFileVersion, body=TownFileInput, idempotent=True, guarded=True,
        max_body=_TOWN_FILE_BYTES,
        refusals=("wrong-town", *REPEATED),
    ),
]  # fmt: skip
