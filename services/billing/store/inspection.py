"""What ``preau check`` reads of billing: whole documents, as they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence

from services.billing.store import CHARGES
from services.billing.store.accounts import ACCOUNTS
from services.billing.store.collections import DEBITS
from services.billing.store.invoices import INVOICES
from services.billing.store.payments import PAYMENTS
from shared.store import Document, Store


class Inspection:
    """Reads accounts, invoices and charges in bulk."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def accounts_after(self, after: str, town: str | None, limit: int) -> list[Document]:
        """Accounts in the order of their ids."""
        query: Document = {"_id": {"$gt": after}} | ({"town": town} if town else {})
        return await self._store.find(
            ACCOUNTS, query, sort=[("_id", 1)], limit=limit, projection={"pending": 0}
        )

    async def accounts(self, ids: Collection[str]) -> list[Document]:
        """These accounts."""
        return await self._store.find(
            ACCOUNTS, {"_id": {"$in": sorted(ids)}}, projection={"pending": 0}
        )

    async def invoices_of(self, towns: Sequence[str], families: Sequence[str]) -> list[Document]:
        """The invoices and credit notes of some families."""
        return await self._store.find(
            INVOICES,
            {"town": {"$in": list(towns)}, "family": {"$in": list(families)}},
            projection={"pending": 0},
        )

    async def payments_of(self, towns: Sequence[str], families: Sequence[str]) -> list[Document]:
        """The payments of some families that were received, reversed ones too."""
        query = {
            "town": {"$in": list(towns)},
            "family": {"$in": list(families)},
            "state": {"$in": ["paid", "reversed"]},
        }
        return await self._store.find(PAYMENTS, query)

    async def debits_of(self, towns: Sequence[str], families: Sequence[str]) -> list[Document]:
        """The direct debits of some families, but for those that came into no file."""
        query = {
            "town": {"$in": list(towns)},
            "family": {"$in": list(families)},
            "state": {"$ne": "dropped"},
        }
        return await self._store.find(DEBITS, query, projection={"pending": 0})

    async def cancelled_of(self, invoices: Collection[str]) -> list[Document]:
        """Charges on these invoices that are due no longer, and whose bill knows it."""
        query = {"invoice": {"$in": sorted(invoices)}, "accepted": False, "changed": None}
        return await self._store.find(CHARGES, query)

    async def standing_on(self, invoices: Collection[str]) -> list[Document]:
        """Charges on these invoices that are due."""
        query = {"invoice": {"$in": sorted(invoices)}, "accepted": True}
        return await self._store.find(CHARGES, query)

    async def numbers(self, town: str | None) -> AsyncIterator[Document]:
        """How many numbers each office has given in each year, and the last of them."""
        pipeline: list[Document] = [
            {"$match": {"town": town} if town else {}},
            {"$group": {
                "_id": {"town": "$town", "office": "$office", "year": "$year"},
                "count": {"$sum": 1}, "last": {"$max": "$sequence"},
            }},
        ]  # fmt: skip
        async for one in self._store.aggregate(INVOICES, pipeline):
            yield one
