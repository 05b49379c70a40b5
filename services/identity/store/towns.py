"""Towns' files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pymongo import IndexModel

from services.identity.store.base import Collections, push_done
from shared.contracts.identity import TownChanged
from shared.contracts.town_file import AgentSettings, TownFile
from shared.errors import not_found
from shared.events import Event
from shared.failpoints import step
from shared.store import Document

TOWNS, TOWN_FILES = "towns", "town_files"
INDEXES = {TOWN_FILES: [IndexModel([("town", 1), ("version", -1)])]}

KEEP_TOWN_FILE = step("identity.town.keep-file")
CREATE_TOWN = step("identity.town.create")
CHANGE_TOWN = step("identity.town.change")


class Towns(Collections):
    """Every query and write of towns."""

    async def town(self, town: str) -> Document | None:
        """``{file, version, digest, saved_at, saved_by, done, ...}``, or None; ``saved_by`` is
        None where a command at the server loaded it."""
        return await self._store.get(TOWNS, town)

    async def town_file(self, town: str, version: int) -> Document | None:
        """A version that was replaced: ``{file, version, saved_at, saved_by}``, or None."""
        return await self._store.get(TOWN_FILES, f"{town}/{version}")

    async def replaced_files(self, town: str, before: int, limit: int) -> list[Document]:
        """Versions older than ``before``, the newest first, without what they say."""
        return await self._store.find(
            TOWN_FILES, {"town": town, "version": {"$lt": before}}, sort=[("version", -1)],
            limit=limit, projection={"file": 0},
        )  # fmt: skip

    async def town_exists(self, town: str) -> bool:
        """Whether the town was ever loaded."""
        return await self._store.get(TOWNS, town, {"_id": 1}) is not None

    async def town_names(self, towns: Sequence[str]) -> dict[str, str]:
        """The names of these towns, by slug."""
        found = await self._store.find(
            TOWNS, {"_id": {"$in": list(towns)}}, projection={"file.name": 1}
        )
        return {document["_id"]: document["file"]["name"] for document in found}

    async def agent_settings(self, town: str) -> tuple[str, frozenset[str]]:
        """The town's time zone, and the roles that want a second factor there."""
        wanted = {"file.time_zone": 1, "file.agents": 1}
        found = await self._store.get(TOWNS, town, wanted)
        if found is None:
            raise not_found("cette commune")
        settings = AgentSettings.model_validate(found["file"].get("agents", {}))
        return found["file"]["time_zone"], frozenset(settings.second_factor)

    async def save_town(
        self,
        before: Document | None,
        said: TownChanged,
        digest: str,
        entry: Document | None,
        *,
        saved_at: datetime,
        saved_by: str | None,
    ) -> bool:
        """Save a town's file as the next version and say it; False when it changed meanwhile.

        The version that it replaces is kept first: until the file itself is replaced, that says
        nothing new.
        """
        town = said.file.town
        fields = {
            "file": said.file.model_dump(mode="json"),
            "version": said.version,
            "digest": digest,
            "saved_at": saved_at,
            "saved_by": saved_by,
        }
        if before is not None:
            kept = {name: before[name] for name in _KEPT}
            await self._store.insert(
                KEEP_TOWN_FILE, TOWN_FILES,
                {"_id": f"{town}/{before['version']}", "town": town, **kept},
            )  # fmt: skip
        if before is None:
            new = {"_id": town, "town": town, **fields, "done": [entry] if entry else []}
            return await self._store.insert(CREATE_TOWN, TOWNS, new, said)
        return await self._store.save(
            CHANGE_TOWN, TOWNS, before, {"$set": fields, **push_done(entry)}, said
        )

    async def note_town_command(self, before: Document, entry: Document) -> bool:
        """Remember a command that changed nothing."""
        return await self._store.save(CHANGE_TOWN, TOWNS, before, push_done(entry))


#: What is kept of a version.
_KEPT = ("file", "version", "saved_at", "saved_by")


def states_of(document: Document) -> tuple[Event, ...]:
    file = TownFile.model_validate(document["file"])
    return (TownChanged(version=document["version"], file=file),)
