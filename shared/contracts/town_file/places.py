"""Places: what is limited, for whom, on which days (shapes C1, C8)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from shared.contracts.family import Level
from shared.contracts.town_file.parts import Part, Slug, Span, Text, Weekday, known

Capacity = Annotated[int, Field(ge=0, le=2000)]


class CapacityOn(Part):
    """Another capacity on some weekdays or between two dates."""

    weekdays: tuple[Weekday, ...] = ()
    between: Span | None = None
    capacity: Capacity

    @model_validator(mode="after")
    def _says_when(self) -> CapacityOn:
        if bool(self.weekdays) == bool(self.between):
            raise ValueError("donnez `weekdays` ou `between`.")
        return self


class Group(Part):
    """Whom a counter counts, in a session: by school, level or age in whole years on the day
    (both ends included); an adult whose age is not known is in each group that may hold them.
    Nothing given: all."""

    schools: tuple[Slug, ...] = ()
    levels: tuple[Level, ...] = ()
    from_age: Annotated[int | None, Field(ge=0, le=120)] = None
    to_age: Annotated[int | None, Field(ge=0, le=120)] = None


class Staff(Part):
    """A further bound by those who look after the children: one for ``children`` of them."""

    present: Annotated[int, Field(ge=0, le=200)]
    children: Annotated[int, Field(ge=1, le=100)]


class PlaceCounter(Part):
    """What is limited: at most ``capacity`` places over ``units`` in one session, counted for
    ``group`` (the whole place when left out): shapes C1, S6."""

    id: Slug
    units: Annotated[tuple[Slug, ...], Field(min_length=1)]
    capacity: Capacity
    on: Annotated[tuple[CapacityOn, ...], Field(max_length=60)] = ()
    group: Group = Group()
    staff: Staff | None = None
    source: Text

    @property
    def grouped(self) -> bool:
        """Whether it counts some children only."""
        return self.group != Group()

    def places_on(self, day: date) -> int:
        """The places of one day: the first exception that fits, within what the staff allows."""
        capacity = next(
            (
                one.capacity
                for one in self.on
                if (one.between and one.between.holds(day))
                or day.isoweekday() in {weekday.number for weekday in one.weekdays}
            ),
            self.capacity,
        )
        if self.staff is None:
            return capacity
        return min(capacity, self.staff.present * self.staff.children)


def check_units(counters: Iterable[PlaceCounter], units: Iterable[str]) -> None:
    """Refuse counters over units that are declared nowhere, and units that nothing limits."""
    declared = set(units)
    counted: set[str] = set()
    for counter in counters:
        known(f"places: {counter.id}", counter.units, declared)
        counted |= set(counter.units)
    if declared - counted:
        raise ValueError(
            f"aucun compteur de places ne limite {', '.join(sorted(declared - counted))}."
        )
