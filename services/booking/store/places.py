"""Sessions: who holds the places of one activity on one date.

A place is granted by one conditional update. Every update says by which counters it counts (the
session's ``shape``), so that a town may change its capacities while families book, and what the
child is taken to hold in the session already, so that units are never combined wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date

from services.booking.domain.places import Session, Shape, hold_value
from services.booking.domain.request import FULL, Line
from services.booking.store.session_documents import (
    TRY,
    Wanted,
    as_counted,
    back_of,
    counted_by,
    declare_extra,
    empty_session,
    grant_of,
    holds_just,
    left_of,
    session_id,
    session_of,
    stored_shape,
    wanted_by,
    without_empty,
)
from shared.contracts.booking import Reason
from shared.contracts.family import FamilyChanged
from shared.failpoints import step
from shared.households import FAMILIES
from shared.store import Document, Store
from shared.traits import traits_of

SESSIONS = "sessions"
CREATE_SESSIONS = step("booking.session.create")
RESHAPE_SESSION = step("booking.session.reshape")
GRANT = step("booking.place.grant")
FREE = step("booking.place.free")
BURY = step("booking.place.bury")
HAND_OVER = step("booking.place.hand-over")

#: An activity and a date.
Slot = tuple[str, date]
Shapes = Mapping[str, Shape]
#: The grouped counters that a line's child is in.
Members = Callable[[Line], Sequence[str]]


class Places:
    """Every query and write of sessions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def peek(
        self, town: str, slots: Iterable[Slot], shapes: Shapes, names: Mapping[str, str]
    ) -> dict[Slot, Session]:
        """The sessions as ``shapes`` (by activity) count them, whether they exist yet or not, with
        what is held by these children: ``names`` has every id of theirs, and that of today."""
        ids = {session_id(town, activity, day): (activity, day) for activity, day in slots}
        documents = {one["_id"]: one for one in await self._read(ids, names)}
        fresh = {_id: shapes[activity].on(day) for _id, (activity, day) in ids.items()}
        stale = [_id for _id, one in documents.items() if one["shape"] != fresh[_id].key]
        whole = await self._store.find(SESSIONS, {"_id": {"$in": stale}}) if stale else []
        for one in whole:
            activity, day = ids[one["_id"]]
            members = await self._members(shapes[activity], day, one["holders"].keys())
            one |= {"left": left_of(fresh[one["_id"]], one, members), "members": members}
        documents |= {one["_id"]: one for one in whole}
        return {
            slot: session_of(documents[_id], names)
            if _id in documents
            else empty_session(fresh[_id])
            for _id, slot in ids.items()
        }

    async def prepare(
        self, town: str, slots: Iterable[Slot], shapes: Shapes, names: Mapping[str, str]
    ) -> dict[Slot, Session]:
        """The sessions, created or counted anew if need be; ``names`` as of ``peek``.

        One counted by a newer town file than ``shapes`` is left as it is.
        """
        ids = {session_id(town, activity, day): (activity, day) for activity, day in slots}
        documents = {one["_id"]: one for one in await self._read(ids, names)}
        if missing := ids.keys() - documents.keys():
            await self._create(town, {_id: ids[_id] for _id in missing}, shapes)
            documents |= {one["_id"]: one for one in await self._read(missing, names)}
        for _id, one in documents.items():
            activity, day = ids[_id]
            shape = shapes[activity].on(day)
            if one["shape"] != shape.key and one["version"] < shape.version:
                await self._reshape(_id, shapes[activity], day)
        return {slot: session_of(documents[_id], names) for _id, slot in ids.items()}

    async def grant(
        self, town: str, request: str, lines: Sequence[Line], shapes: Shapes, members: Members
    ) -> dict[str, Reason | None]:
        """Try to take each line's place; why not, by line, None where it is held.

        Trying again is harmless: a line that holds its place keeps it, a hold that was given
        back is never taken again. A line is missing from the answer when its session does not
        count by ``shapes``, or has come to since: prepare it, read the town's file, try again.
        """
        wanted = sorted(
            (
                wanted_by(town, request, line, shapes[line.activity], members(line))
                for line in lines
            ),
            key=lambda one: one.session,
        )
        nothing: Document = {}
        operations = [grant_of(one, nothing) for one in wanted if one.line.of is None]
        if len(operations) == len(lines) == 1:
            ((query, update),) = operations
            _id = query.pop("_id")
            if await self._store.change(GRANT, SESSIONS, _id, query, update):
                return {wanted[0].line.id: None}
        else:
            granted = await self._store.change_each(GRANT, SESSIONS, operations)
            if granted == len(lines):
                return {one.line.id: None for one in wanted}
        answers: dict[str, Reason | None] = {}
        ids = {one.session for one in wanted}
        found = {one["_id"]: one for one in await self._read(ids, {line.child for line in lines})}
        for one in wanted:
            session = found.get(one.session)
            if session is not None:
                await self._see(one, session, answers)
        return answers

    async def holders(self, town: str, activity: str, day: date) -> set[str]:
        """The requests that hold a place of a session."""
        found = await self._store.get(SESSIONS, session_id(town, activity, day), {"holders": 1})
        held = found["holders"].values() if found else ()
        return {hold.partition("-")[0] for units in held for hold in units.values()}

    async def free(self, town: str, request: str, line: Line) -> None:
        """Give a line's place back and bury its hold, whether or not it was ever taken."""
        _id = session_id(town, line.activity, line.date)
        hold = line.hold_id(request)
        value = hold_value(hold, line.quantity)
        bury = {"$addToSet": {"freed": hold}}
        done = False
        while not done:
            found = await self._store.get(
                SESSIONS, _id,
                {f"holders.{line.child}": 1, f"members.{line.child}": 1, "counters": 1, "shape": 1,
                 "version": 1, "extra": 1},
            )  # fmt: skip
            if found is None:
                return
            held: dict[str, str] = found.get("holders", {}).get(line.child, {})
            own = {unit: kept for unit, kept in held.items() if kept == value}
            if own:
                rest = {unit: kept for unit, kept in held.items() if kept != value}
                shape = stored_shape(found)
                members = set(found.get("members", {}).get(line.child, ()))
                back = back_of(found, shape, members, held, rest)
                gone = {f"holders.{line.child}.{unit}": "" for unit in own}
                done = await self._store.change(
                    FREE, SESSIONS, _id,
                    {**holds_just(line.child, held), **as_counted(found)},
                    without_empty({**bury, "$inc": back, "$unset": gone}),
                )  # fmt: skip
            else:
                unheld = {f"holders.{line.child}.{unit}": {"$ne": value} for unit in line.units}
                done = await self._store.change(BURY, SESSIONS, _id, unheld, bury)

    async def hand_over(self, town: str, old: str, request: str, line: Line) -> None:
        """Let a changed booking take the place of the old one (hold ``old``): the units kept
        change hands, those given up are free, and the old hold is buried."""
        _id = session_id(town, line.activity, line.date)
        value = hold_value(line.hold_id(request), line.quantity)
        bury = {"$addToSet": {"freed": old}}
        done = False
        while not done:
            found = await self._store.get(
                SESSIONS, _id,
                {f"holders.{line.child}": 1, f"members.{line.child}": 1, "counters": 1, "shape": 1,
                 "version": 1, "extra": 1},
            )  # fmt: skip
            if found is None:
                return
            held: dict[str, str] = found.get("holders", {}).get(line.child, {})
            own = [unit for unit, kept in held.items() if kept.partition("*")[0] == old]
            if not own:
                return
            after = {unit: kept for unit, kept in held.items() if unit not in own}
            after |= {unit: value for unit in own if unit in line.units}
            shape = stored_shape(found)
            members = set(found.get("members", {}).get(line.child, ()))
            update: Document = {
                **bury,
                "$inc": back_of(found, shape, members, held, after),
                "$set": {f"holders.{line.child}.{u}": v for u, v in after.items() if u in own},
                "$unset": {f"holders.{line.child}.{u}": "" for u in own if u not in after},
            }
            done = await self._store.change(
                HAND_OVER, SESSIONS, _id,
                {**holds_just(line.child, held), **as_counted(found)},
                without_empty(update),
            )  # fmt: skip

    # -- inside ----------------------------------------------------------------------------

    async def _read(self, ids: Iterable[str], children: Iterable[str]) -> list[Document]:
        projection = {"left": 1, "shape": 1, "version": 1}
        for child in set(children):
            projection |= {f"holders.{child}": 1, f"members.{child}": 1}
        return await self._store.find(
            SESSIONS, {"_id": {"$in": sorted(ids)}}, projection=projection
        )

    async def _create(self, town: str, ids: Mapping[str, Slot], shapes: Shapes) -> None:
        await self._store.insert_many(
            CREATE_SESSIONS,
            SESSIONS,
            [
                {
                    "_id": _id,
                    "town": town,
                    "activity": activity,
                    "date": day.isoformat(),
                    **counted_by(shapes[activity].on(day), {"holders": {}}, {}),
                    "holders": {},
                    "freed": [],
                    "v": 1,
                }
                for _id, (activity, day) in sorted(ids.items())
            ],
        )

    async def _reshape(self, _id: str, shape: Shape, day: date) -> None:
        """Count the places anew from who holds one; again when somebody took one meanwhile."""
        counted = shape.on(day)
        while True:
            document = await self._store.get(SESSIONS, _id)
            if document is None or document["version"] >= shape.version:
                return
            members = await self._members(shape, day, document["holders"].keys())
            fresh = counted_by(counted, document, members)
            if counted.grouped:
                fresh["members"] = members
            if await self._store.save(RESHAPE_SESSION, SESSIONS, document, {"$set": fresh}):
                return

    async def _members(
        self, shape: Shape, day: date, holders: Collection[str]
    ) -> dict[str, list[str]]:
        """The grouped counters that each of these people is in, by what family says of them."""
        if not shape.on(day).grouped:
            return {}
        named = {"$in": list(holders)}
        cards = await self._store.find(
            FAMILIES, {"$or": [{"children.id": named}, {"guardians.id": named}]}
        )
        known = (one for card in cards for one in FamilyChanged.model_validate(card).participants)
        return {one.id: shape.members(traits_of(one, day)) for one in known if one.id in holders}

    async def _see(self, one: Wanted, session: Document, answers: dict[str, Reason | None]) -> None:
        """What became of a line; tried again beside what the child holds in the session."""
        while session["shape"] == one.day.key or one.holds_some(session):
            answer = one.answer(session)
            if answer is not TRY:
                answers[one.line.id] = answer
                return
            short = one.short(session)
            extra = "places" in one.line.overridden
            if (short and not extra) or await self._buried(one.session, one.hold):
                answers[one.line.id] = FULL
                return
            query, update = grant_of(one, session)
            if short:
                declare_extra(query, update, session["left"], short)
            if await self._store.change(GRANT, SESSIONS, query.pop("_id"), query, update):
                answers[one.line.id] = None
                return
            found = await self._read([one.session], [one.line.child])
            if not found:
                return
            session = found[0]

    async def _buried(self, _id: str, hold: str) -> bool:
        return await self._store.count(SESSIONS, {"_id": _id, "freed": hold}) > 0
