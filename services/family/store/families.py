"""Family records: ``families``, one document each, written whole by one command at a time; each
write says the family's card."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pymongo import IndexModel

from services.family.domain.household import Family
from shared.auth import Scope
from shared.events import Event
from shared.failpoints import step
from shared.store import Document, Store

FAMILIES = "families"
INDEXES = {FAMILIES: [IndexModel([("town", 1), ("search", 1)], name="search")]}

INSERT = step("family.record.insert")
SAVE = step("family.record.save")

_MOST_FOUND = 50


def family_in(document: Document) -> Family:
    """The family a document holds."""
    return Family.model_validate(document)


def states_of(document: Document) -> tuple[Event, ...]:
    """The state events that say a document of ``families`` again."""
    return (family_in(document).card(),)


class FamilyStore:
    """Every query and write about families."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_ids(self, ids: Sequence[str]) -> dict[str, Document]:
        """The documents of those families, by id: for imports, which know no bearer."""
        found = await self._store.find(
            FAMILIES, {"_id": {"$in": list(ids)}}, projection={"pending": 0, "search": 0}
        )
        return {document["_id"]: document for document in found}

    async def insert(self, family: Family) -> bool:
        """Store a new family; False when it exists."""
        document = {
            "_id": family.id, "town": family.town, "family": family.id,
            "reference": family.reference, **_members(family),
        }  # fmt: skip
        return await self._store.insert(INSERT, FAMILIES, document, family.card())

    async def save(self, before: Document, family: Family) -> bool:
        """Change a family as it was read; False when it has changed since."""
        return await self._store.save(
            SAVE, FAMILIES, before, {"$set": _members(family)}, family.card()
        )

    async def one(self, scope: Scope, family: str) -> Family | None:
        """A family within the scope, or None."""
        document = await self._store.first(
            FAMILIES, {"$and": [{"_id": family}, scope.query()]}, projection={"pending": 0}
        )
        return None if document is None else family_in(document)

    async def all_in(self, scope: Scope) -> list[Family]:
        """The families within a guardian's scope, by reference."""
        documents = await self._store.find(
            FAMILIES, scope.query(), sort=[("reference", 1)], projection={"pending": 0}
        )
        return [family_in(document) for document in documents]

    async def matching(self, scope: Scope, beginnings: Sequence[str]) -> list[Family]:
        """At most 50 families that have a word beginning with each of ``beginnings``."""
        patterns = [re.compile("^" + re.escape(word)) for word in beginnings]
        documents = await self._store.find(
            FAMILIES,
            {**scope.query(), "search": {"$all": patterns}},
            sort=[("reference", 1)],
            limit=_MOST_FOUND,
            projection={"pending": 0},
        )
        return [family_in(document) for document in documents]


def _members(family: Family) -> Document:
    members = family.model_dump(mode="json", include={"guardians", "children", "contacts"})
    return {**members, "search": family.search_words()}
