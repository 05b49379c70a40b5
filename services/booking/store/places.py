"""Sessions: who holds the places of one activity on one date.

A place is granted by one conditional update. Every update says by which counters it counts (the
session's ``shape``), so that a town may change its capacities while families book.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from services.booking.domain.places import Session, Shape
from services.booking.domain.request import FULL, TAKEN, Line
from shared.contracts.booking import Reason
from shared.failpoints import step
from shared.store import Document, Store

SESSIONS = "sessions"
CREATE_SESSIONS = step("booking.session.create")
RESHAPE_SESSION = step("booking.session.reshape")
GRANT = step("booking.place.grant")
FREE = step("booking.place.free")
BURY = step("booking.place.bury")

#: An activity and a date.
Slot = tuple[str, date]


def session_id(town: str, activity: str, day: date) -> str:
    """The natural key of a session; ids of one activity sort by date."""
    return f"{town}/{activity}/{day.isoformat()}"


class Places:
    """Every query and write of sessions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def peek(
        self,
        town: str,
        slots: Iterable[Slot],
        shapes: Mapping[str, Shape],
        children: Iterable[str],
    ) -> dict[Slot, Session]:
        """The sessions as ``shapes`` (by activity) count them, whether they exist yet or not."""
        ids = {session_id(town, activity, day): (activity, day) for activity, day in slots}
        documents = {one["_id"]: one for one in await self._read(ids, children)}
        stale = [_id for _id, one in documents.items() if one["shape"] != shapes[ids[_id][0]].key]
        whole = await self._store.find(SESSIONS, {"_id": {"$in": stale}}) if stale else []
        for one in whole:
            one["left"] = shapes[one["activity"]].left(_held_units(one))
        documents |= {one["_id"]: one for one in whole}
        return {
            slot: _session(documents[_id]) if _id in documents else _empty(shapes[slot[0]])
            for _id, slot in ids.items()
        }

    async def prepare(
        self,
        town: str,
        slots: Iterable[Slot],
        shapes: Mapping[str, Shape],
        children: Iterable[str],
    ) -> dict[Slot, Session]:
        """The sessions, created or counted anew if need be.

        One counted by a newer town file than ``shapes`` is left as it is.
        """
        ids = {session_id(town, activity, day): (activity, day) for activity, day in slots}
        children = set(children)
        documents = {one["_id"]: one for one in await self._read(ids, children)}
        if missing := ids.keys() - documents.keys():
            await self._create(town, {_id: ids[_id] for _id in missing}, shapes)
            documents |= {one["_id"]: one for one in await self._read(missing, children)}
        for _id, one in documents.items():
            shape = shapes[ids[_id][0]]
            if one["shape"] != shape.key and one["version"] < shape.version:
                await self._reshape(_id, shape)
        return {slot: _session(documents[_id]) for _id, slot in ids.items()}

    async def grant(
        self, town: str, request: str, lines: Sequence[Line], shapes: Mapping[str, Shape]
    ) -> dict[str, Reason | None]:
        """Try to take each line's place; why not, by line, None where it is held.

        Trying again is harmless: a line that holds its place keeps it, a hold that was given
        back is never taken again. A line is missing from the answer when its session does not
        count by ``shapes``, or has come to since: prepare it, read the town's file, try again.
        """
        ordered = sorted(lines, key=lambda line: session_id(town, line.activity, line.date))
        operations = [_grant(town, request, line, shapes[line.activity]) for line in ordered]
        if len(operations) == 1:
            ((query, update),) = operations
            _id = query.pop("_id")
            if await self._store.change(GRANT, SESSIONS, _id, query, update):
                return {ordered[0].id: None}
        else:
            await self._store.change_each(GRANT, SESSIONS, operations)
        return await self._who_holds(town, request, ordered, shapes)

    async def free(self, town: str, request: str, line: Line) -> None:
        """Give a line's place back and bury its hold, whether or not it was ever taken."""
        _id = session_id(town, line.activity, line.date)
        holder = f"holders.{line.child}.{line.unit}"
        hold = line.hold_id(request)
        bury = {"$addToSet": {"freed": hold}}
        done = False
        while not done:
            found = await self._store.get(SESSIONS, _id, {holder: 1, "units": 1, "shape": 1})
            if found is None:
                return
            if found.get("holders", {}).get(line.child, {}).get(line.unit) == hold:
                back = {f"left.{name}": 1 for name, us in found["units"].items() if line.unit in us}
                done = await self._store.change(
                    FREE, SESSIONS, _id, {holder: hold, "shape": found["shape"]},
                    {**bury, "$inc": back, "$unset": {holder: ""}},
                )  # fmt: skip
            else:
                done = await self._store.change(BURY, SESSIONS, _id, {holder: {"$ne": hold}}, bury)

    # -- inside ----------------------------------------------------------------------------

    async def _read(self, ids: Iterable[str], children: Iterable[str]) -> list[Document]:
        projection = {"left": 1, "shape": 1, "version": 1}
        projection |= {f"holders.{child}": 1 for child in set(children)}
        return await self._store.find(
            SESSIONS, {"_id": {"$in": sorted(ids)}}, projection=projection
        )

    async def _create(
        self, town: str, ids: Mapping[str, Slot], shapes: Mapping[str, Shape]
    ) -> None:
        await self._store.insert_many(
            CREATE_SESSIONS,
            SESSIONS,
            [
                {
                    "_id": _id,
                    "town": town,
                    "activity": activity,
                    "date": day.isoformat(),
                    **_counted(shapes[activity], []),
                    "holders": {},
                    "freed": [],
                    "v": 1,
                }
                for _id, (activity, day) in sorted(ids.items())
            ],
        )

    async def _reshape(self, _id: str, shape: Shape) -> None:
        """Count the places anew from who holds one; again when somebody took one meanwhile."""
        while True:
            document = await self._store.get(SESSIONS, _id)
            if document is None or document["version"] >= shape.version:
                return
            fresh = _counted(shape, _held_units(document))
            if await self._store.save(RESHAPE_SESSION, SESSIONS, document, {"$set": fresh}):
                return

    async def _who_holds(
        self, town: str, request: str, lines: Sequence[Line], shapes: Mapping[str, Shape]
    ) -> dict[str, Reason | None]:
        ids = {session_id(town, line.activity, line.date) for line in lines}
        found = {one["_id"]: one for one in await self._read(ids, {line.child for line in lines})}
        answers: dict[str, Reason | None] = {}
        for line in lines:
            session = found.get(session_id(town, line.activity, line.date))
            if session is None:
                continue
            hold, shape = line.hold_id(request), shapes[line.activity]
            holder = session.get("holders", {}).get(line.child, {}).get(line.unit)
            if holder is not None:
                answers[line.id] = None if holder == hold else TAKEN
            elif session["shape"] != shape.key:
                continue
            elif _full(session, shape, line) or await self._buried(session["_id"], hold):
                answers[line.id] = FULL
        return answers

    async def _buried(self, _id: str, hold: str) -> bool:
        return await self._store.count(SESSIONS, {"_id": _id, "freed": hold}) > 0


