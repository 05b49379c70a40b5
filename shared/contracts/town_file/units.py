"""What is booked within a session: units, how they go together, and how it is billed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import time
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.contracts.town_file.parts import (
    ClockTime,
    Part,
    Slug,
    Text,
    Weekday,
    Weekdays,
    known,
    unique,
)
from shared.french import time_words


class Unit(Part):
    """One thing that can be booked.

    ``single``: there or not, with times that are shown. ``time_range``: the family chooses an
    arrival and a departure between ``starts`` and ``ends``, in steps of ``step_minutes``, at
    least ``least_minutes`` long; ``ranges``: several of them a day. ``quantity``: a number up to
    ``most``. ``event``: an outing with a date of its own. ``latest_arrival`` and
    ``earliest_departure`` are shown with the times (BO6).
    """

    id: Slug
    name: Text
    kind: Literal["single", "time_range", "quantity", "ranges", "event"] = "single"
    starts: ClockTime | None = None
    ends: ClockTime | None = None
    latest_arrival: ClockTime | None = None
    earliest_departure: ClockTime | None = None
    step_minutes: Annotated[int, Field(ge=5, le=240)] = 15
    least_minutes: Annotated[int, Field(ge=0, le=1440)] = 0
    most: Annotated[int, Field(ge=1, le=100)] = 1
    meal: bool = False

    @model_validator(mode="after")
    def _times_in_order(self) -> Unit:
        stated = [self.starts, self.latest_arrival, self.earliest_departure, self.ends]
        times = [one for one in stated if one is not None]
        if times != sorted(times):
            raise ValueError(
                "les heures vont en croissant : `starts`, `latest_arrival`, `earliest_departure`,"
                " `ends`."
            )
        if (self.starts is None) != (self.ends is None):
            raise ValueError("donnez `starts` et `ends`, ou aucun des deux.")
        if self.kind in ("time_range", "ranges") and self.starts is None:
            raise ValueError(f"une unité du genre `{self.kind}` a `starts` et `ends`.")
        if self.kind != "quantity" and self.most != 1:
            raise ValueError("`most` va avec `kind: quantity`.")
        return self

    @property
    def span(self) -> tuple[time, time] | None:
        """From when to when, where the file says so."""
        return (self.starts, self.ends) if self.starts and self.ends else None

    def slot(self) -> str:
        """The unit as families read it: ``Repas de midi, de 12 h à 13 h 30``."""
        if self.starts is None or self.ends is None:
            return self.name
        return f"{self.name}, de {time_words(self.starts)} à {time_words(self.ends)}"


class Implied(Part):
    """Whoever books ``unit`` books one of ``any_of`` too."""

    unit: Slug
    any_of: Annotated[tuple[Slug, ...], Field(min_length=1)]


class Composition(Part):
    """The sets of units that may be booked for one day, on these weekdays (all when left out):
    exactly these and no other (shape S3)."""

    weekdays: Weekdays | None = None
    sets: Annotated[tuple[tuple[Slug, ...], ...], Field(min_length=1, max_length=40)]


class Relations(Part):
    """How the units of one day go together (shapes S3, S4). ``excludes``: at most one of each
    group. ``together``: all or none of each group. ``compositions``: an explicit list instead."""

    excludes: tuple[Annotated[tuple[Slug, ...], Field(min_length=2)], ...] = ()
    implies: tuple[Implied, ...] = ()
    together: tuple[Annotated[tuple[Slug, ...], Field(min_length=2)], ...] = ()
    compositions: tuple[Composition, ...] = ()

    def check(self, units: Iterable[str]) -> None:
        """Refuse units that are declared nowhere, and weekdays composed twice."""
        declared = list(units)
        for group in (*self.excludes, *self.together):
            known("relations", group, declared)
        for implied in self.implies:
            known("relations.implies", (implied.unit, *implied.any_of), declared)
        composed: list[str] = []
        for composition in self.compositions:
            composed += [day.value for day in composition.weekdays or tuple(Weekday)]
            for units_of_set in composition.sets:
                known("relations.compositions", units_of_set, declared)
                unique("relations.compositions", units_of_set)
        unique("relations.compositions: weekdays", composed)


class Week(Part):
    """What one week's bookings must come to (shapes S1, S2): so many days at least and at most,
    or the whole week, all or nothing."""

    least_days: Annotated[int, Field(ge=1, le=7)] = 1
    most_days: Annotated[int, Field(ge=1, le=7)] = 7
    whole: bool = False

    @model_validator(mode="after")
    def _in_order(self) -> Week:
        if self.most_days < self.least_days:
            raise ValueError("`most_days` est inférieur à `least_days`.")
        return self


class BilledTime(Part):
    """How attendance is billed when it is not by unit (shape S7): per slice of ``minutes`` begun,
    with other slices for some hours, or a fixed number of hours a day."""

    minutes: Annotated[int, Field(ge=1, le=240)] | None = None
    fixed_hours: Annotated[int, Field(ge=1, le=24)] | None = None
    shorter_slices: Annotated[tuple[ShorterSlice, ...], Field(max_length=10)] = ()

    @model_validator(mode="after")
    def _one_of_two(self) -> BilledTime:
        if (self.minutes is None) == (self.fixed_hours is None):
            raise ValueError("donnez `minutes` ou `fixed_hours`.")
        return self


class ShorterSlice(Part):
    """A slice of another length that exists between two times only."""

    from_: Annotated[ClockTime, Field(alias="from")]
    to: ClockTime
    minutes: Annotated[int, Field(ge=1, le=240)]


BilledTime.model_rebuild()
