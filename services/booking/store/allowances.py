"""Families' allowances: what they have used up of what the town's counters limit."""

from __future__ import annotations

from services.booking.domain.allowances import Allowance, Claim, allowance_of
from shared.failpoints import step
from shared.store import Document, Store

ALLOWANCES = "allowances"
OPEN = step("booking.allowance.open")
CLAIM = step("booking.allowance.claim")
GIVE_UP = step("booking.allowance.give-up")
TIDY = step("booking.allowance.tidy")


class Allowances:
    """Every query and write of allowances."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, town: str, family: str) -> Allowance:
        """What a family has used."""
        found = await self._store.get(ALLOWANCES, _id(town, family), {"claims": 1})
        return allowance_of(found["claims"] if found else {})

    async def claim(self, town: str, family: str, claim: Claim, line: str) -> bool:
        """Count a line, once; False when there are as many already as there may be."""
        path = f"claims.{claim.key}.{_item(claim, line)}"
        room: Document = {}
        if claim.most is not None:
            items = {"$objectToArray": {"$ifNull": [f"$claims.{claim.key}", {}]}}
            room = {"$or": [
                {path: {"$exists": True}}, {"$expr": {"$lt": [{"$size": items}, claim.most]}}
            ]}  # fmt: skip
        _family = _id(town, family)
        update: Document = {"$addToSet": {path: line}}
        if await self._store.change(CLAIM, ALLOWANCES, _family, room, update):
            return True
        first = {"_id": _family, "town": town, "family": family, "claims": {}}
        await self._store.insert(OPEN, ALLOWANCES, first)
        return await self._store.change(CLAIM, ALLOWANCES, _family, room, update)

    async def give_up(self, town: str, family: str, claim: Claim, line: str) -> None:
        """What a line has claimed is free again; a week or day only with the last of its lines."""
        path = f"claims.{claim.key}.{_item(claim, line)}"
        _family = _id(town, family)
        await self._store.change(
            GIVE_UP, ALLOWANCES, _family, {path: line}, {"$pull": {path: line}}
        )
        await self._store.change(TIDY, ALLOWANCES, _family, {path: []}, {"$unset": {path: ""}})


def _id(town: str, family: str) -> str:
    return f"{town}/{family}"


def _item(claim: Claim, line: str) -> str:
    """A week or a day is shared by its lines; what happened is each line's own."""
    return claim.item if claim.kept else line
