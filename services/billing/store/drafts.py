"""Drafts: ``{_id, town, family, month, lines: [{key, line}], corrections: {key: correction},
left_aside}``, replaced as a whole when they are made again; deleted once issued. ``draft_months``
says which months are drafted: their invoices are issued from drafts alone."""

from __future__ import annotations

from pymongo import IndexModel

from services.billing.domain.drafts import Correction, Draft
from services.billing.domain.invoicing import InvoiceLine
from shared.auth import Scope
from shared.failpoints import step
from shared.ids import derived_id
from shared.paging import page
from shared.store import Document, Store

DRAFTS, MONTHS = "drafts", "draft_months"
KEEP_DRAFT = step("billing.draft.keep")
CORRECT_DRAFT = step("billing.draft.correct")
DROP_DRAFT = step("billing.draft.drop")
BEGIN_MONTH = step("billing.draft.month")
INDEXES = {DRAFTS: [IndexModel([("town", 1), ("month", 1), ("_id", 1)], name="month")]}


class DraftStore:
    """Every query and write of drafts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self, town: str, month: str) -> None:
        """From now on the month is issued from drafts alone."""
        document = {"_id": _month_id(town, month), "town": town, "month": month}
        await self._store.insert(BEGIN_MONTH, MONTHS, document)

    async def begun(self, town: str, month: str) -> bool:
        """Whether the month is drafted."""
        return await self._store.get(MONTHS, _month_id(town, month), {"_id": 1}) is not None

    async def keep(self, draft: Draft) -> None:
        """Store a draft as it is priced now; corrections of lines that are the same stay."""
        lines = [
            {"key": key, "line": line.model_dump(mode="json")} for key, line in draft.lines.items()
        ]
        fields = {
            "town": draft.town, "family": draft.family, "month": draft.month, "lines": lines,
            "left_aside": dict(draft.left_aside),
        }  # fmt: skip
        await self._store.put(KEEP_DRAFT, DRAFTS, draft.id, {"$set": fields})

    async def correct(self, draft: Draft, correction: Correction) -> bool:
        """Note a correction; False when the line is no longer as it was read."""
        fields = {f"corrections.{correction.line}": correction.model_dump()}
        return await self._store.change(
            CORRECT_DRAFT, DRAFTS, draft.id, {"lines.key": correction.line}, {"$set": fields}
        )

    async def drop(self, draft: str) -> None:
        """Delete a draft whose invoice is issued, or of which nothing is left."""
        await self._store.delete(DROP_DRAFT, DRAFTS, {"_id": draft})

    async def get(self, draft: str) -> Draft | None:
        """A draft by its id: for commands."""
        document = await self._store.get(DRAFTS, draft)
        return None if document is None else _draft_in(document)

    async def ids(self, town: str, month: str) -> set[str]:
        """The drafts of a month."""
        found = await self._store.find(
            DRAFTS, {"town": town, "month": month}, projection={"_id": 1}
        )
        return {document["_id"] for document in found}

    async def drafts(
        self, scope: Scope, month: str, *, after: str | None, limit: int
    ) -> list[Draft]:
        """A month's drafts within the scope, those following ``after``; none until the month is
        issued from them."""
        if not await self.begun(scope.town, month):
            return []
        found = await page(
            self._store, DRAFTS, within={**scope.query(), "month": month}, only={},
            order=[("_id", 1)], after=after, limit=limit,
        )  # fmt: skip
        return [_draft_in(document) for document in found]


def _month_id(town: str, month: str) -> str:
    return derived_id("draft-month", town, month)


def _draft_in(document: Document) -> Draft:
    lines = {one["key"]: InvoiceLine.model_validate(one["line"]) for one in document["lines"]}
    corrections = {
        key: Correction.model_validate(one)
        for key, one in document.get("corrections", {}).items()
        if key in lines
    }
    return Draft(
        id=document["_id"], lines=lines, corrections=corrections,
        **{name: document[name] for name in ("town", "family", "month", "left_aside")},
    )  # fmt: skip
