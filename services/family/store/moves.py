"""``moves``: an agent's acts on two family records (``domain.moves``), each with what the records
were and are; and the writes by which a move changes them.

A record that takes part in a move names it in ``moving`` and is held still: nobody else's write
passes (``FamilyStore.save``). Every write here may be repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pymongo import IndexModel

from services.family.domain.household import Family
from services.family.domain.moves import Move, Pair
from services.family.store.families import FAMILIES, fresh, record
from services.family.vault import Vault
from shared.auth import AgentScope
from shared.events import Event
from shared.failpoints import Step, step
from shared.store import Document, Store

MOVES = "moves"
INDEXES = {
    MOVES: [
        IndexModel([("done", 1), ("begun", 1)], partialFilterExpression={"done": False}),
        IndexModel([("town", 1), ("source", 1)]),
        IndexModel([("town", 1), ("target", 1)]),
    ]
}
BEGIN = step("family.move.begin")
HOLD = step("family.move.hold")
DECIDE = step("family.move.decide")
SETTLE = step("family.move.settle")
UNDONE = step("family.move.undone")
CLOSE = step("family.move.close")
GIVE_UP = step("family.move.give-up")
LET_GO = step("family.move.let-go")
FORGET = step("family.move.forget")
RESEAL = step("family.move.reseal")
#: An unfinished move older than this (machine's clock) was left by a crash.
LEFT_BEHIND = timedelta(seconds=5)


class MoveStore:
    """Every query and write of moves."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def get(self, _id: str) -> Move | None:
        """For family's own work: by id alone."""
        document = await self._store.get(MOVES, _id)
        return _move(document) if document else None

    async def one(self, scope: AgentScope, _id: str) -> Move | None:
        """A move of the agent's town, or None."""
        document = await self._store.first(MOVES, {"$and": [{"_id": _id}, scope.query()]})
        return _move(document) if document else None

    async def of_family(self, scope: AgentScope, family: str) -> Sequence[Move]:
        """The moves done on a record, latest first."""
        about = {"$or": [{"source": family}, {"target": family}], "done": True}
        found = await self._store.find(
            MOVES, {"$and": [scope.query(), about]}, sort=[("at", -1), ("_id", 1)]
        )
        return [_move(document) for document in found]

    async def begin(self, move: Move, machine_now: datetime) -> bool:
        """Keep what is to be done; False when it is kept already."""
        document = {
            "_id": move.id, "begun": machine_now, "at": move.at,
            **move.model_dump(mode="json", exclude={"id", "at"}),
        }  # fmt: skip
        return await self._store.insert(BEGIN, MOVES, document)

    async def decide(self, move: Move, before: Pair, after: Pair) -> None:
        """Keep what the records were and will be; once."""
        pairs = {"before": before.model_dump(mode="json"), "after": after.model_dump(mode="json")}
        undecided = {"after": None, "given_up": {"$ne": True}}
        await self._store.change(DECIDE, MOVES, move.id, undecided, {"$set": pairs})

    async def undone(self, merge: str, by: str) -> None:
        """A merge knows what has undone it."""
        await self._store.change(
            UNDONE, MOVES, merge, {"undone_by": None}, {"$set": {"undone_by": by}}
        )

    async def close(self, move: Move) -> None:
        """Nothing is left to do."""
        await self._store.change(CLOSE, MOVES, move.id, {"done": False}, {"$set": {"done": True}})

    async def give_up(self, move: Move) -> bool:
        """A move was refused: it will not be decided any more. False when it is after all."""
        return await self._store.change(
            GIVE_UP, MOVES, move.id, {"after": None}, {"$set": {"given_up": True}}
        )

    async def forget(self, move: Move) -> None:
        """Forget a move that was given up and holds nothing: its command may be tried again."""
        await self._store.delete(FORGET, MOVES, {"_id": move.id, "given_up": True})

    async def unfinished(self, machine_now: datetime) -> list[str]:
        """Ids of the moves that a crash left half done."""
        older = {"done": False, "begun": {"$lt": machine_now - LEFT_BEHIND}}
        found = await self._store.find(MOVES, older, limit=100, projection={"_id": 1})
        return [document["_id"] for document in found]

    async def some_after(self, move: str, limit: int) -> list[Move]:
        """The next decided moves by id, of any town: for operators' commands."""
        found = await self._store.find(
            MOVES, {"_id": {"$gt": move}, "after": {"$ne": None}}, sort=[("_id", 1)], limit=limit
        )
        return [_move(document) for document in found]

    async def reseal(self, move: Move, before: Pair, after: Pair) -> None:
        """Keep what the records were and became, sealed by another key: nothing else changes it."""
        pairs = {"before": before.model_dump(mode="json"), "after": after.model_dump(mode="json")}
        await self._store.change(RESEAL, MOVES, move.id, {}, {"$set": pairs})

    # -- the records -----------------------------------------------------------------------

    async def record(self, town: str, family: str) -> Document | None:
        """A record of the town, merged ones too, held or not."""
        return await self._store.first(
            FAMILIES, {"_id": family, "town": town}, projection={"pending": 0}
        )

    async def merged_into(self, town: str, family: str) -> list[str]:
        """Ids of the records that are part of that one, the first merged last."""
        found: list[str] = []
        inside = [family]
        while inside:
            records = await self._store.find(
                FAMILIES, {"town": town, "merged_into": {"$in": inside}}, sort=[("_id", 1)],
                projection={"_id": 1},
            )  # fmt: skip
            inside = [one["_id"] for one in records if one["_id"] not in found]
            found += inside
        return found[::-1]

    async def hold(self, move: Move, read: Document) -> bool:
        """Hold a record still for a move, as it was read; False when it has changed since."""
        return await self._store.save(HOLD, FAMILIES, read, {"$set": {"moving": move.id}})

    async def let_go(self, move: Move, family: str) -> None:
        """A record is held no longer; nothing was done to it."""
        await self._let_go(LET_GO, move, family, {})

    async def settle(self, move: Move, family: Family) -> None:
        """Make a record what the move decided, and let go of it."""
        fields = record(family, self._vault)
        if await self._let_go(SETTLE, move, family.id, {"$set": fields}, family.card()):
            return
        if move.kind == "split" and family.id == move.target:
            await self._store.insert(SETTLE, FAMILIES, fresh(family, self._vault), family.card())

    async def _let_go(
        self, step: Step, move: Move, family: str, update: Document, *events: Event
    ) -> bool:
        return await self._store.change(
            step, FAMILIES, family, {"moving": move.id}, {**update, "$unset": {"moving": ""}},
            *events, town=move.town,
        )  # fmt: skip


def _move(document: Document) -> Move:
    return Move.model_validate({**document, "id": document["_id"]})
