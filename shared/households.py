"""Families as other services know them: the card of the record that stays, and those of the
records that were merged into it.

A merge moves nothing: whoever asks for the record that went is shown the one that stays. What is
done meanwhile for somebody who came from another record is noted under that record, so that a
merge undone needs no undoing anywhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pymongo import IndexModel

from shared.contracts.family import FamilyChanged
from shared.errors import MissingCopy
from shared.events import Envelope
from shared.failpoints import Step
from shared.store import Document, Store

FAMILIES = "copy_families"
INDEXES = [
    IndexModel([("children.id", 1)], name="child"),
    IndexModel([("children.also", 1)], name="child-known-as"),
    IndexModel([("guardians.id", 1)], name="guardian"),
    IndexModel([("guardians.also", 1)], name="guardian-known-as"),
    IndexModel(
        [("town", 1), ("merged_into", 1)], name="merged",
        partialFilterExpression={"merged_into": {"$gt": ""}},
    ),
]  # fmt: skip
#: A record merged into one merged into one …: what is longer than this is a circle.
_MERGED_AT_MOST = 20
_BULK = 500


@dataclass(frozen=True, slots=True)
class Household:
    """A family's card with those of the records merged into it, as each last was, those merged
    into another of them after it."""

    card: FamilyChanged
    parts: tuple[FamilyChanged, ...] = ()

    def record_of(self, members: Collection[str]) -> str:
        """The record that all these people came from; the one that stays when not from one."""
        records = {self._record_of(member) for member in members}
        return records.pop() if len(records) == 1 else self.card.family

    def _record_of(self, member: str) -> str:
        came = (
            part.family
            for part in reversed(self.parts)
            if member in {one.id for one in part.guardians} | {one.id for one in part.children}
        )
        return next(came, self.card.family)


class Households:
    """A service's copies of families' cards."""

    def __init__(self, store: Store, keep: Step) -> None:
        self._store = store
        self._keep = keep

    async def keep(self, envelope: Envelope, event: FamilyChanged) -> None:
        """Keep a family's card."""
        card = event.model_dump(mode="json")
        await self._store.keep_copy(self._keep, FAMILIES, event.family, envelope, card)

    async def card(self, town: str, family: str) -> FamilyChanged:
        """The family's card, or that of the record it is part of. Raises ``MissingCopy``."""
        return FamilyChanged.model_validate(await self.document(town, family))

    async def document(self, town: str, family: str) -> Document:
        """``card`` as it is kept; ``heard`` is higher in a later one. Raises ``MissingCopy``."""
        for _ in range(_MERGED_AT_MOST):
            card = await self._store.get(FAMILIES, family)
            if card is None or card["town"] != town:
                break
            if card.get("merged_into") is None:
                return card
            family = card["merged_into"]
        raise MissingCopy(f"families/{family}")

    async def household(self, town: str, family: str) -> Household:
        """The record that the family is or is part of, with its parts. Raises ``MissingCopy``."""
        return await self.whole(await self.card(town, family))

    async def whole(self, card: FamilyChanged) -> Household:
        """A card with those of its parts; nothing more is read where there are none."""
        if not card.parts:
            return Household(card)
        known = await self._some(card.parts)
        return Household(card, tuple(known[one] for one in card.parts if one in known))

    async def cards(self, families: Iterable[str]) -> dict[str, FamilyChanged]:
        """By id, the cards of these families, or of the records they are part of; as far as they
        are known."""
        wanted = set(families)
        known = await self._some(sorted(wanted))
        for _ in range(_MERGED_AT_MOST):
            into = {one.merged_into for one in known.values() if one.merged_into} - known.keys()
            if not into:
                break
            known |= await self._some(sorted(into))
        found = {family: _end(family, known) for family in wanted}
        return {family: card for family, card in found.items() if card is not None}

    async def records(self, family: str) -> tuple[str, ...]:
        """A record with those that are part of it, or of which it is part."""
        card = (await self.cards([family])).get(family)
        return tuple(dict.fromkeys((family, *((card.family, *card.parts) if card else ()))))

    async def merged(self, town: str) -> dict[str, str]:
        """By record of the town that is part of another, the one that stays."""
        documents = await self._store.find(
            FAMILIES, {"town": town, "merged_into": {"$gt": ""}}, projection={"merged_into": 1}
        )
        into = {one["_id"]: one["merged_into"] for one in documents}
        return {family: _last(family, into) for family in into}

    async def of_participant(self, town: str, _id: str) -> list[FamilyChanged]:
        """The cards of the town's records, merged ones too, that know a child or an adult by this
        id."""
        paths = ("children.id", "children.also", "guardians.id", "guardians.also")
        named = {"$or": [{path: _id} for path in paths]}
        found = await self._store.find(FAMILIES, {"town": town, **named}, sort=[("_id", 1)])
        return [FamilyChanged.model_validate(card) for card in found]

    async def _some(self, families: Sequence[str]) -> dict[str, FamilyChanged]:
        found: dict[str, FamilyChanged] = {}
        for start in range(0, len(families), _BULK):
            part = list(families[start : start + _BULK])
            for card in await self._store.find(FAMILIES, {"_id": {"$in": part}}):
                found[card["_id"]] = FamilyChanged.model_validate(card)
        return found


def _end(family: str, known: Mapping[str, FamilyChanged]) -> FamilyChanged | None:
    into = {one.family: one.merged_into for one in known.values() if one.merged_into}
    return known.get(_last(family, into))


def _last(family: str, into: Mapping[str, str]) -> str:
    """Where a chain of merged records ends."""
    for _ in range(_MERGED_AT_MOST):
        if family not in into:
            break
        family = into[family]
    return family
