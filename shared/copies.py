"""Copies of what other services say about themselves, kept in one's own database.

A replica that does not consume at the moment hears nothing, so what is cached in memory is read
again from the store after ``FRESH`` seconds.
"""

from __future__ import annotations

import asyncio

from shared.auth import Keyring
from shared.bus.consumer import Reaction, on
from shared.clock import Clock
from shared.contracts.identity import KeysRotated, TownChanged
from shared.contracts.town_file import TownFile
from shared.errors import MissingCopy, not_found
from shared.events import Envelope
from shared.failpoints import step
from shared.runner import Job
from shared.store import Store

FRESH = 1.0
_KEYS = "copy_keys"
_TOWNS = "copy_towns"
_KEEP_KEYS = step("copies.keys.keep")
_KEEP_TOWN = step("copies.town.keep")


class KeyCopy:
    """Identity's public keys: in the store for the next start, in the keyring for now."""

    def __init__(self, store: Store, keys: Keyring) -> None:
        self._store = store
        self._keyring = keys
        self._heard = 0
        self.reaction: Reaction = on(KeysRotated, self._hear)
        self.job = Job("signing-keys", FRESH, self.load)

    async def load(self) -> None:
        """Teach the keyring what the store holds, when that is newer."""
        document = await self._store.get(_KEYS, "current")
        if document is not None and document["heard"] > self._heard:
            self._keyring.learn(document["jwks"])
            self._heard = document["heard"]

    async def _hear(self, envelope: Envelope, event: KeysRotated) -> None:
        await self._store.keep_copy(_KEEP_KEYS, _KEYS, "current", envelope, {"jwks": event.jwks})
        await self.load()


class Town:
    """A town's file and the version it has.

    ``heard`` tells which of two files is the later: it always rises, while versions are counted
    again from an earlier one when identity is restored from a dump.
    """

    __slots__ = ("file", "heard", "version")

    def __init__(self, file: TownFile, version: int, heard: int) -> None:
        self.file = file
        self.version = version
        self.heard = heard


class TownCopy:
    """The towns' files, cached for ``FRESH`` seconds of the machine's clock."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._cache: dict[str, Town] = {}
        self._checked: dict[str, float] = {}
        self._reading: set[str] = set()
        self._busy = asyncio.Lock()
        self.reaction: Reaction = on(TownChanged, self.hear)

    async def hear(self, envelope: Envelope, event: TownChanged) -> None:
        """Keep a town's file."""
        file = event.file.model_dump(mode="json")
        fields = {"file": file, "version": event.version}
        await self._store.keep_copy(_KEEP_TOWN, _TOWNS, envelope.town, envelope, fields)
        self._checked.pop(envelope.town, None)

    async def find(self, town: str) -> Town | None:
        """The town, or None when it was never heard of."""
        if town in self._reading or not self._is_fresh(town):
            async with self._busy:
                if not self._is_fresh(town):
                    await self._read(town)
        return self._cache.get(town)

    def _is_fresh(self, town: str) -> bool:
        now = self._clock.machine().timestamp()
        return town in self._cache and now - self._checked.get(town, -FRESH) < FRESH

    async def _read(self, town: str) -> None:
        """Read it, which whoever asks meanwhile waits for: none is given the file from before."""
        # Noted before reading: what is heard meanwhile takes the note away again.
        self._checked[town] = self._clock.machine().timestamp()
        self._reading.add(town)
        try:
            await self._refresh(town)
        except BaseException:
            self._checked.pop(town, None)
            raise
        finally:
            self._reading.discard(town)
        if town not in self._cache:  # whoever asks for towns that do not exist fills nothing
            self._checked.pop(town, None)

    async def get(self, town: str) -> Town:
        """The town; refused (404) when unknown: for requests."""
        found = await self.find(town)
        if found is None:
            raise not_found("cette commune")
        return found

    async def need(self, town: str) -> Town:
        """The town; ``MissingCopy`` when unknown: for reactions."""
        found = await self.find(town)
        if found is None:
            raise MissingCopy(f"towns/{town}")
        return found

    async def all(self) -> list[Town]:
        """Every town heard of: for jobs."""
        documents = await self._store.find(_TOWNS, {}, projection={"_id": 1}, sort=[("_id", 1)])
        found = [await self.find(document["_id"]) for document in documents]
        return [town for town in found if town is not None]

    async def _refresh(self, town: str) -> None:
        known = self._cache.get(town)
        head = await self._store.get(_TOWNS, town, {"heard": 1})
        if head is None or (known is not None and known.heard == head["heard"]):
            return
        document = await self._store.get(_TOWNS, town)
        if document is not None:
            file = TownFile.model_validate(document["file"])
            self._cache[town] = Town(file, document["version"], document["heard"])
