"""Family records: ``families``, one document each, written whole by one command at a time; each
write says the family's card."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from pymongo import IndexModel

from services.family.domain.finding import Wanted, keys
from services.family.domain.household import Family
from services.family.domain.named_files import named_files
from services.family.vault import Vault
from shared.auth import AgentScope, Scope
from shared.events import Event
from shared.failpoints import step
from shared.paging import page
from shared.store import EPOCH, Document, Store

FAMILIES = "families"
INDEXES = {
    FAMILIES: [
        IndexModel([("town", 1), ("search", 1)], name="search"),
        IndexModel([("files", 1)], name="files"),
        IndexModel([("town", 1), ("children.school", 1)], name="school"),
        IndexModel(
            [("town", 1), ("waits_since", 1), ("_id", 1)],
            name="waiting",
            partialFilterExpression={"waiting": True},
        ),
    ]
}

INSERT = step("family.record.insert")
SAVE = step("family.record.save")
RESEAL = step("family.record.reseal")

_MOST_FOUND, _MOST_RANKED, _MOST_ALIKE = 50, 300, 500
#: A record that was merged into another is kept, for the other services' sake and to undo it.
LIVE: Document = {"merged_into": None}
#: A record merged into one merged into one …: what is longer than this is a circle.
_MERGED_AT_MOST = 20
#: How many commands a dossier knows again: at least as many as one may see in 72 hours.
KEPT = 40


def family_in(document: Document) -> Family:
    """The family a document holds."""
    return Family.model_validate({**document, "id": document["_id"]})


def states_of(document: Document) -> tuple[Event, ...]:
    """The state events that say a document of ``families`` again."""
    return (family_in(document).card(),)


class FamilyStore:
    """Every query and write about families."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def of_ids(self, ids: Sequence[str]) -> dict[str, Document]:
        """The documents of those families, by id: for imports, which know no bearer."""
        found = await self._store.find(
            FAMILIES, {"_id": {"$in": list(ids)}}, projection={"pending": 0, "search": 0}
        )
        return {document["_id"]: document for document in found}

    async def merged(self, ids: Sequence[str]) -> list[tuple[str, str]]:
        """Those of these families that are part of another now: their references."""
        found = await self._store.find(
            FAMILIES, {"_id": {"$in": list(ids)}, "merged_into": {"$ne": None}},
            projection={"reference": 1, "merged_into": 1},
        )  # fmt: skip
        into = {one["merged_into"] for one in found}
        kept = await self._store.find(
            FAMILIES, {"_id": {"$in": sorted(into)}}, projection={"reference": 1}
        )
        references = {one["_id"]: one["reference"] for one in kept}
        return [(one["reference"], references.get(one["merged_into"], "?")) for one in found]

    async def insert(self, family: Family, done: Document | None = None) -> bool:
        """Store a new family, and what is kept of the command that made it; False when it
        exists."""
        made = {**fresh(family, self._vault), **({"done": [done]} if done else {})}
        return await self._store.insert(INSERT, FAMILIES, made, family.card())

    async def save(
        self, before: Document, family: Family, *events: Event, done: Document | None = None
    ) -> bool:
        """Change a family as it was read; False when it has changed since, or is being moved
        (``commands.moves``).

        ``events`` are said besides the card; ``done`` is kept of the command, to know it again.
        """
        if before.get("moving"):
            return False
        update: dict[str, Document] = {"$set": record(family, self._vault)}
        if done is not None:
            update["$push"] = {"done": {"$each": [done], "$slice": -KEPT}}
        return await self._store.save(SAVE, FAMILIES, before, update, family.card(), *events)

    async def some_after(self, family: str, limit: int) -> list[Document]:
        """The next documents by id, of any town: for operators' commands."""
        return await self._store.find(
            FAMILIES, {"_id": {"$gt": family}}, sort=[("_id", 1)], limit=limit,
            projection={"pending": 0},
        )  # fmt: skip

    async def reseal(self, before: Document, family: Family, done: Sequence[Document]) -> bool:
        """Keep the same sealed by another key, which nobody need be told; False when the family
        has changed since it was read."""
        if before.get("moving"):
            return False
        update = {"$set": {**record(family, self._vault), "done": list(done)}}
        return await self._store.save(RESEAL, FAMILIES, before, update)

    async def document(self, scope: Scope, family: str) -> Document | None:
        """A family's document within the scope, or None."""
        return await self._store.first(
            FAMILIES, {"$and": [{"_id": family}, scope.query(), LIVE]}, projection={"pending": 0}
        )

    async def records(self, scope: Scope, family: str) -> list[str]:
        """The ids of a record and of those that are part of it."""
        document = await self.document(scope, family)
        return sorted(family_in(document).ids) if document else [family]

    async def home(self, scope: Scope, family: str) -> str:
        """The record that this one is part of today; itself, when of none."""
        for _ in range(_MERGED_AT_MOST):
            found = await self._store.first(
                FAMILIES, {"_id": family, "town": scope.town}, projection={"merged_into": 1}
            )
            if found is None or found.get("merged_into") is None:
                break
            family = found["merged_into"]
        return family

    async def record_of(self, family: Family, guardian: str) -> str:
        """The record that a guardian came from, under which what they do is kept, so that it goes
        back with them when the merge is undone; the family's own, when from none."""
        if not family.parts:
            return family.id
        found = await self._store.find(
            FAMILIES, {"_id": {"$in": list(family.parts)}, "guardians.id": guardian},
            projection={"_id": 1},
        )  # fmt: skip
        known = {one["_id"] for one in found}
        return next((one for one in reversed(family.parts) if one in known), family.id)

    async def of_change(self, scope: Scope, changes: Sequence[str]) -> dict[str, str]:
        """The families (by change) that hold these changes."""
        found = await self._store.find(
            FAMILIES,
            {**scope.query(), **LIVE, "changes.id": {"$in": list(changes)}},
            projection={"changes.id": 1},
        )
        return {change["id"]: one["_id"] for one in found for change in one["changes"]}

    async def waiting(self, scope: Scope, after: str | None, limit: int) -> list[Document]:
        """Families with a change that waits, the longest waiting first."""
        return await page(
            self._store, FAMILIES, within=scope.query(), only={"waiting": True, **LIVE},
            order=(("waits_since", 1), ("_id", 1)), after=after, limit=limit,
            projection={"pending": 0},
        )  # fmt: skip

    async def all_in(self, scope: Scope) -> list[Family]:
        """The families within a guardian's scope, by reference."""
        documents = await self._store.find(
            FAMILIES, {**scope.query(), **LIVE}, sort=[("reference", 1)], projection={"pending": 0}
        )
        return [family_in(document) for document in documents]

    async def reached(self, scope: Scope, families: Sequence[str]) -> list[Family]:
        """Those of these families that are within the scope."""
        documents = await self._store.find(
            FAMILIES, {"$and": [scope.query(), {"_id": {"$in": list(families)}}]},
            projection={"pending": 0, "search": 0},
        )  # fmt: skip
        return [family_in(document) for document in documents]

    async def at_sites(
        self, scope: AgentScope, schools: Collection[str], families: Collection[str]
    ) -> list[Family]:
        """Those of these records, or of which they are part today, and the records of children of
        these schools."""
        whose = {"$or": [
            {"_id": {"$in": sorted(families)}}, {"children.school": {"$in": sorted(schools)}},
        ]}  # fmt: skip
        documents = await self._store.find(
            FAMILIES, scope.at(whose).query(), projection={"pending": 0, "search": 0}
        )
        live = {one["_id"]: one for one in documents if one.get("merged_into") is None}
        homes = {await self.home(scope, one["_id"]) for one in documents if one["_id"] not in live}
        more = await self.of_ids(sorted(homes - live.keys()))
        return [family_in(one) for one in (live | more).values()]

    async def matching(self, scope: Scope, wanted: Sequence[Wanted]) -> list[Family]:
        """At most 50 families that answer all that is wanted, those that answer best first."""
        every = [
            {"search": {"$in": [*(_begins(one) for one in want.beginnings), *want.alike]}}
            for want in wanted
        ]
        documents = await self._store.find(
            FAMILIES,
            {"$and": [scope.query(), LIVE, *every]},
            sort=[("reference", 1)],
            limit=_MOST_RANKED,
            projection={"pending": 0},
        )
        documents.sort(key=lambda one: -sum(want.closeness(one["search"]) for want in wanted))
        return [family_in(document) for document in documents[:_MOST_FOUND]]

    async def with_keys(self, town: str, some: Iterable[str]) -> list[Family]:
        """The families of a town found by one of these keys, at most 500."""
        documents = await self._store.find(
            FAMILIES, {"town": town, "search": {"$in": sorted(some)}, **LIVE},
            sort=[("_id", 1)], limit=_MOST_ALIKE, projection={"pending": 0, "search": 0},
        )  # fmt: skip
        return [family_in(document) for document in documents]


def _begins(key: str) -> re.Pattern[str]:
    return re.compile("^" + re.escape(key))


def fresh(family: Family, vault: Vault) -> Document:
    """A new record as it is first written."""
    return {
        "_id": family.id, "town": family.town, "family": family.id,
        "reference": family.reference, "waits_since": EPOCH, **record(family, vault),
    }  # fmt: skip


def record(family: Family, vault: Vault) -> Document:
    """What is written of a family besides its key; ``files``: those that its fields name, sealed
    ones too."""
    fields = family.model_dump(mode="json", exclude={"id", "town", "reference"})
    files = sorted({one.id for one in named_files(family, vault.opened)})
    return {**fields, "files": files, "search": keys(family), **_waiting(family)}


def _waiting(family: Family) -> Document:
    """Whether and since when changes wait; the instant stays, so that a listing can go on after a
    family that has been answered meanwhile."""
    since = [change.at for change in family.waiting()]
    return {"waiting": True, "waits_since": min(since)} if since else {"waiting": False}
