"""How an activity counts its places, and what a session knows of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.contracts.town_file import Activity
from shared.ids import derived_id


@dataclass(frozen=True, slots=True)
class Shape:
    """An activity's place counters; ``version`` tells which of two comes from the later town file.

    ``key`` is the same for the same counters, whatever the version: a session is counted anew
    only when it differs.
    """

    version: int
    key: str
    capacity: Mapping[str, int]
    units: Mapping[str, Sequence[str]]

    def bound(self, unit: str) -> list[str]:
        """The counters that a unit binds; none when the unit is no longer offered."""
        return [counter for counter, units in self.units.items() if unit in units]

    def left(self, held: Iterable[str]) -> dict[str, int]:
        """Places left by counter when these units are held; below zero after a reduction."""
        held = list(held)
        return {
            counter: self.capacity[counter] - sum(unit in units for unit in held)
            for counter, units in self.units.items()
        }


def shape_of(activity: Activity, version: int) -> Shape:
    """The shape of an activity's sessions."""
    counters = sorted(activity.places, key=lambda counter: counter.id)
    parts = [f"{one.id}={one.capacity}:{','.join(sorted(one.units))}" for one in counters]
    return Shape(
        version=version,
        key=derived_id("shape", *parts),
        capacity={counter.id: counter.capacity for counter in counters},
        units={counter.id: list(counter.units) for counter in counters},
    )


@dataclass(frozen=True, slots=True)
class Session:
    """Places left in one session, and what some children hold in it (child -> unit -> hold).

    ``shape`` and ``version`` say by which counters ``left`` was counted.
    """

    shape: str
    version: int
    left: Mapping[str, int]
    holders: Mapping[str, Mapping[str, str]]
