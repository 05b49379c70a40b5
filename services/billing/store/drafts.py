"""Drafts: ``{_id, town, family, month, lines: [{key, line}], corrections: {key: correction},
left_aside}``, replaced as a whole when they are made again; deleted once issued.

``draft_months``: ``{_id, town, month, begun, moved_at, so_far}``. ``begun``: its invoices are
issued from drafts alone. ``moved_at``, while they are being made: when that last went on,
``so_far`` for how many families.
"""

from __future__ import annotations

from datetime import datetime

from pymongo import IndexModel

from services.billing.domain.drafts import Correction, Draft
from services.billing.domain.invoicing import InvoiceLine
from shared.auth import Scope
from shared.failpoints import step
from shared.ids import derived_id
from shared.paging import page
from shared.store import EPOCH, Document, Store

DRAFTS, MONTHS = "drafts", "draft_months"
KEEP_DRAFT = step("billing.draft.keep")
CORRECT_DRAFT = step("billing.draft.correct")
DROP_DRAFT = step("billing.draft.drop")
ASK_MONTH = step("billing.draft.ask")
ADVANCE_MONTH = step("billing.draft.advance")
BEGIN_MONTH = step("billing.draft.month")
INDEXES = {
    DRAFTS: [IndexModel([("town", 1), ("month", 1), ("_id", 1)], name="month")],
    MONTHS: [
        IndexModel(
            [("moved_at", 1)], name="under-way",
            partialFilterExpression={"moved_at": {"$gt": EPOCH}},
        )
    ],
}  # fmt: skip


class DraftStore:
    """Every query and write of drafts."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def ask(self, town: str, month: str, now: datetime) -> None:
        """Note that the drafts of a month are to be made; they are until ``begin``."""
        fields = {"town": town, "month": month, "moved_at": now, "so_far": 0}
        await self._store.put(ASK_MONTH, MONTHS, _month_id(town, month), {"$set": fields})

    async def advance(self, town: str, month: str, so_far: int, now: datetime) -> None:
        """Note for how many families they are made, and that it goes on."""
        fields = {"moved_at": now, "so_far": so_far}
        await self._store.change(
            ADVANCE_MONTH, MONTHS, _month_id(town, month), {"moved_at": {"$gt": EPOCH}},
            {"$set": fields},
        )  # fmt: skip

    async def begin(self, town: str, month: str) -> None:
        """They are made: from now on the month is issued from drafts alone."""
        fields = {"town": town, "month": month, "begun": True, "moved_at": None}
        await self._store.put(BEGIN_MONTH, MONTHS, _month_id(town, month), {"$set": fields})

    async def cut_short(self, before: datetime) -> list[tuple[str, str]]:
        """Towns and months whose drafts are being made, of which nothing was heard since."""
        found = await self._store.find(MONTHS, {"moved_at": {"$gt": EPOCH, "$lt": before}})
        return [(one["town"], one["month"]) for one in found]

    async def so_far(self, town: str, month: str) -> int | None:
        """For how many families the drafts are made that are being made, if any are."""
        found = await self._store.get(MONTHS, _month_id(town, month))
        return found["so_far"] if found and found["moved_at"] else None

    async def begun(self, town: str, month: str) -> bool:
        """Whether the month is drafted."""
        found = await self._store.get(MONTHS, _month_id(town, month), {"begun": 1})
        return found is not None and found.get("begun", False)

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
