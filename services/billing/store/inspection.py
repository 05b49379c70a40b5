"""What ``preau check`` reads of billing: whole documents, as they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Sequence

from services.billing.domain.accounts import Holder
from services.billing.domain.charges import Charge
from services.billing.store import CHARGES, charge_in
from services.billing.store.accounts import ACCOUNTS, account_id
from services.billing.store.collections import DEBITS
from services.billing.store.invoices import INVOICES
from services.billing.store.payments import PAYMENTS
from services.billing.store.tasks import TASKS
from shared.bus.consumer import HELD
from shared.contracts.booking import BookingAccepted, BookingRefused
from shared.store import Document, Store
from shared.tasks import grouped

_RECEIVED: Document = {"state": {"$in": ["paid", "reversed"]}}
_COLLECTED: Document = {"state": {"$ne": "dropped"}}
_AT_ONCE = 100


class Inspection:
    """Reads accounts, invoices and charges in bulk."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def holders(self, town: str | None) -> AsyncIterator[Holder]:
        """Whose accounts there are."""
        pipeline: list[Document] = [
            {"$match": {"town": town} if town else {}},
            {"$project": {"_id": 0, **dict.fromkeys(Holder._fields, 1)}},
        ]
        async for one in self._store.aggregate(ACCOUNTS, pipeline):
            yield Holder(**one)

    async def without_account(self, town: str | None) -> AsyncIterator[Holder]:
        """Whoever has invoices, payments or debits, and no account."""
        holder = {name: f"${name}" for name in Holder._fields}
        for collection, of_account in (
            (INVOICES, {"kind": {"$ne": "credit_note"}}),
            (PAYMENTS, _RECEIVED),
            (DEBITS, _COLLECTED),
        ):  # fmt: skip
            pipeline: list[Document] = [
                {"$match": of_account | ({"town": town} if town else {})},
                {"$group": {"_id": holder}},
            ]
            holders = (
                Holder(**one["_id"]) async for one in self._store.aggregate(collection, pipeline)
            )
            async for some in grouped(holders, _AT_ONCE):
                known = {
                    one["_id"] for one in await self.accounts([account_id(one) for one in some])
                }
                for one in some:
                    if account_id(one) not in known:
                        yield one

    async def accounts(self, ids: Iterable[str]) -> list[Document]:
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
            **_RECEIVED,
        }
        return await self._store.find(PAYMENTS, query)

    async def debits_of(self, towns: Sequence[str], families: Sequence[str]) -> list[Document]:
        """The direct debits of some families, but for those that came into no file."""
        query = {
            "town": {"$in": list(towns)},
            "family": {"$in": list(families)},
            **_COLLECTED,
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

    async def unbilled_after(self, after: str, town: str | None, limit: int) -> list[Charge]:
        """Charges to be paid at booking that are due and on no invoice, in the order of their
        ids."""
        query: Document = {
            "_id": {"$gt": after}, "billing": "pay_at_booking", "accepted": True, "invoice": None,
        } | ({"town": town} if town else {})  # fmt: skip
        found = await self._store.find(CHARGES, query, sort=[("_id", 1)], limit=limit)
        return [charge_in(document) for document in found]

    async def unbilled(self, charges: Collection[str]) -> set[str]:
        """Those of these charges that are on no invoice still."""
        query = {"_id": {"$in": sorted(charges)}, "accepted": True, "invoice": None}
        found = await self._store.find(CHARGES, query, projection={"_id": 1})
        return {document["_id"] for document in found}

    async def told_unpriced(self, requests: Collection[str]) -> set[str]:
        """Those of these requests of which agents were told that they have no price."""
        query = {"request": {"$in": sorted(requests)}, "kind": "booking-without-price"}
        found = await self._store.find(TASKS, query, projection={"request": 1})
        return {document["request"] for document in found}

    async def due(self, charges: Collection[str]) -> set[str]:
        """Those of these charges that are due."""
        query = {"_id": {"$in": sorted(charges)}, "accepted": True}
        found = await self._store.find(CHARGES, query, projection={"_id": 1})
        return {document["_id"] for document in found}

    async def holding(self) -> set[str]:
        """Towns of which decisions were heard and could not be kept yet."""
        query = {
            "state": {"$in": ["retrying", "waiting"]},
            "type": {"$in": [BookingAccepted.type, BookingRefused.type]},
        }
        return {one["town"] for one in await self._store.find(HELD, query, projection={"town": 1})}

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
