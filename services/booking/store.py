"""Booking's documents.

``sessions``  one activity on one date. ``left`` and ``capacity`` per place counter, ``holders``
              (child -> unit -> hold), ``freed`` (holds given back: tombstones),
              ``version`` of the town file that gave the capacity. Shared: guarded by conditions.
``requests``  one act of a family with its lines. One writer at a time: guarded by ``v``.
              ``unfinished`` (machine instant) while places are still to be taken or given back.
``batches``   one bulk decision: its instant, and how many lines it decided once through.
``progress``  per town, up to when every decision has been said.
``numbers``   per town and year, the last block of request numbers handed out.
``copy_families``  family-changed, by family.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from typing import Any

from pymongo import IndexModel

from services.booking.domain.request import FULL, TAKEN, Line, Request, Session
from shared.auth import Scope
from shared.contracts.booking import DecidedUpTo, NotRetained, Period, Reason
from shared.contracts.family import FamilyChanged
from shared.contracts.town_file import Activity
from shared.errors import MissingCopy
from shared.events import Envelope, Event
from shared.failpoints import step
from shared.store import Document, Store

SESSIONS, REQUESTS, BATCHES = "sessions", "requests", "batches"
PROGRESS, NUMBERS, FAMILIES = "progress", "numbers", "copy_families"

OUTBOXES = (REQUESTS, BATCHES, PROGRESS)
INDEXES = {
    REQUESTS: [
        IndexModel([("town", 1), ("family", 1), ("requested_at", -1)]),
        IndexModel([("family", 1), ("lines.date", 1)]),
        IndexModel([("town", 1), ("lines.state", 1), ("requested_at", -1)]),
        IndexModel([("unfinished", 1)], partialFilterExpression={"unfinished": {"$exists": True}}),
    ],
}

CREATE_SESSIONS = step("booking.session.create")
RESHAPE_SESSION = step("booking.session.reshape")
GRANT = step("booking.place.grant")
FREE = step("booking.place.free")
BURY = step("booking.place.bury")
CREATE_REQUEST = step("booking.request.create")
SETTLE_REQUEST = step("booking.request.settle")
DECIDE_REQUEST = step("booking.request.decide")
CLOSE_FREED = step("booking.request.close-freed")
NUMBER = step("booking.number.reserve")
OPEN_BATCH = step("booking.batch.open")
CLOSE_BATCH = step("booking.batch.close")
SAY_PROGRESS = step("booking.progress.say")
KEEP_FAMILY = step("booking.copy.family")

_NUMBERS_AT_ONCE = 50


def session_id(town: str, activity: str, day: date) -> str:
    """The natural key of a session; ids of one activity sort by date."""
    return f"{town}/{activity}/{day.isoformat()}"


class BookingStore:
    """Every query and write of booking."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers: dict[str, list[int]] = {}

    # -- copies ----------------------------------------------------------------------------

    async def keep_family(self, envelope: Envelope, event: FamilyChanged) -> None:
        """Keep a family's card."""
        card = event.model_dump(mode="json")
        await self._store.keep_copy(KEEP_FAMILY, FAMILIES, event.family, envelope, card)

    async def family(self, town: str, family: str) -> FamilyChanged:
        """The family's card. Raises ``MissingCopy``."""
        card = await self._store.get(FAMILIES, family)
        if card is None or card["town"] != town:
            raise MissingCopy(f"families/{family}")
        return FamilyChanged.model_validate(card)

    # -- sessions --------------------------------------------------------------------------

    async def sessions(
        self,
        town: str,
        activity: Activity,
        version: int,
        days: Iterable[date],
        children: Iterable[str],
    ) -> dict[date, Session]:
        """The sessions of these days, created or brought to the current capacity if need be."""
        wanted = {session_id(town, activity.id, day): day for day in days}
        found = await self._read_sessions(wanted, children)
        if missing := wanted.keys() - found.keys():
            await self._create_sessions(town, activity, version, {m: wanted[m] for m in missing})
            found |= await self._read_sessions(missing, children)
        capacity = {counter.id: counter.capacity for counter in activity.places}
        for session in found.values():
            if session.version < version and session.capacity != capacity:
                await self._reshape(session.id, activity, version)
        return {wanted[_id]: session for _id, session in found.items()}

    async def peek_sessions(
        self, town: str, activities: Iterable[str], days: Sequence[date], child: str
    ) -> dict[str, Session]:
        """The sessions that exist, by id, for a planning."""
        ids = [session_id(town, activity, day) for activity in activities for day in days]
        return await self._read_sessions(ids, [child])

    async def _read_sessions(
        self, ids: Iterable[str], children: Iterable[str]
    ) -> dict[str, Session]:
        projection = {"left": 1, "capacity": 1, "version": 1}
        projection |= {f"holders.{child}": 1 for child in set(children)}
        documents = await self._store.find(
            SESSIONS, {"_id": {"$in": sorted(ids)}}, projection=projection
        )
        return {
            document["_id"]: Session(
                document["_id"],
                document["left"],
                document["capacity"],
                document["version"],
                document.get("holders", {}),
            )
            for document in documents
        }

    async def _create_sessions(
        self, town: str, activity: Activity, version: int, ids: Mapping[str, date]
    ) -> None:
        capacity = {counter.id: counter.capacity for counter in activity.places}
        await self._store.insert_many(
            CREATE_SESSIONS,
            SESSIONS,
            [
                {
                    "_id": _id,
                    "town": town,
                    "activity": activity.id,
                    "date": day.isoformat(),
                    "left": capacity,
                    "capacity": capacity,
                    "version": version,
                    "holders": {},
                    "freed": [],
                    "v": 1,
                }
                for _id, day in sorted(ids.items())
            ],
        )

    async def _reshape(self, _id: str, activity: Activity, version: int) -> None:
        """Count the places anew from who holds one; again when somebody took one meanwhile."""
        while True:
            document = await self._store.get(SESSIONS, _id)
            if document is None or document["version"] >= version:
                return
            held = [unit for units in document["holders"].values() for unit in units]
            capacity = {counter.id: counter.capacity for counter in activity.places}
            left = {
                counter.id: counter.capacity - sum(unit in counter.units for unit in held)
                for counter in activity.places
            }
            fresh = {"left": left, "capacity": capacity, "version": version}
            if await self._store.save(RESHAPE_SESSION, SESSIONS, document, {"$set": fresh}):
                return

    # -- places ----------------------------------------------------------------------------

    async def grant(
        self, town: str, request: str, lines: Sequence[Line], counters: Mapping[str, Sequence[str]]
    ) -> dict[str, Reason | None]:
        """Try to take each line's place; why not, by line, None where it is held.

        Trying again is harmless: a line that holds its place keeps it, a hold that was given
        back is never taken again. ``counters`` maps ``activity/unit`` to the counters it binds.
        """
        ordered = sorted(lines, key=lambda line: session_id(town, line.activity, line.date))
        operations = [_grant(town, request, line, counters) for line in ordered]
        if len(operations) == 1:
            ((query, update),) = operations
            _id = query.pop("_id")
            if await self._store.change(GRANT, SESSIONS, _id, query, update):
                return {ordered[0].id: None}
        else:
            await self._store.change_each(GRANT, SESSIONS, operations)
        return await self._who_holds(town, request, ordered)

    async def _who_holds(
        self, town: str, request: str, lines: Sequence[Line]
    ) -> dict[str, Reason | None]:
        sessions = await self._read_sessions(
            {session_id(town, line.activity, line.date) for line in lines},
            {line.child for line in lines},
        )
        answers: dict[str, Reason | None] = {}
        for line in lines:
            session = sessions[session_id(town, line.activity, line.date)]
            holder = session.holders.get(line.child, {}).get(line.unit)
            if holder is None:
                answers[line.id] = FULL
            else:
                answers[line.id] = None if holder == line.hold_id(request) else TAKEN
        return answers

    async def free(
        self, town: str, request: str, line: Line, counters: Mapping[str, Sequence[str]]
    ) -> None:
        """Give a line's place back and bury its hold, whether or not it was ever taken."""
        _id = session_id(town, line.activity, line.date)
        holder = f"holders.{line.child}.{line.unit}"
        hold = line.hold_id(request)
        bury = {"$addToSet": {"freed": hold}}
        back = {f"left.{counter}": 1 for counter in counters[f"{line.activity}/{line.unit}"]}
        given_back = await self._store.change(
            FREE, SESSIONS, _id, {holder: hold}, {**bury, "$inc": back, "$unset": {holder: ""}}
        )
        if not given_back:
            await self._store.change(BURY, SESSIONS, _id, {holder: {"$ne": hold}}, bury)

    # -- requests --------------------------------------------------------------------------

    async def number(self, town: str, year: int) -> str:
        """The next request number, ``2026-004812``; a process takes them in blocks, so a crash
        may leave a gap."""
        block = self._numbers.setdefault(f"{town}/{year}", [])
        if not block:
            after = await self._store.put(
                NUMBER, NUMBERS, f"{town}/{year}", {"$inc": {"last": _NUMBERS_AT_ONCE}}
            )
            if after is None:
                raise RuntimeError("unconditional write refused")
            block.extend(range(after["last"], after["last"] - _NUMBERS_AT_ONCE, -1))
        return f"{year}-{block.pop():06d}"

    async def create(self, request: Request, machine_now: datetime) -> bool:
        """Store a request whose lines are still asked; False when it is there already."""
        return await self._store.insert(
            CREATE_REQUEST,
            REQUESTS,
            {
                "_id": request.id,
                "town": request.town,
                "family": request.family,
                "account": request.account,
                "channel": request.channel,
                "number": request.number,
                "requested_at": request.requested_at,
                "body_hash": request.body_hash,
                "periods": [period.model_dump(mode="json") for period in request.periods],
                "lines": [_line_document(line) for line in request.lines],
                "not_retained": [n.model_dump(mode="json") for n in request.not_retained],
                "unfinished": machine_now,
            },
        )

    async def request(self, _id: str) -> Request | None:
        """For booking's own work: by id alone, whoever it belongs to."""
        document = await self._store.get(REQUESTS, _id)
        return _request(document) if document else None

    async def request_of(self, scope: Scope, _id: str) -> Request | None:
        """The request, if the scope reaches it."""
        document = await self._store.first(REQUESTS, {"_id": _id, **scope.query()})
        return _request(document) if document else None

    async def requests_of(
        self, scope: Scope, *, state: str | None, before: datetime | None, limit: int
    ) -> list[Request]:
        """Requests the scope reaches, newest first, optionally with a line in ``state``."""
        query: Document = dict(scope.query())
        if state:
            query["lines.state"] = state
        if before:
            query["requested_at"] = {"$lt": before}
        found = await self._store.find(REQUESTS, query, sort=[("requested_at", -1)], limit=limit)
        return [_request(document) for document in found]

    async def requests_about(
        self, scope: Scope, family: str, child: str, first: date, last: date
    ) -> list[Request]:
        """Requests with a line for the child between two days, oldest first."""
        between = {"$gte": first.isoformat(), "$lte": last.isoformat()}
        about = {"lines": {"$elemMatch": {"child": child, "date": between}}}
        query = {"$and": [scope.query(), {"town": scope.town, "family": family, **about}]}
        found = await self._store.find(REQUESTS, query, sort=[("requested_at", 1)])
        return [_request(document) for document in found]

    async def save_settled(self, request: Request, lines: Sequence[Line], *events: Event) -> bool:
        """What became of the lines, and the events that say so."""
        update: Document = {
            "$set": {"lines": [_line_document(line) for line in lines]},
            "$unset": {"unfinished": ""},
        }
        return await self._store.save(SETTLE_REQUEST, REQUESTS, _read(request), update, *events)

    async def save_decided(
        self,
        request: Request,
        lines: Sequence[Line],
        unfinished: datetime | None,
        *events: Event,
    ) -> bool:
        """A decision; ``unfinished`` when a refused line's place is still to be given back."""
        fields_set: Document = {"lines": [_line_document(line) for line in lines]}
        if unfinished:
            fields_set["unfinished"] = unfinished
        return await self._store.save(
            DECIDE_REQUEST, REQUESTS, _read(request), {"$set": fields_set}, *events
        )

    async def save_freed(self, request: Request, lines: Sequence[Line]) -> bool:
        """The refused lines' places have been given back."""
        update: Document = {
            "$set": {"lines": [_line_document(line) for line in lines]},
            "$unset": {"unfinished": ""},
        }
        return await self._store.save(CLOSE_FREED, REQUESTS, _read(request), update)

    async def unfinished(self, older_than: datetime) -> list[str]:
        """Ids of requests that a crash left half done."""
        found = await self._store.find(
            REQUESTS, {"unfinished": {"$lt": older_than}}, limit=100, projection={"_id": 1}
        )
        return [document["_id"] for document in found]

    # -- batches and progress --------------------------------------------------------------

    async def open_batch(
        self, _id: str, town: str, agent: str, body_hash: str, now: datetime
    ) -> Document:
        """The batch of this command: a repeated one keeps its first instant."""
        fresh = {
            "_id": _id, "town": town, "agent": agent, "body_hash": body_hash, "decided_at": now,
        }  # fmt: skip
        if await self._store.insert(OPEN_BATCH, BATCHES, fresh):
            return fresh
        found = await self._store.get(BATCHES, _id)
        if found is None:
            raise RuntimeError("batch vanished")
        return found

    async def close_batch(self, _id: str, town: str, lines: int, *events: Event) -> None:
        """Say once that a batch is through."""
        await self._store.change(
            CLOSE_BATCH, BATCHES, _id, {"lines": {"$exists": False}},
            {"$set": {"lines": lines}}, *events, town=town,
        )  # fmt: skip

    async def says_nothing_before(self, town: str, instant: datetime) -> bool:
        """Whether no unpublished event of the town's decisions is older than ``instant``."""
        older = {
            "town": town,
            "pending.0.id": {"$exists": True},
            "pending.0.time": {"$lt": instant},
        }
        for collection in (REQUESTS, BATCHES):
            if await self._store.count(collection, older):
                return False
        return True

    async def say_progress(self, town: str, instant: datetime) -> None:
        """Say that everything earlier than ``instant`` has been said; once per instant."""
        await self._store.put(
            SAY_PROGRESS, PROGRESS, town, {"$set": {"upto": instant, "town": town}},
            DecidedUpTo(instant=instant), town=town, condition={"upto": {"$lt": instant}},
        )  # fmt: skip

    async def progress(self, town: str) -> datetime | None:
        """The last instant said."""
        document = await self._store.get(PROGRESS, town, {"upto": 1})
        return document["upto"] if document else None