def _full(session: Document, shape: Shape, line: Line) -> bool:
    return any(session["left"][counter] <= 0 for counter in shape.bound(line.unit))


def _held_units(document: Document) -> list[str]:
    return [unit for units in document["holders"].values() for unit in units]


def _counted(shape: Shape, held: Iterable[str]) -> Document:
    return {
        "left": shape.left(held), "capacity": dict(shape.capacity), "units": dict(shape.units),
        "shape": shape.key, "version": shape.version,
    }  # fmt: skip


def _session(document: Document) -> Session:
    return Session(
        document["shape"], document["version"], document["left"], document.get("holders", {})
    )


def _empty(shape: Shape) -> Session:
    return Session(shape.key, shape.version, shape.left([]), {})


def _grant(town: str, request: str, line: Line, shape: Shape) -> tuple[Document, Document]:
    holder = f"holders.{line.child}.{line.unit}"
    bound = shape.bound(line.unit)
    hold = line.hold_id(request)
    query = {
        "_id": session_id(town, line.activity, line.date),
        "shape": shape.key,
        holder: {"$exists": False},
        "freed": {"$ne": hold},
        **{f"left.{counter}": {"$gt": 0} for counter in bound},
    }
    update = {
        "$inc": {"v": 1, **{f"left.{counter}": -1 for counter in bound}},
        "$set": {holder: hold},
    }
    return query, update
