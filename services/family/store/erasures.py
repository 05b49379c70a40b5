"""Erasures of families, and the families that they leave behind."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pymongo import IndexModel

from services.family.domain.erasures import Erasure, ErasureState
from services.family.store.families import FAMILIES
from shared.auth import AgentScope
from shared.contracts.erasure import HoldsBack
from shared.events import Event
from shared.failpoints import step
from shared.store import Document, Store

ERASURES = "erasures"
INDEXES = {
    ERASURES: [
        IndexModel([("state", 1)], name="cleared", partialFilterExpression={"state": "cleared"})
    ]
}

ASK = step("family.erasure.ask")
ANSWER = step("family.erasure.answer")
SETTLE = step("family.erasure.settle")
ERASE = step("family.record.erase")
FINISH = step("family.erasure.finish")

#: What is left of a record: enough to be named by what the law makes the town keep.
_KEPT = {"_id", "town", "family", "reference", "v", "seq", "pending"}
_EMPTY = ("guardians", "children", "contacts", "search")


class Erasures:
    """Every query and write of erasures."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def ask(self, erasure: Erasure, body_hash: str) -> Document:
        """Store an erasure, asking the others; the document of that id, new or not."""
        document = {
            "_id": erasure.id, "town": erasure.town, "family": erasure.family,
            "reason": erasure.reason, "settled": list(erasure.settled),
            "asked_by": erasure.asked_by, "asked_at": erasure.asked_at, "state": erasure.state,
            "answers": {}, "body_hash": body_hash,
        }  # fmt: skip
        await self._store.insert(ASK, ERASURES, document, erasure.asks())
        return await self._store.get(ERASURES, erasure.id) or document

    async def one(self, scope: AgentScope, erasure: str) -> Erasure | None:
        """An erasure of the town, or None."""
        document = await self._store.first(ERASURES, {"_id": erasure, **scope.query()})
        return erasure_in(document) if document else None

    async def by_id(self, erasure: str) -> Erasure | None:
        """For the service's own work."""
        document = await self._store.get(ERASURES, erasure)
        return erasure_in(document) if document else None

    async def answer(self, erasure: str, service: str, holds: Sequence[HoldsBack]) -> None:
        """Keep a service's answer; its first one counts."""
        said = [one.model_dump() for one in holds]
        await self._store.change(
            ANSWER, ERASURES, erasure, {f"answers.{service}": {"$exists": False}},
            {"$set": {f"answers.{service}": said}},
        )  # fmt: skip

    async def settle(self, erasure: str, before: ErasureState, after: ErasureState) -> None:
        """Note where it stands now; another may have done so."""
        await self._store.change(
            SETTLE, ERASURES, erasure, {"state": before}, {"$set": {"state": after}}
        )

    async def cleared(self) -> list[Erasure]:
        """Erasures that nothing holds back."""
        found = await self._store.find(ERASURES, {"state": "cleared"}, limit=50)
        return [erasure_in(document) for document in found]

    async def record(self, town: str, family: str) -> Document | None:
        """A family's document, or None."""
        return await self._store.first(FAMILIES, {"_id": family, "town": town})

    async def blank(self, before: Document, now: datetime, *events: Event) -> bool:
        """Leave nothing of a record but its number; False when it changed meanwhile."""
        kept = {**{name: [] for name in _EMPTY}, "erased_at": now}
        gone = dict.fromkeys(before.keys() - _KEPT - kept.keys(), "")
        update: Document = {"$set": kept, **({"$unset": gone} if gone else {})}
        return await self._store.save(ERASE, FAMILIES, before, update, *events)

    async def finish(self, erasure: str) -> None:
        """Done: who asked and when is kept, the words that may name somebody are not."""
        await self._store.change(
            FINISH, ERASURES, erasure, {"state": "cleared"}, {"$set": {"state": "erased"}}
        )


def erasure_in(document: Document) -> Erasure:
    """The erasure a document holds."""
    return Erasure(
        id=document["_id"],
        town=document["town"],
        family=document["family"],
        reason=document["reason"],
        settled=tuple(document["settled"]),
        asked_by=document["asked_by"],
        asked_at=document["asked_at"],
        state=document["state"],
        answers={
            service: tuple(HoldsBack.model_validate(one) for one in holds)
            for service, holds in document["answers"].items()
        },
    )