def counters_of(activities: Iterable[Activity]) -> dict[str, list[str]]:
    """``activity/unit`` -> the place counters that the unit binds."""
    return {
        f"{activity.id}/{unit.id}": [c.id for c in activity.places if unit.id in c.units]
        for activity in activities
        for unit in activity.units
    }


def _grant(
    town: str, request: str, line: Line, counters: Mapping[str, Sequence[str]]
) -> tuple[Document, Document]:
    holder = f"holders.{line.child}.{line.unit}"
    bound = counters[f"{line.activity}/{line.unit}"]
    hold = line.hold_id(request)
    query = {
        "_id": session_id(town, line.activity, line.date),
        holder: {"$exists": False},
        "freed": {"$ne": hold},
        **{f"left.{counter}": {"$gt": 0} for counter in bound},
    }
    update = {
        "$inc": {"v": 1, **{f"left.{counter}": -1 for counter in bound}},
        "$set": {holder: hold},
    }
    return query, update


def _line_document(line: Line) -> Document:
    document: Document = {}
    for one in fields(Line):
        value: Any = getattr(line, one.name)
        if value is None or value is False:
            continue
        if isinstance(value, Reason):
            value = value.model_dump()
        elif type(value) is date:
            value = value.isoformat()
        elif one.name == "receipt":
            value = [value[0], value[1].model_dump() if value[1] else None]
        document[one.name] = value
    return document


def _line(document: Document) -> Line:
    values = {**document, "date": date.fromisoformat(document["date"])}
    if reason := values.get("reason"):
        values["reason"] = Reason.model_construct(**reason)
    if receipt := values.get("receipt"):
        state, reason = receipt
        values["receipt"] = (state, Reason.model_construct(**reason) if reason else None)
    return Line(**values)


def _read(request: Request) -> Document:
    return {"_id": request.id, "v": request.v, "town": request.town}


def _request(document: Document) -> Request:
    return Request(
        id=document["_id"],
        town=document["town"],
        family=document["family"],
        account=document["account"],
        channel=document["channel"],
        number=document["number"],
        requested_at=document["requested_at"],
        body_hash=document["body_hash"],
        periods=tuple(Period.model_validate(p) for p in document["periods"]),
        lines=tuple(_line(line) for line in document["lines"]),
        not_retained=tuple(NotRetained.model_validate(n) for n in document["not_retained"]),
        unfinished="unfinished" in document,
        v=document["v"],
    )


#: A request unfinished for longer than this was left by a crash, not by a slow command.
LEFT_BEHIND = timedelta(seconds=5)
