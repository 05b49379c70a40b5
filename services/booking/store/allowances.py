"""Families' allowances: what they have used up of what the town's counters limit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from services.booking.domain.allowances import Allowance, Claim, allowance_of, together
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

    async def of(self, town: str, families: Iterable[str], names: Mapping[str, str]) -> Allowance:
        """What these records of one family have used; ``names``: by every id of its children, the
        one they have today."""
        ids = [_id(town, family) for family in families]
        found = await self._store.find(
            ALLOWANCES, {"_id": {"$in": ids}}, projection={"claims": 1}
        ) if ids else []  # fmt: skip
        return together([allowance_of(one["claims"], names) for one in found])

    async def claim(
        self, town: str, family: str, claim: Claim, line: str, elsewhere: Collection[str] = ()
    ) -> bool:
        """Count a line, once; False when there are as many already as there may be, with what
        the family's other records have counted ``elsewhere``."""
        item = _item(claim, line)
        path = f"claims.{claim.key}.{item}"
        room: Document = {}
        if claim.most is not None and item not in elsewhere:
            items = {"$objectToArray": {"$ifNull": [f"$claims.{claim.key}", {}]}}
            known = {"$map": {"input": items, "in": "$$this.k"}}
            counted = {"$size": {"$setUnion": [known, sorted(elsewhere)]}}
            room = {"$or": [
                {path: {"$exists": True}}, {"$expr": {"$lt": [counted, claim.most]}}
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
