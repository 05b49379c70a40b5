"""How a session counts its places: which counters a booking binds, and by how much.

A counter counts children: one who holds several of its units takes one place in it. Units of kind
*quantity* count by their number instead. A counter with a group counts only the children of that
group (``members`` says for each child in which grouped counters they are).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date

from services.booking.domain.rules.facts import in_group
from shared.contracts.town_file import Activity, PlaceCounter
from shared.ids import derived_id
from shared.traits import Known

_TIMES = "*"


@dataclass(frozen=True, slots=True)
class Counter:
    """One place counter on one day."""

    id: str
    capacity: int
    units: frozenset[str]
    grouped: bool

    def weight(self, held: Mapping[str, str]) -> int:
        """The places that a child with these holds (unit -> hold) takes."""
        bound = [hold for unit, hold in held.items() if unit in self.units]
        if not bound:
            return 0
        return max(1, sum(quantity_of(hold) for hold in bound if _TIMES in hold))


@dataclass(frozen=True, slots=True)
class DayShape:
    """The counters of one session; ``version`` tells which of two comes from the later town file.

    ``key`` is the same for the same counters, whatever the version: a session is counted anew
    only when it differs.
    """

    version: int
    key: str
    counters: tuple[Counter, ...]

    def bound(self, units: Iterable[str], members: Set[str]) -> list[Counter]:
        """The counters that these units bind for a child who is in the groups ``members``."""
        wanted = set(units)
        return [
            counter
            for counter in self.counters
            if counter.units & wanted and (not counter.grouped or counter.id in members)
        ]

    def left(
        self, holders: Mapping[str, Mapping[str, str]], members: Mapping[str, Iterable[str]]
    ) -> dict[str, int]:
        """Places left by counter; below zero after a reduction."""
        left = {counter.id: counter.capacity for counter in self.counters}
        for child, held in holders.items():
            for counter in self.bound(held, set(members.get(child, ()))):
                left[counter.id] -= counter.weight(held)
        return left

    @property
    def grouped(self) -> bool:
        """Whether some counter counts only a group."""
        return any(counter.grouped for counter in self.counters)


class Shape:
    """An activity's place counters, day by day. Days are kept: a version never changes."""

    def __init__(self, activity: Activity, version: int) -> None:
        self.activity = activity
        self.version = version
        self._days: dict[date, DayShape] = {}

    def on(self, day: date) -> DayShape:
        """The counters of one day."""
        found = self._days.get(day)
        if found is None:
            found = self._days[day] = _day_shape(self.activity.places, self.version, day)
        return found

    def members(self, traits: Mapping[str, Known]) -> list[str]:
        """The grouped counters that count such a child."""
        return [
            counter.id
            for counter in self.activity.places
            if counter.grouped and in_group(counter.group, traits)
        ]


def _day_shape(places: Sequence[PlaceCounter], version: int, day: date) -> DayShape:
    counters = tuple(
        Counter(one.id, one.places_on(day), frozenset(one.units), one.grouped)
        for one in sorted(places, key=lambda counter: counter.id)
    )
    parts = [
        f"{one.id}={one.capacity}:{','.join(sorted(one.units))}{'/' if one.grouped else ''}"
        for one in counters
    ]
    return DayShape(version, derived_id("shape", *parts), counters)


@dataclass(frozen=True, slots=True)
class Session:
    """Places left in one session, and what some children hold in it (child -> unit -> hold).

    ``shape`` and ``version`` say by which counters ``left`` was counted; ``groups`` in which
    grouped counters what each of those children holds was.
    """

    shape: str
    version: int
    left: Mapping[str, int]
    holders: Mapping[str, Mapping[str, str]]
    groups: Mapping[str, Set[str]] = field(default_factory=dict)


def hold_value(hold: str, quantity: int) -> str:
    """What a session keeps of a hold: its id, and how many when more than one."""
    return hold if quantity == 1 else f"{hold}{_TIMES}{quantity}"


def quantity_of(value: str) -> int:
    """How many places a kept hold stands for."""
    return int(value.partition(_TIMES)[2] or 1)


@dataclass(frozen=True, slots=True)
class Taking:
    """The conditional update that grants a booking: what must be true of the session, and by how
    much each counter goes down. ``held`` is what the child is taken to hold already."""

    held: Mapping[str, str]
    fresh: Mapping[str, str]
    down: Mapping[str, int]


def taking(
    shape: DayShape,
    held: Mapping[str, str],
    fresh: Mapping[str, str],
    members: Set[str],
    before: Set[str],
) -> Taking:
    """What granting ``fresh`` (unit -> hold) to a child who holds ``held`` comes to. What it
    replaces (a change) is not in ``held`` any more; a counter may then go up.

    All is counted in the child's groups of today (``members``), though ``held`` was counted in
    those it had then (``before``)."""
    after = {**held, **fresh}
    down: dict[str, int] = defaultdict(int)
    for counter in shape.bound(after, members):
        down[counter.id] += counter.weight(after)
    for counter in shape.bound(held, before):
        down[counter.id] -= counter.weight(held)
    return Taking(held, fresh, {counter: weight for counter, weight in down.items() if weight})
