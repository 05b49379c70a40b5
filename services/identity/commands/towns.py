"""Towns: loading and changing a town file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import orjson

from services.identity.commands.base import Identity, contended
from shared.auth import AgentScope
from shared.contracts.identity import TownChanged
from shared.contracts.town_file import TownFile
from shared.errors import Refused
from shared.web.conditional import Expected
from shared.web.routes import Command

_TRIES = 10


async def load_town(identity: Identity, file: TownFile) -> int:
    """Save a checked town file; its version. The same content again is no new version."""
    return await _save(identity, file)


async def put_town_file(
    identity: Identity, scope: AgentScope, file: TownFile, command: Command, expected: Expected
) -> int:
    """An administrator's change of the version of the town's file that they have seen; the version
    it makes. Raises ``Refused``: ``wrong-town``, ``changed-meanwhile``."""
    if file.town != scope.town:
        raise Refused(
            "wrong-town", "Ce fichier est celui d'une autre commune.", status=422, field="/town"
        )
    return await _save(identity, file, _Put(scope.account, command, expected))


@dataclass(frozen=True, slots=True)
class _Put:
    """Whose change it is, by which command, of which version."""

    account: str
    command: Command
    expected: Expected


async def _save(identity: Identity, file: TownFile, put: _Put | None = None) -> int:
    digest = _digest(file)
    now = identity.clock.machine()
    for _ in range(_TRIES):
        before = await identity.store.town(file.town)
        if put is not None:
            known = identity.repeats.answer_in(before, put.command) if before else None
            if known is not None:
                return int(known["version"])
            put.expected.check(before["version"] if before else 0)
        same = before is not None and before["digest"] == digest
        version = before["version"] + (not same) if before else 1
        entry = identity.repeats.entry(put.command, {"version": version}, now) if put else None
        if before and same:
            if entry is None or await identity.store.note_town_command(before, entry):
                return int(version)
        elif await identity.store.save_town(
            before, TownChanged(version=version, file=file), digest, entry, saved_at=now,
            saved_by=put.account if put else None,
        ):  # fmt: skip
            return int(version)
    raise contended()


def _digest(file: TownFile) -> str:
    content = orjson.dumps(file.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(content).hexdigest()
