"""Who should hold what: booking in plain Python, without a database, for one town of the tests.

The rules of this town are simple (until 18:00 of the eve; a cancellation of the canteen is an
agent's to decide, and so is what is booked of the evening), and written here once more on purpose:
the model shares no code with what it is compared to.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

#: Thursday, Friday, Monday; the story begins on Monday the 14th at 10:00.
DAYS = ("2026-09-17", "2026-09-18", "2026-09-21")
Units = tuple[str, ...]


@dataclass(frozen=True)
class Care:
    """An activity: who decides, whether a line that waits holds its place, what there is.
    ``asked``: it decides by itself, but its rule leaves every booking to an agent."""

    name: str
    automatic: bool
    holds: bool
    cancelled_by_agent: bool = False
    asked: bool = False
    units: Units = ("unit",)
    counters: dict[str, Units] = field(default_factory=lambda: {"places": ("unit",)})
    capacity: dict[str, int] = field(default_factory=lambda: {"places": 2})

    def together(self, units: set[str]) -> bool:
        """Whether these units may be booked for one day: one meal, with a half day."""
        meals, halves = units & {"av", "sv"}, units & {"m", "a"}
        return len(meals) <= 1 and (not meals or bool(halves))


_HALF_DAYS: dict[str, Any] = {
    "units": ("m", "a", "av", "sv"),
    "counters": {"room": ("m", "a"), "meat": ("av",), "veggie": ("sv",)},
    "capacity": {"room": 2, "meat": 2, "veggie": 1},
}
CARES = {
    care.name: care
    for care in (
        Care("garderie", automatic=True, holds=True),
        Care("cantine", automatic=False, holds=True, cancelled_by_agent=True),
        Care("centre", automatic=True, holds=True, **_HALF_DAYS),
        Care("mercredi", automatic=False, holds=False, **_HALF_DAYS),
        Care("soir", automatic=True, holds=False, asked=True, **_HALF_DAYS),
    )
}


@dataclass
class Line:
    """One line of a request, by what the family and the agent know of it; ``aside``: an agent
    asked for it beyond the deadline and the places there are."""

    ref: str
    child: str
    care: Care
    day: str
    units: Units
    kind: str = "book"
    of: str | None = None
    was: Units = ()
    frees: bool = False
    aside: bool = False
    state: str = "asked"
    held: bool = False
    ended: bool = False
    absent: bool = False

    @property
    def books(self) -> bool:
        return self.kind in ("book", "change")

    @property
    def automatic(self) -> bool:
        """Whether no agent has to decide it."""
        return self.care.automatic and (self.aside or not self.care.asked)

    @property
    def stands(self) -> bool:
        """Whether it is a booking that could be changed or ended."""
        return self.books and self.state == "accepted" and not self.ended and not self.absent

    @property
    def fresh(self) -> set[str]:
        return set(self.units) - set(self.was)


@dataclass
class Foreseen:
    """What a command should answer: lines as (day, state, code), dropped as (day, code)."""

    status: int
    lines: list[tuple[str, str, str | None]] = field(default_factory=list)
    dropped: list[tuple[str, str]] = field(default_factory=list)
    code: str | None = None


class Model:
    """One town's truth."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}
        self.capacity = {(care.name, name): number for care in CARES.values()
                         for name, number in care.capacity.items()}  # fmt: skip
        #: Places declared beyond the capacity, by session and counter; the first to disappear.
        self.extra: dict[tuple[str, str, str], int] = {}
        self._used: dict[tuple[str, str, str], int] = {}

    # -- who holds what ----------------------------------------------------------------------

    def holders(self, care: str, day: str) -> dict[str, dict[str, str]]:
        """Who should hold what in a session: child -> unit -> line."""
        found: dict[str, dict[str, str]] = {}
        for line in self.lines.values():
            if (line.care.name, line.day) != (care, day) or not line.books or line.ended:
                continue
            units: Iterable[str] = ()
            if line.state == "accepted":
                units = line.units
            elif line.state == "requested" and line.held:
                units = line.fresh
            for unit in units:
                mine = found.setdefault(line.child, {})
                assert unit not in mine, f"{line.ref} and {mine[unit]} have one place"
                mine[unit] = line.ref
        return found

    def held(self, child: str, care: str, day: str) -> set[str]:
        """The units that a child holds."""
        return set(self.holders(care, day).get(child, ()))

    def left(self, care: Care, day: str) -> dict[str, int]:
        """Places left by counter, below zero after a reduction."""
        return {
            name: self.capacity[care.name, name] + self.extra.get((care.name, day, name), 0) - used
            for name, used in self._taken(care, day).items()
        }

    def extra_of(self, care: str, day: str) -> dict[str, int]:
        """Places declared beyond the capacity of a session."""
        return {
            name: number for (one, when, name), number in self.extra.items()
            if (one, when) == (care, day) and number
        }  # fmt: skip

    def _taken(self, care: Care, day: str) -> dict[str, int]:
        holders = self.holders(care.name, day).values()
        return {
            name: sum(bool(set(held) & set(units)) for held in holders)
            for name, units in care.counters.items()
        }

    def _recount(self, line: Line) -> None:
        """Where places came free, those declared beyond the capacity disappear."""
        for name, used in self._taken(line.care, line.day).items():
            key = (line.care.name, line.day, name)
            freed = self._used.get(key, 0) - used
            if freed > 0:
                self.extra[key] = max(0, self.extra.get(key, 0) - freed)
            self._used[key] = used

    def _why_no_place(self, line: Line) -> str | None:
        held = self.held(line.child, line.care.name, line.day)
        if held & line.fresh:
            return "already-booked"
        gone = set(line.was) - set(line.units)
        if held and not line.care.together((held - gone) | set(line.units)):
            return "units-not-combined"
        left = self.left(line.care, line.day)
        short = [
            name for name, units in line.care.counters.items()
            if line.fresh & set(units) and not held & set(units) and left[name] < 1
        ]  # fmt: skip
        if short and not line.aside:
            return "full"
        for name in short:
            key = (line.care.name, line.day, name)
            self.extra[key] = self.extra.get(key, 0) + 1
        return None

    def pending_end(self, ref: str) -> Line | None:
        """The line that waits for an agent to end or change a booking."""
        return next(
            (one for one in self.lines.values() if one.of == ref and one.state == "requested"),
            None,
        )

    # -- a family asks -----------------------------------------------------------------------

    def book(
        self, request: str, child: str, care: Care, units: Units, days: list[str], now: datetime,
        *, aside: bool = False,
    ) -> Foreseen:  # fmt: skip
        """A basket that books some days of one activity."""
        found = Foreseen(201)
        kept: list[Line] = []
        for day in days:
            held = self.held(child, care.name, day)
            late = _too_late(day, now)
            if late and not (aside and late == "too-late"):
                found.dropped.append((day, late))
            elif held & set(units):
                found.dropped.append((day, "already-booked"))
            elif self._waits(child, care, units, day):
                found.dropped.append((day, "already-asked"))
            elif not care.together(held | set(units)):
                found.dropped.append((day, "units-not-combined"))
            else:
                ref = f"{request}-{len(kept) + 1:x}"
                kept.append(Line(ref, child, care, day, units, aside=aside))
        return self._settled(found, kept)

    def change(
        self, request: str, child: str, booking: Line, units: Units, now: datetime
    ) -> Foreseen:
        """A basket that puts other units in the place of a booking."""
        found = Foreseen(201)
        if units == booking.units:
            found.dropped.append((booking.day, "unchanged"))
        elif late := _too_late(booking.day, now):
            found.dropped.append((booking.day, late))
        else:
            line = Line(
                f"{request}-1", child, booking.care, booking.day, units, "change", booking.ref,
                booking.units,
            )  # fmt: skip
            return self._settled(found, [line])
        return self._settled(found, [])

    def end(
        self, request: str, kind: str, child: str, care: Care, days: list[str], now: datetime
    ) -> Foreseen:
        """A basket that cancels, or reports absent, what a child has booked of an activity."""
        booked = [
            line for line in self.lines.values()
            if line.stands and line.child == child and line.care is care and line.day in days
        ]  # fmt: skip
        if not booked:
            return Foreseen(422, code="nothing-booked")
        found, kept = Foreseen(201), []
        for one in booked:
            late = _too_late(one.day, now)
            if kind == "cancel" and late:
                found.dropped.append((one.day, late))
                continue
            kept.append(
                Line(f"{request}-{len(kept) + 1:x}", child, care, one.day, one.units, kind, one.ref,
                     one.units, frees=not late)
            )  # fmt: skip
        return self._settled(found, kept)

    def _waits(self, child: str, care: Care, units: Units, day: str) -> bool:
        return not care.holds and any(
            line.state == "requested" and (line.child, line.care, line.day) == (child, care, day)
            and set(line.units) & set(units)
            for line in self.lines.values()
        )  # fmt: skip

    def _settled(self, found: Foreseen, lines: list[Line]) -> Foreseen:
        if not lines:
            found.status = 409
            return found
        for line in lines:
            code = self._settle(line)
            self.lines[line.ref] = line
            found.lines.append((line.day, line.state, code))
            self._carry_out(line)
            self._recount(line)
        return found

    def _settle(self, line: Line) -> str | None:
        code: str | None = None
        if line.of is not None and self.pending_end(line.of):
            code = "not-booked"
        elif line.books and (line.automatic or line.care.holds):
            code = self._why_no_place(line)
        if code:
            line.state = "refused"
        elif line.frees and line.care.cancelled_by_agent:  # an absence in time, too
            line.state = "requested"
        elif not line.books or line.automatic:
            line.state, line.held = "accepted", line.books
        else:
            line.state, line.held = "requested", line.care.holds
        return code

    def _carry_out(self, line: Line) -> None:
        """An accepted end or change does what it says."""
        if line.of is None or line.state != "accepted":
            return
        booking = self.lines[line.of]
        if line.frees or line.books:
            booking.ended = True
        else:
            booking.absent = True

    # -- afterwards --------------------------------------------------------------------------

    def withdraw(self, request: str) -> None:
        """A family takes back what waits of a request."""
        for line in self.of_request(request):
            if line.state == "requested":
                line.state, line.held = "withdrawn", False
                self._recount(line)

    def decide(self, ref: str, accept: bool) -> str:
        """An agent's decision of one line: its result."""
        line = self.lines[ref]
        wanted = "accepted" if accept else "refused"
        if self.pending_end(ref):
            return "not-possible"
        over = line.state == "refused" if line.books else line.state != "requested"
        if line.ended or line.state == "withdrawn" or (line.of is not None and over):
            return "already-decided"
        if line.state == wanted:
            return "already-decided"
        if accept and line.books and not line.held:
            code = self._why_no_place(line)
            if code:
                return code if code in ("full", "already-booked") else "not-possible"
        line.state, line.held = wanted, accept and line.books
        self._carry_out(line)
        self._recount(line)
        return wanted

    def of_request(self, request: str) -> list[Line]:
        """The lines of a request."""
        return [line for ref, line in self.lines.items() if ref.startswith(f"{request}-")]

    def adopt(self, request: dict[str, Any]) -> None:
        """Take over what became of a request, as its family sees it: after commands that raced,
        when more than one outcome is right."""
        for seen in request["lines"]:
            ref = f"{request['id']}-{seen['line']}"
            care, books = CARES[seen["activity"]], seen["kind"] in ("book", "change")
            waits = seen["state"] == "requested" and care.holds
            self.lines[ref] = Line(
                ref, seen["child"], care, seen["date"], tuple(seen["units"]), seen["kind"],
                seen["of"], frees=seen["effect"] == "cancelled", aside=bool(seen["overridden"]),
                state=seen["state"], held=books and (waits or seen["state"] == "accepted"),
                ended=seen["ended"], absent=seen["absent"],
            )  # fmt: skip
        for line in self.of_request(request["id"]):
            line.was = self.lines[line.of].units if line.of else ()

    def adopt_extra(self, care: str, day: str, extra: dict[str, int]) -> None:
        """The same for the places declared beyond the capacity."""
        self.extra |= {(care, day, name): number for name, number in extra.items()}
        for name, used in self._taken(CARES[care], day).items():
            self._used[care, day, name] = used


def _too_late(day: str, now: datetime) -> str | None:
    """Until 18:00 of the eve, in Paris in summer."""
    eve = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC) - timedelta(hours=8)
    if now < eve + timedelta(minutes=1):
        return None
    midnight_after = eve + timedelta(hours=30)
    return "too-late" if now < midnight_after else "day-over"
