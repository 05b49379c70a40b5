"""Copies of families, and the keys their guardians are sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo import IndexModel

from services.identity.domain.family_keys import FamilyKey, Use
from services.identity.domain.following import Record
from services.identity.store.base import Collections
from shared.auth import AgentScope
from shared.contracts.family import FamilyChanged
from shared.events import Envelope
from shared.failpoints import step
from shared.paging import page
from shared.store import Document

FAMILY_KEYS, ISSUES, FAMILIES = "family_keys", "key_issues", "families"
INDEXES = {
    FAMILY_KEYS: [
        IndexModel([("town", 1), ("family", 1)]),
        IndexModel([("town", 1), ("_id", 1)]),
    ],
    FAMILIES: [
        IndexModel([("town", 1), ("_id", 1)]),
        IndexModel([("town", 1), ("guardians.pivot", 1)]),
        IndexModel([("guardians.id", 1)]),
        IndexModel([("merged_into", 1)]),
    ],
}

CREATE_ISSUE = step("identity.key-issue.create")
CREATE_KEYS = step("identity.family-key.create")
REPLACE_KEYS = step("identity.family-key.replace")
USE_KEY = step("identity.family-key.use")
REVOKE_KEY = step("identity.family-key.revoke")
REVOKE_KEYS = step("identity.family-key.withdraw")
KEEP_FAMILY = step("identity.family.keep")


class FamilyKeys(Collections):
    """Every query and write of families and their keys."""

    async def keep_family(
        self, envelope: Envelope, event: FamilyChanged, pivots: Mapping[str, str]
    ) -> None:
        """Keep who the guardians of a family are; ``pivots`` seals their civil identities."""
        guardians = [
            {"id": one.id, "first_name": one.first_name, "last_name": one.last_name}
            | ({"pivot": pivots[one.id]} if one.id in pivots else {})
            for one in event.guardians
        ]
        fields = {
            "reference": event.reference, "guardians": guardians,
            "merged_into": event.merged_into,
            "became": {one.member: one.into for one in event.became},
        }  # fmt: skip
        await self._store.keep_copy(KEEP_FAMILY, FAMILIES, event.family, envelope, fields)

    async def records(
        self, town: str, families: Collection[str], people: Collection[str]
    ) -> list[Record]:
        """Those of these families, those merged into them, and those with one of these
        guardians."""
        about = [
            {"_id": {"$in": sorted(families)}},
            {"merged_into": {"$in": sorted(families)}},
            {"guardians.id": {"$in": sorted(people)}},
        ]
        found = await self._store.find(FAMILIES, {"town": town, "$or": about})
        return [
            Record(
                one["_id"], frozenset(guardian["id"] for guardian in one["guardians"]),
                one.get("merged_into"), one.get("became", {}),
            )
            for one in found
        ]  # fmt: skip

    async def families(self, town: str, ids: Sequence[str]) -> list[Document]:
        """``{_id, reference, guardians}`` of those families of the town."""
        return await self._store.find(
            FAMILIES, {"town": town, "_id": {"$in": list(ids)}}, sort=[("_id", 1)]
        )

    async def guardians_by_pivot(self, town: str, pivots: Sequence[str]) -> list[tuple[str, str]]:
        """(family, guardian) of the town's guardians with one of these sealed identities."""
        wanted = [*pivots]
        found = await self._store.find(
            FAMILIES, {"town": town, "guardians.pivot": {"$in": wanted}}, sort=[("_id", 1)]
        )
        return [
            (family["_id"], guardian["id"])
            for family in found
            for guardian in family["guardians"]
            if guardian.get("pivot") in wanted
        ]

    async def family_page(self, town: str, after: str, limit: int) -> list[Document]:
        """The town's families by id, those after ``after``."""
        return await self._store.find(
            FAMILIES, {"town": town, "_id": {"$gt": after}}, sort=[("_id", 1)], limit=limit
        )

    async def create_issue(self, issue: Document) -> bool:
        """Insert an act of issuing keys; False when it exists."""
        return await self._store.insert(CREATE_ISSUE, ISSUES, issue)

    async def issue(self, issue_id: str) -> Document | None:
        """An act of issuing keys, ``{town, issued_at, expires_at, key, letters}``, or None."""
        return await self._store.get(ISSUES, issue_id)

    async def create_keys(self, keys: Sequence[FamilyKey], issue: str) -> None:
        """Insert keys; those there already stay as they are."""
        await self._store.insert_many(
            CREATE_KEYS, FAMILY_KEYS,
            [{"_id": k.id, **k.model_dump(exclude={"id"}), "issue": issue, "v": 1} for k in keys],
        )  # fmt: skip

    async def replace_keys(
        self, town: str, families: Sequence[str], issue: str, at: datetime
    ) -> None:
        """Revoke the unused keys that these families were given before ``at``."""
        await self._store.change_many(
            REPLACE_KEYS, FAMILY_KEYS,
            {
                "town": town, "family": {"$in": list(families)}, "issue": {"$ne": issue},
                "issued_at": {"$lt": at}, "left": {"$gt": 0}, "revoked_at": None,
            },
            {"$set": {"revoked_at": at}, "$inc": {"v": 1}},
        )  # fmt: skip

    async def key(self, town: str, key_id: str) -> FamilyKey | None:
        """A key of the town by its hash."""
        document = await self._store.first(FAMILY_KEYS, {"_id": key_id, "town": town})
        return _key_of(document) if document else None

    async def keys(
        self, scope: AgentScope, family: str | None, after: str | None, limit: int
    ) -> list[FamilyKey]:
        """The keys an agent may see, by id, those following ``after``."""
        found = await page(
            self._store, FAMILY_KEYS, within=scope.query(),
            only={} if family is None else {"family": family},
            order=[("_id", 1)], after=after, limit=limit,
        )  # fmt: skip
        return [_key_of(document) for document in found]

    async def use_key(self, key: FamilyKey, use: Use) -> bool:
        """Use the key; False when it was revoked, or used by or for the same, meanwhile."""
        return await self._store.change(
            USE_KEY, FAMILY_KEYS, key.id,
            {
                "revoked_at": None, "left": {"$gt": 0},
                "uses.account": {"$ne": use.account}, "uses.guardian": {"$ne": use.guardian},
            },
            {"$push": {"uses": use.model_dump()}, "$inc": {"left": -1}},
        )  # fmt: skip

    async def revoke_key(self, scope: AgentScope, key_id: str, now: datetime) -> bool:
        """Revoke a key that may still be used; False when it was used up meanwhile."""
        return await self._store.change(
            REVOKE_KEY, FAMILY_KEYS, key_id, {**scope.query(), "left": {"$gt": 0}},
            {"$set": {"revoked_at": now}},
        )  # fmt: skip

    async def revoke_keys_of(self, town: str, family: str, guardian: str, at: datetime) -> None:
        """Revoke the unused keys that were issued to a guardian, or to their household, until
        then."""
        await self._store.change_many(
            REVOKE_KEYS, FAMILY_KEYS,
            {
                "town": town, "family": family, "guardians": guardian, "issued_at": {"$lte": at},
                "left": {"$gt": 0}, "revoked_at": None,
            },
            {"$set": {"revoked_at": at}, "$inc": {"v": 1}},
        )  # fmt: skip

    async def keys_by_id(self, ids: Sequence[str]) -> list[FamilyKey]:
        """The keys of these hashes."""
        found = await self._store.find(FAMILY_KEYS, {"_id": {"$in": list(ids)}})
        return [_key_of(document) for document in found]


def _key_of(document: Mapping[str, Any]) -> FamilyKey:
    return FamilyKey.model_validate({**document, "id": document["_id"]})
