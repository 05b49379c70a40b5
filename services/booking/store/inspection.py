"""Reading everything, in batches, for ``preau check``."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from services.booking.domain.request import Request
from services.booking.domain.soundness import Counted, Holders
from services.booking.store.request_documents import request_of
from services.booking.store.requests import REQUESTS
from services.booking.store.session_documents import session_id, stored_shape
from shared.store import Document, Store

SESSIONS = "sessions"

Slot = tuple[str, date]


class Inspection:
    """Every query of the checks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def sessions_after(self, after: str, town: str | None, limit: int) -> list[Counted]:
        """Sessions in the order of their ids."""
        query: Document = {"_id": {"$gt": after}}
        if town is not None:  # ids begin with the town; "0" follows "/"
            query = {"_id": {"$gt": max(after, f"{town}/"), "$lt": f"{town}0"}}
        found = await self._store.find(SESSIONS, query, sort=[("_id", 1)], limit=limit)
        return [_counted(document) for document in found]

    async def sessions(self, ids: Collection[str]) -> list[Counted]:
        """These sessions."""
        found = await self._store.find(SESSIONS, {"_id": {"$in": sorted(ids)}})
        return [_counted(document) for document in found]

    async def requests_after(self, after: str, town: str | None, limit: int) -> list[Request]:
        """Requests in the order of their ids."""
        query: Document = {"_id": {"$gt": after}} | ({"town": town} if town else {})
        found = await self._store.find(REQUESTS, query, sort=[("_id", 1)], limit=limit)
        return [request_of(document) for document in found]

    async def requests(self, ids: Collection[str]) -> dict[str, Request]:
        """These requests, by id."""
        found = await self._store.find(REQUESTS, {"_id": {"$in": sorted(ids)}}) if ids else []
        return {document["_id"]: request_of(document) for document in found}

    async def holders(
        self, town: str, slots: Iterable[Slot], children: Iterable[str]
    ) -> dict[Slot, Holders]:
        """What these children hold, by session."""
        ids = {session_id(town, *slot): slot for slot in slots}
        seen = {f"holders.{child}": 1 for child in set(children)}
        found = await self._store.find(
            SESSIONS, {"_id": {"$in": sorted(ids)}}, projection=seen or {"_id": 1}
        )
        return {ids[document["_id"]]: document.get("holders", {}) for document in found}


def _counted(document: Document) -> Counted:
    return Counted(
        id=document["_id"],
        town=document["town"],
        activity=document["activity"],
        date=date.fromisoformat(document["date"]),
        shape=stored_shape(document),
        left=document["left"],
        extra=document.get("extra", {}),
        over=document.get("over", {}),
        members=document.get("members", {}),
        holders=document["holders"],
        freed=frozenset(document["freed"]),
    )
