"""A session's document: how its places are counted, what grants one, what gives one back.

Pure: conditions and updates are built here, and written by ``places``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Final

from services.booking.domain.places import (
    Counter,
    DayShape,
    Session,
    Shape,
    hold_value,
    taking,
)
from services.booking.domain.request import TAKEN, Line
from services.booking.domain.rules.choices import wrong_units
from shared.contracts.booking import Reason
from shared.store import Document

#: Nothing speaks against it so far: the place may be tried for.
TRY: Final = Reason(code="try", text="")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One line's place in one session."""

    session: str
    shape: Shape
    day: DayShape
    line: Line
    hold: str
    members: frozenset[str]

    @property
    def fresh(self) -> dict[str, str]:
        """What the child will hold by this line (unit -> hold)."""
        value = hold_value(self.hold, self.line.quantity)
        return dict.fromkeys(self.line.fresh, value)

    def held(self, session: Document) -> dict[str, str]:
        """What the child holds in the session (unit -> hold)."""
        held: dict[str, str] = session.get("holders", {}).get(self.line.child, {})
        return held

    def counted(self, session: Document) -> list[str]:
        """The grouped counters in which what the child holds was counted."""
        counted: list[str] = session.get("members", {}).get(self.line.child, [])
        return counted

    def holds_some(self, session: Document) -> bool:
        """Whether the child holds one of the units wanted, by whatever line."""
        return bool(self.held(session).keys() & set(self.line.fresh))

    def answer(self, session: Document) -> Reason | None:
        """None when the line has its place, why it cannot have it, or ``TRY``."""
        held = self.held(session)
        theirs = {unit: held[unit] for unit in self.line.fresh if unit in held}
        if theirs:
            return None if theirs == self.fresh else TAKEN
        together = (held.keys() - self.line.gone) | set(self.line.units)
        if held and (wrong := wrong_units(self.shape.activity, self.line.date, together)):
            return wrong
        return TRY if self.line.fresh else None

    def short(self, session: Document) -> dict[str, int]:
        """By how many places each counter falls short."""
        step = taking(
            self.day, self.held(session), self.fresh, self.members, set(self.counted(session))
        )
        return {
            counter: down - max(session["left"][counter], 0)
            for counter, down in step.down.items()
            if session["left"][counter] < down
        }


def session_id(town: str, activity: str, day: date) -> str:
    """The natural key of a session; ids of one activity sort by date."""
    return f"{town}/{activity}/{day.isoformat()}"


def wanted_by(town: str, request: str, line: Line, shape: Shape, members: Sequence[str]) -> Wanted:
    """A line's place, as ``shape`` counts it; ``members``: the grouped counters of its child."""
    return Wanted(
        session_id(town, line.activity, line.date),
        shape,
        shape.on(line.date),
        line,
        line.hold_id(request),
        frozenset(members),
    )


def back_of(
    session: Document,
    shape: DayShape,
    members: Set[str],
    held: Mapping[str, str],
    after: Mapping[str, str],
) -> dict[str, int]:
    """What goes back when a child who held this holds that: places declared beyond the capacity
    disappear first."""
    changes: dict[str, int] = {}
    for counter in shape.bound(held, members):
        number = counter.weight(held) - counter.weight(after)
        extra = min(number, session.get("extra", {}).get(counter.id, 0))
        if extra > 0:
            changes[f"extra.{counter.id}"] = -extra
        if number - max(extra, 0):
            changes[f"left.{counter.id}"] = number - max(extra, 0)
    return changes


def as_counted(session: Document) -> Document:
    """The condition that places are counted as they were when the session was read."""
    extra = {f"extra.{name}": number for name, number in session.get("extra", {}).items() if number}
    return {"shape": session["shape"], **extra}


def without_empty(update: Document) -> Document:
    """An update without operators that change nothing."""
    return {name: fields for name, fields in update.items() if fields}


def left_of(
    shape: DayShape, session: Document, members: Mapping[str, Sequence[str]]
) -> dict[str, int]:
    """The places left, those declared beyond the capacity counted in."""
    left = shape.left(session["holders"], members)
    extra = session.get("extra", {})
    return {name: number + extra.get(name, 0) for name, number in left.items()}


def counted_by(
    shape: DayShape, session: Document, members: Mapping[str, Sequence[str]]
) -> Document:
    """What a session keeps of how its places are counted; ``over``: by how many a reduction of
    the capacity left a counter overfull."""
    left = left_of(shape, session, members)
    return {
        "left": left,
        "over": {name: -number for name, number in left.items() if number < 0},
        "counters": [
            {"id": one.id, "capacity": one.capacity, "units": sorted(one.units),
             "grouped": one.grouped}
            for one in shape.counters
        ],
        "shape": shape.key,
        "version": shape.version,
    }  # fmt: skip


def stored_shape(document: Document) -> DayShape:
    """The counters that a session counts by at the moment."""
    counters = tuple(
        Counter(one["id"], one["capacity"], frozenset(one["units"]), one["grouped"])
        for one in document["counters"]
    )
    return DayShape(document["version"], document["shape"], counters)


def session_of(document: Document, names: Mapping[str, str]) -> Session:
    """A session as rules take it; each child holds what it holds by any of its ids (``names``: of
    each, the one of today)."""
    holders: dict[str, dict[str, str]] = {}
    for child, held in document.get("holders", {}).items():
        holders.setdefault(names.get(child, child), {}).update(held)
    groups = {
        names.get(child, child): frozenset(counted)
        for child, counted in document.get("members", {}).items()
    }
    return Session(document["shape"], document["version"], document["left"], holders, groups)


def empty_session(shape: DayShape) -> Session:
    """The session that nobody has booked yet."""
    return Session(shape.key, shape.version, shape.left({}, {}), {})


def holds_just(child: str, held: Mapping[str, str]) -> Document:
    """The condition that a child holds just this in a session."""
    if not held:
        return {f"holders.{child}": {"$in": [None, {}]}}
    return {
        **{f"holders.{child}.{unit}": value for unit, value in held.items()},
        "$expr": {"$eq": [{"$size": {"$objectToArray": f"$holders.{child}"}}, len(held)]},
    }


def declare_extra(
    query: Document, update: Document, left: Mapping[str, int], short: Mapping[str, int]
) -> None:
    """Grant by declaring as many places more as are missing, as long as just these are."""
    for counter, number in short.items():
        query[f"left.{counter}"] = left[counter]
        update["$inc"][f"left.{counter}"] += number
        update["$inc"][f"extra.{counter}"] = number


def grant_of(one: Wanted, session: Document) -> tuple[Document, Document]:
    """The condition and the update that grant a line's place beside what the child holds."""
    held, counted = one.held(session), one.counted(session)
    step = taking(one.day, held, one.fresh, one.members, set(counted))
    query = {
        "_id": one.session,
        "shape": one.day.key,
        "freed": {"$ne": one.hold},
        **holds_just(one.line.child, held),
        **{f"left.{counter}": {"$gte": down} for counter, down in step.down.items() if down > 0},
    }
    if held and one.day.grouped:
        query[f"members.{one.line.child}"] = counted or {"$in": [None, []]}
    taken: Document = {
        f"holders.{one.line.child}.{unit}": value for unit, value in one.fresh.items()
    }
    if one.day.grouped:
        taken[f"members.{one.line.child}"] = sorted(one.members)
    update = {
        "$inc": {"v": 1, **{f"left.{name}": -down for name, down in step.down.items()}},
        "$set": taken,
    }
    return query, update
