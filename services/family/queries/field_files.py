"""Files that fields of a dossier name, to whoever may read the field."""

from __future__ import annotations

from services.family.domain.named_files import named_files
from services.family.queries.dossiers import sheet_of
from services.family.queries.households import held_by
from services.family.queries.sites import check_site, over
from services.family.queries.uploads import content_of
from services.family.state import State
from services.family.store.uploads import kept_file
from shared.auth import Bearer, Scope
from shared.contracts.dossier import FIELDS
from shared.errors import not_found
from shared.web.routes import File

_WHAT = "ce fichier"
_HEALTH = {field.name for field in FIELDS if field.sensitivity == "health"}


async def file_of(state: State, scope: Scope, bearer: Bearer, family: str, file: str) -> File:
    """A file that a field of the family names, or a change that waits; that something about health
    is read is recorded first. Raises ``Refused`` (404)."""
    scope = over(scope, family)
    held, _ = await held_by(state, scope, family)
    seen = (await sheet_of(state, scope, held, sealed=True)).family
    named = [one for one in named_files(seen, state.vault.opened) if one.id == file]
    upload = await state.uploads.one(file) if named else None
    if upload is None:
        raise not_found(_WHAT)
    await check_site(state, scope, held, named[0].member)
    health = next((one for one in named if one.field in _HEALTH), None)
    if health is not None:
        await state.audit.sensitive_read(
            bearer, "health_document", family=family, child=health.member
        )
    return await content_of(state, kept_file(upload))
