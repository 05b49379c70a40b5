"""``preau check`` for booking: what ``domain.soundness`` asks of every session and request.

Sessions and requests are read one after the other while commands go on, so what looks wrong is
looked at again, and is wrong only if it stays so.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from services.booking.domain.places import Shape
from services.booking.domain.request import Line, Mode, Request
from services.booking.domain.soundness import (
    Counted,
    Fault,
    Holders,
    Rules,
    faults_of_request,
    faults_of_session,
)
from services.booking.store.inspection import Inspection, Slot
from shared.clock import Clock
from shared.copies import Town, TownCopy
from shared.findings import BookedUnit, Finding
from shared.runner import Parts

SESSIONS_AT_ONCE = 20
REQUESTS_AT_ONCE = 200
#: How often, and after how many seconds, what looks wrong is looked at again.
LOOKS, PAUSE = 2, 0.25


async def check(parts: Parts, town: str | None) -> AsyncIterator[Finding]:
    """Whatever must not be in booking's database, of one town or of all."""
    checking = _Checking(
        Inspection(parts.store), TownCopy(parts.store, parts.clock), parts.clock, town
    )
    async for finding in checking.of_sessions():
        yield finding
    async for finding in checking.of_requests():
        yield finding


async def requests_in_turn(parts: Parts, town: str | None) -> AsyncIterator[list[Request]]:
    """Every request of one town or of all, some at a time."""
    store, after = Inspection(parts.store), ""
    while batch := await store.requests_after(after, town, REQUESTS_AT_ONCE):
        after = batch[-1].id
        yield batch


async def requests_now(parts: Parts, requests: Iterable[Request]) -> list[Request]:
    """The same requests, read again."""
    return list((await Inspection(parts.store).requests({one.id for one in requests})).values())


def booked(requests: Iterable[Request]) -> dict[BookedUnit, bool]:
    """Each unit of each line that is a booking: whether it stands. What an absence or a change
    came to is not said."""
    return {
        BookedUnit(request.id, line.id, unit): line.state == "accepted"
        for request in requests
        for line in request.lines
        if line.books and line.ended is None and line.absent is None
        for unit in line.units
    }


@dataclass(frozen=True, slots=True)
class _Checking:
    store: Inspection
    towns: TownCopy
    clock: Clock
    town: str | None

    async def of_sessions(self) -> AsyncIterator[Finding]:
        after = ""
        while batch := await self.store.sessions_after(after, self.town, SESSIONS_AT_ONCE):
            after = batch[-1].id
            found = await self._judge_sessions(batch)
            for _ in range(LOOKS):
                if not found:
                    break
                await asyncio.sleep(PAUSE)
                again = await self.store.sessions({name for name, _ in found})
                found &= await self._judge_sessions(again)
            for finding in _sorted("sessions", found):
                yield finding

    async def of_requests(self) -> AsyncIterator[Finding]:
        after = ""
        while batch := await self.store.requests_after(after, self.town, REQUESTS_AT_ONCE):
            after = batch[-1].id
            found = await self._judge_requests(batch)
            for _ in range(LOOKS):
                if not found:
                    break
                await asyncio.sleep(PAUSE)
                again = await self.store.requests({name for name, _ in found})
                found &= await self._judge_requests(list(again.values()))
            for finding in _sorted("requests", found):
                yield finding

    async def _judge_sessions(self, sessions: Sequence[Counted]) -> set[tuple[str, Fault]]:
        ids = {request for session in sessions for request in session.requests}
        requests = await self._with_ends(await self.store.requests(ids))
        found = set()
        for session in sessions:
            rules = await self._rules(session.town)
            for fault in faults_of_session(session, requests, rules):
                found.add((session.id, fault))
        return found

    async def _judge_requests(self, requests: Sequence[Request]) -> set[tuple[str, Fault]]:
        others = await self._with_ends({request.id: request for request in requests})
        holders = await self._holders(requests)
        now = self.clock.machine()
        return {
            (request.id, fault)
            for request in requests
            for fault in faults_of_request(request, holders.get(request.town, {}), others, now)
        }

    async def _with_ends(self, requests: dict[str, Request]) -> dict[str, Request]:
        """The requests, and those that their lines name."""
        named = {
            ref.rpartition("-")[0]
            for request in requests.values()
            for line in request.lines
            for ref in (line.of, line.ending, line.ended, line.absent)
            if ref is not None
        }
        return requests | await self.store.requests(named - requests.keys())

    async def _holders(self, requests: Iterable[Request]) -> dict[str, dict[Slot, Holders]]:
        """What the children of these requests hold, by town and session."""
        by_town: dict[str, list[Line]] = {}
        for request in requests:
            by_town.setdefault(request.town, []).extend(request.lines)
        return {
            town: await self.store.holders(
                town,
                {(line.activity, line.date) for line in lines},
                {line.child for line in lines},
            )
            for town, lines in by_town.items()
        }

    async def _rules(self, slug: str) -> Rules:
        town = await self.towns.find(slug)
        if town is None:
            return Rules(0, date.max, lambda _: None, lambda _: None)
        today = self.clock.town().astimezone(ZoneInfo(town.file.time_zone)).date()
        return _rules_of(town, today)


def _rules_of(town: Town, today: date) -> Rules:
    activities = {one.id: one for one in town.file.activities}

    def shape_of(activity: str) -> Shape | None:
        found = activities.get(activity)
        return Shape(found, town.heard) if found else None

    def mode_of(activity: str) -> Mode | None:
        found = activities.get(activity)
        return Mode(found.decision == "automatic", found.hold_while_waiting) if found else None

    return Rules(town.heard, today, shape_of, mode_of)


def _sorted(collection: str, found: set[tuple[str, Fault]]) -> list[Finding]:
    ordered = sorted(found, key=lambda one: (one[0], one[1].kind, str(one[1].about)))
    return [
        Finding(fault.kind, f"{collection}/{name}", dict(fault.about)) for name, fault in ordered
    ]
