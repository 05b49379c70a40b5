"""``copy_documents``: family's supporting documents, as states, by document."""

from __future__ import annotations

from collections.abc import Iterable

from shared.contracts.family import DocumentChanged
from shared.events import Envelope
from shared.failpoints import step
from shared.store import Store

DOCUMENTS = "copy_documents"
KEEP_DOCUMENT = step("booking.document.keep")


class Documents:
    """What booking knows of supporting documents."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(self, envelope: Envelope, event: DocumentChanged) -> None:
        """Keep where a document stands."""
        fields = event.model_dump(mode="json")
        await self._store.keep_copy(KEEP_DOCUMENT, DOCUMENTS, event.document, envelope, fields)

    async def of(self, town: str, documents: Iterable[str]) -> dict[str, DocumentChanged]:
        """Those of the documents that the town has, by id."""
        query = {"_id": {"$in": list(documents)}, "town": town}
        found = await self._store.find(DOCUMENTS, query)
        return {one["_id"]: DocumentChanged.model_validate(one) for one in found}
