"""Routes of files: sent first, then named by what they belong to."""

from __future__ import annotations

from services.family.commands import uploads as commands
from services.family.domain.uploads import MAX_FILE_BYTES, MEDIA_TYPES, REFUSALS
from services.family.queries import uploads as queries
from services.family.schemas.uploads import FileOut
from services.family.state import State
from shared.auth import ACCOUNT, agents, either
from shared.web.routes import Call, File, Files, NoBody, NoQuery, Route

_SENDERS = either(ACCOUNT, agents("administrator", "childcare_office", "billing_office"))
#: What every file is that Préau keeps.
KEPT = Files(*MEDIA_TYPES.values())


async def send_file(state: State, call: Call[NoBody, NoQuery]) -> FileOut:
    """A file, cleaned and kept."""
    kept = await commands.receive(state, call.scope, call.known_file, call.known_command)
    return FileOut.of(kept)


async def own_file(state: State, call: Call[NoBody, NoQuery]) -> File:
    """A file back to who sent it."""
    return await queries.own(state, call.scope, call.path["file"])


ROUTES = [
    Route(
        "POST", "/files", send_file,
        "Send a file (PDF, JPEG or PNG), to be named within a day by what it belongs to",
        access=_SENDERS, answer=FileOut, status=201, idempotent=True,
        takes=tuple(MEDIA_TYPES.values()), max_body=MAX_FILE_BYTES,
        refusals=(*REFUSALS, "idempotency-key-reused"),
    ),
    Route(
        "GET", "/files/{file}", own_file, "A file that the bearer has sent and nothing names yet",
        access=_SENDERS, answer=KEPT,
    ),
]  # fmt: skip
