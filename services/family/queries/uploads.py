"""What was sent and is not named yet, as its sender may see it again."""

from __future__ import annotations

from services.family.domain.uploads import KeptFile
from services.family.state import State
from services.family.store.uploads import kept_file
from shared.auth import Scope
from shared.errors import not_found
from shared.web.routes import File


async def own(state: State, scope: Scope, upload: str) -> File:
    """A file that the bearer has sent and nothing names yet: once named it is read where it
    belongs, with the rights and the audit of that. Raises ``Refused`` (404)."""
    found = await state.uploads.sent_by(scope, [upload])
    if upload not in found or await state.uploads.named([upload]):
        raise not_found("ce fichier")
    return await content_of(state, kept_file(found[upload]))


async def content_of(state: State, file: KeptFile) -> File:
    """A file as an answer; who may have it was asked before. Raises ``Refused`` (404)."""
    content = await state.uploads.content(file.id)
    if content is None:
        raise not_found("ce fichier")
    return File(file.name, content, file.media_type)
