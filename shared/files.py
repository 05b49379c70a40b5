"""Files, in GridFS: stored first, then named by a document; what none names is swept.

A file is sealed as a whole (``shared.sealing``), bound to its id: a copy of the database shows
none. It is never changed: another version is another file, and so is the same under another key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from bson import ObjectId
from gridfs import NoFile

from shared.driver import talking
from shared.failpoints import Step
from shared.sealing import Sealer
from shared.store import Store


class Files:
    """The files of one service, under the name of a bucket."""

    def __init__(self, store: Store, sealer: Sealer, bucket: str = "files") -> None:
        self._store = store
        self._sealer = sealer
        self._name = bucket
        self._bucket = store.bucket(bucket)

    async def put(self, step: Step, file: str, content: bytes) -> None:
        """Store a file under a fresh id."""
        key, box = self._sealer.seal_bytes(content, self._name, file, "content")
        step.before()
        with talking():
            await self._bucket.upload_from_stream_with_id(file, file, box, metadata={"key": key})
        step.after()

    async def get(self, file: str) -> bytes | None:
        """A file's content, or None when it is not there."""
        with talking():
            try:
                stored = await self._bucket.open_download_stream(file)
                box: bytes = await stored.read()
            except NoFile:
                return None
        key = (stored.metadata or {})["key"]
        return self._sealer.open_bytes(key, box, self._name, file, "content")

    async def sealed_by_others(self, after: str, limit: int) -> list[str]:
        """The next ids, by id, of the files that another key sealed than the one that seals now."""
        others = {"metadata.key": {"$ne": self._sealer.current}, "_id": {"$gt": after}}
        found = await self._store.find(
            f"{self._name}.files", others, sort=[("_id", 1)], limit=limit, projection={"_id": 1}
        )
        return [one["_id"] for one in found]

    async def beginning(self, name: str) -> list[str]:
        """The ids that begin so, of files and of broken-off ones."""
        after = {"$gte": name, "$lt": name[:-1] + chr(ord(name[-1]) + 1)}
        entries = await self._store.find(
            f"{self._name}.files", {"_id": after}, projection={"_id": 1}
        )
        pieces = await self._store.find(
            f"{self._name}.chunks", {"files_id": after, "n": 0}, projection={"files_id": 1}
        )
        ids = {one["_id"] for one in entries} | {one["files_id"] for one in pieces}
        return sorted(ids)

    async def delete(self, step: Step, file: str) -> None:
        """Remove a file; one that is not there is no error."""
        step.before()
        with talking():
            try:
                await self._bucket.delete(file)
            except NoFile:
                return
        step.after()

    async def stored_before(self, instant: datetime) -> AsyncIterator[str]:
        """The ids of what was stored before an instant of the machine's clock, broken-off files
        included: those have pieces and no entry."""
        entries = await self._store.find(
            f"{self._name}.files", {"uploadDate": {"$lt": instant}}, projection={"_id": 1}
        )
        for entry in entries:
            yield entry["_id"]
        broken_off: list[dict[str, Any]] = [
            {"$match": {"n": 0, "_id": {"$lt": ObjectId.from_datetime(instant)}}},
            {"$lookup": {"from": f"{self._name}.files", "localField": "files_id",
                         "foreignField": "_id", "as": "entry"}},
            {"$match": {"entry": []}},
            {"$project": {"files_id": 1}},
        ]  # fmt: skip
        async for piece in self._store.aggregate(f"{self._name}.chunks", broken_off):
            yield piece["files_id"]
