"""Files received, and what names them.

``uploads``: who sent a file and when (machine's clock); ``stored`` is its id in GridFS, which alone
changes, when the file is sealed again by another key. A file is kept as long as some document names
it: ``REFERENCES`` says where.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

from pymongo import IndexModel

from services.family.domain.uploads import KeptFile
from shared.auth import Scope
from shared.failpoints import step
from shared.files import Files
from shared.ids import new_id
from shared.store import Document, Store

UPLOADS = "uploads"
INDEXES = {UPLOADS: [IndexModel([("account", 1), ("uploaded_at", 1)]), IndexModel([("stored", 1)])]}

PUT_FILE = step("family.file.put")
INSERT_UPLOAD = step("family.upload.insert")
RESEAL_UPLOAD = step("family.upload.reseal")
DELETE_UPLOAD = step("family.upload.delete")
DELETE_FILE = step("family.file.delete")

_PAGE = 500


class UploadStore:
    """Every query and write about files received. ``references``: collection to field."""

    def __init__(self, store: Store, files: Files, references: Mapping[str, str]) -> None:
        self._store = store
        self._files = files
        self._references = references

    async def one(self, upload: str) -> Document | None:
        """What is known of a file received."""
        return await self._store.get(UPLOADS, upload)

    async def sent_by(self, scope: Scope, uploads: Sequence[str]) -> dict[str, Document]:
        """Those of the files that the bearer has sent, by id."""
        query = {"_id": {"$in": list(uploads)}, "town": scope.town, "account": scope.account}
        return {one["_id"]: one for one in await self._store.find(UPLOADS, query)}

    async def of_account(self, account: str) -> list[str]:
        """For the service's own work: the ids of the files that an account has sent."""
        found = await self._store.find(UPLOADS, {"account": account}, projection={"_id": 1})
        return [one["_id"] for one in found]

    async def since(self, account: str, instant: datetime) -> dict[str, int]:
        """The files that an account has sent since, by id, with what each comes to in bytes."""
        query = {"account": account, "uploaded_at": {"$gte": instant}}
        found = await self._store.find(UPLOADS, query, projection={"size": 1})
        return {one["_id"]: one["size"] for one in found}

    async def keep(self, upload: Document, content: bytes) -> bool:
        """Store a file, then what names it; False when that is there already."""
        await self._files.put(PUT_FILE, upload["stored"], content)
        if await self._store.insert(INSERT_UPLOAD, UPLOADS, upload):
            return True
        await self._files.delete(DELETE_FILE, upload["stored"])
        return False

    async def content(self, upload: str) -> bytes | None:
        """A file's content, or None when it is no longer there."""
        for _ in range(2):  # once more: it may just have been sealed again, as another file
            known = await self._store.get(UPLOADS, upload, {"stored": 1})
            if known is None:
                return None
            if (content := await self._files.get(known["stored"])) is not None:
                return content
        return None

    async def named_by(self, family: str) -> list[str]:
        """The files that the documents of a family name."""
        return [
            one
            for collection, field in self._references.items()
            for document in await self._store.find(
                collection, {"family": family}, projection={field: 1}
            )
            for one in _values(document, field.split("."))
        ]

    async def named(self, uploads: Sequence[str]) -> set[str]:
        """Those of the files that some document names."""
        found: set[str] = set()
        for collection, field in self._references.items():
            documents = await self._store.find(
                collection, {field: {"$in": list(uploads)}}, projection={field: 1}
            )
            found |= {one for document in documents for one in _values(document, field.split("."))}
        return found & set(uploads)

    async def remove_unnamed(self, uploads: Sequence[str]) -> int:
        """Remove those of the files that no document names; how many."""
        gone = sorted(set(uploads) - await self.named(uploads))
        for known in await self._store.find(UPLOADS, {"_id": {"$in": gone}}):
            await self._store.delete(DELETE_UPLOAD, UPLOADS, {"_id": known["_id"]})
            await self._files.delete(DELETE_FILE, known["stored"])
        return len(gone)

    async def sealed_by_others(self, after: str, limit: int) -> list[str]:
        """The next ids in GridFS of files that an older key sealed."""
        return await self._files.sealed_by_others(after, limit)

    async def reseal(self, stored: str) -> bool:
        """Seal a file again by the current key, as another file; then the upload names that one,
        then the old one goes. False when no upload names it: it is swept. What a crash leaves over
        is swept too."""
        known = await self._store.first(UPLOADS, {"stored": stored})
        content = await self._files.get(stored)
        if known is None or content is None:
            return False
        fresh = new_id()
        await self._files.put(PUT_FILE, fresh, content)
        done = await self._store.change(
            RESEAL_UPLOAD, UPLOADS, known["_id"], {"stored": stored}, {"$set": {"stored": fresh}}
        )
        await self._files.delete(DELETE_FILE, stored if done else fresh)
        return done

    async def before(self, instant: datetime) -> AsyncIterator[list[str]]:
        """The ids of all files received before, some at a time."""
        last = ""
        while True:
            query = {"_id": {"$gt": last}, "uploaded_at": {"$lt": instant}}
            found = await self._store.find(
                UPLOADS, query, sort=[("_id", 1)], limit=_PAGE, projection={"_id": 1}
            )
            if not found:
                return
            last = found[-1]["_id"]
            yield [one["_id"] for one in found]

    async def remove_unknown(self, instant: datetime) -> int:
        """Remove what was stored before and never came to be an upload; how many."""
        count = 0
        async for stored in self._files.stored_before(instant):
            if not await self._store.count(UPLOADS, {"stored": stored}):
                await self._files.delete(DELETE_FILE, stored)
                count += 1
        return count


def kept_file(upload: Document) -> KeptFile:
    """A file as documents name it."""
    return KeptFile.model_validate({**upload, "id": upload["_id"]})


def _values(value: object, path: Sequence[str]) -> list[str]:
    """What lies under a path of fields, through lists."""
    if isinstance(value, list):
        return [found for one in value for found in _values(one, path)]
    if path and isinstance(value, dict):
        return _values(value.get(path[0]), path[1:])
    return [value] if not path and isinstance(value, str) else []
