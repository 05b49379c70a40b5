"""What every part of a town file is made of: names, texts, times, validity."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

SLUG_PATTERN = r"^[a-z][a-z0-9-]{0,40}$"
Slug = Annotated[str, Field(pattern=SLUG_PATTERN)]
Text = Annotated[str, Field(min_length=1, max_length=500)]


def _no_number(value: object) -> object:
    """A bare number would be read as seconds: ``1800`` is not half past midnight."""
    if isinstance(value, int | float) or (isinstance(value, str) and value.strip().isdigit()):
        raise PydanticCustomError("clock_time", "une heure est attendue (18:00).")
    return value


#: A wall-clock time; JSON Schema's own format "time" would ask for an offset.
ClockTime = Annotated[
    time,
    BeforeValidator(_no_number),
    WithJsonSchema({"type": "string", "pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"}),
]


class Weekday(StrEnum):
    """Days as written in the file; ``number`` is ISO's (Monday = 1)."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"

    @property
    def number(self) -> int:
        return list(Weekday).index(self) + 1


Weekdays = Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)]


class Part(BaseModel):
    """Base of every part of the file: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)


class Dated(Part):
    """What holds between two dates, and who says so."""

    valid_from: date
    valid_until: date | None = None
    source: Text

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Dated:
        if self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("`valid_until` précède `valid_from`.")
        return self

    def holds_on(self, day: date) -> bool:
        """Whether this is in force on that day."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


class Span(Part):
    """Days from ``first`` to ``last``, both included."""

    first: date
    last: date
    reason: Text

    @model_validator(mode="after")
    def _in_order(self) -> Span:
        if self.last < self.first:
            raise ValueError("`last` précède `first`.")
        return self

    def holds(self, day: date) -> bool:
        """Whether the day lies in it."""
        return self.first <= day <= self.last


DatedT = TypeVar("DatedT", bound=Dated)


def unique(where: str, ids: Iterable[str]) -> None:
    """Refuse an id that appears twice."""
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise ValueError(f"{where}: « {one} » apparaît deux fois.")
        seen.add(one)


def known(where: str, named: Iterable[str], declared: Iterable[str]) -> None:
    """Refuse a name that is declared nowhere."""
    known_names = set(declared)
    for one in named:
        if one not in known_names:
            raise ValueError(f"{where}: « {one} » n'est déclaré nulle part.")


def one_at_a_time(where: str, rules: Iterable[DatedT], about: Callable[[DatedT], str]) -> None:
    """Refuse two rules about the same thing that hold on a same day."""
    ordered = sorted(rules, key=lambda rule: (about(rule), rule.valid_from))
    for earlier, later in pairwise(ordered):
        if about(earlier) != about(later):
            continue
        if earlier.valid_until is None or later.valid_from <= earlier.valid_until:
            first = later.valid_from
            last = min(earlier.valid_until or date.max, later.valid_until or date.max)
            until = "sans fin" if last == date.max else f"jusqu'au {last}"
            raise ValueError(
                f"{where}: deux règles valent à partir du {first}, {until}"
                f" (terminez-en une le {first - timedelta(days=1)})."
            )
