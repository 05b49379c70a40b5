"""Files received: scanned, cleaned, stored, then named; what nobody names goes after a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from services.family.domain.uploads import (
    KEPT_UNNAMED,
    MEDIA_TYPES,
    MOST_A_DAY,
    MOST_WAITING_BYTES,
    NAMED_WITHIN,
    BadFile,
    KeptFile,
    file_name,
    refusal,
)
from services.family.state import State
from services.family.store.uploads import kept_file
from shared.auth import Scope
from shared.errors import Refused
from shared.ids import new_id
from shared.logs import get_logger
from shared.web.routes import Command, Received

_log = get_logger()


async def receive(state: State, scope: Scope, file: Received, command: Command) -> KeptFile:
    """Keep a file that was sent; the same command again changes nothing.

    Raises ``Refused``: the codes of ``domain.uploads.REFUSALS``.
    """
    known = await state.uploads.one(command.id)
    if known is None:
        await _bound(state, scope, len(file.content))
        known = await _keep(state, scope, file, command)
    if known["body_hash"] != command.body_hash:
        raise Refused(
            "idempotency-key-reused", "Cette clé a déjà servi à un autre fichier.", status=422
        )
    return kept_file(known)


async def _bound(state: State, scope: Scope, size: int) -> None:
    sent = await state.uploads.since(scope.account, state.clock.machine() - KEPT_UNNAMED)
    if len(sent) >= MOST_A_DAY:
        raise Refused(
            "too-many-files", f"Au plus {MOST_A_DAY} fichiers par jour. Continuez demain.",
            status=429, retry_after=3600,
        )  # fmt: skip
    if sum(sent.values()) + size <= MOST_WAITING_BYTES:
        return
    named = await state.uploads.named(list(sent))
    if sum(bytes_ for one, bytes_ in sent.items() if one not in named) + size > MOST_WAITING_BYTES:
        raise Refused(
            "too-many-bytes",
            "Vous avez envoyé beaucoup de fichiers sans les joindre à une demande : joignez-les,"
            " ou continuez demain.",
            status=413, retry_after=3600,
        )  # fmt: skip


async def _keep(state: State, scope: Scope, file: Received, command: Command) -> dict[str, object]:
    try:
        await state.scanner.check(file.content)
        cleaned = await state.cleaners.clean(file.content)
    except BadFile as bad:
        _log.info("file-refused", code=bad.code)
        raise refusal(bad.code) from bad
    upload: dict[str, object] = {
        "_id": command.id, "town": scope.town, "account": scope.account, "stored": new_id(),
        "name": file_name(file.name, cleaned.kind), "media_type": MEDIA_TYPES[cleaned.kind],
        "size": len(cleaned.content), "pages": cleaned.pages, "body_hash": command.body_hash,
        "uploaded_at": state.clock.machine(),
    }  # fmt: skip
    if await state.uploads.keep(upload, cleaned.content):
        return upload
    return await state.uploads.one(command.id) or upload


async def own_files(
    state: State, scope: Scope, uploads: Sequence[str], field: str
) -> tuple[KeptFile, ...]:
    """The bearer's own files of these ids, to be named by a document. Raises as ``own_named``."""
    return await own_named(
        state, scope, [(f"{field}/{position}", one) for position, one in enumerate(uploads)]
    )


async def own_named(
    state: State, scope: Scope, named: Sequence[tuple[str, str]]
) -> tuple[KeptFile, ...]:
    """The bearer's own files of these ids, each with its place in what was sent.

    Raises ``Refused`` (422): ``file-unknown`` for what is not theirs or is about to be removed.
    """
    uploads = [upload for _, upload in named]
    found = await state.uploads.sent_by(scope, uploads)
    limit = state.clock.machine() - NAMED_WITHIN
    old = [_id for _id, one in found.items() if one["uploaded_at"] < limit]
    usable = found.keys() - (set(old) - await state.uploads.named(old) if old else set())
    for place, upload in named:
        if upload not in usable:
            raise Refused(
                "file-unknown", "Ce fichier n'est plus là : envoyez-le de nouveau.", status=422,
                field=place,
            )  # fmt: skip
    return tuple(kept_file(found[upload]) for upload in uploads)


async def sweep(state: State, kept: timedelta = KEPT_UNNAMED) -> None:
    """The job: remove what nothing names after so long. Two replicas at once do no harm."""
    limit = state.clock.machine() - kept
    unnamed = 0
    async for uploads in state.uploads.before(limit):
        unnamed += await state.uploads.remove_unnamed(uploads)
    unknown = await state.uploads.remove_unknown(limit)
    if unnamed or unknown:
        _log.info("files-swept", count=unnamed + unknown)
