"""A town's rules as data: the town file, checked when it is saved.

Every rule has dates of validity (``valid_from`` included, ``valid_until`` included or open) and a
source note. Instants are wall-clock times in the town's time zone. Amounts are integer cents.
The checks here refuse unknown fields, dangling references, overlapping validities, and a counter
that could not be read from one session's document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal, TypeVar
from zoneinfo import available_timezones

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from shared.french import time_words
from shared.money import Cents

Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
Text = Annotated[str, Field(min_length=1, max_length=500)]


def _no_number(value: object) -> object:
    """A bare number would be read as seconds: ``1800`` is not half past midnight."""
    if isinstance(value, int | float) or (isinstance(value, str) and value.strip().isdigit()):
        raise PydanticCustomError("clock_time", "a time is expected (18:00)")
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


class Part(BaseModel):
    """Base of every part of the file: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Dated(Part):
    """What holds between two dates, and who says so."""

    valid_from: date
    valid_until: date | None = None
    source: Text

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Dated:
        if self.valid_until and self.valid_until < self.valid_from:
            raise ValueError("valid_until lies before valid_from")
        return self

    def holds_on(self, day: date) -> bool:
        """Whether this is in force on that day."""
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)


class Contact(Part):
    """The block at the foot of every page and mail."""

    service: Text
    telephone: Text
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
    hours: Text


class DigestSettings(Part):
    """When decisions are mailed (``design/digest.md``), in the town's time."""

    at: Annotated[tuple[ClockTime, ...], Field(min_length=1, max_length=6)] = (time(13), time(18))
    leave_out_receipted: bool = False
    immediate_mail: bool = False
    show_agents: bool = False
    show_units: bool = False

    @field_validator("at")
    @classmethod
    def _whole_minutes_in_order(cls, at: tuple[time, ...]) -> tuple[time, ...]:
        if any(cut.second or cut.microsecond or cut.tzinfo for cut in at):
            raise ValueError("cut-offs are whole minutes without a zone")
        if list(at) != sorted(set(at)):
            raise ValueError("cut-offs must rise and differ")
        return at


class School(Part):
    """A school; children belong to one."""

    id: Slug
    name: Text


class Span(Part):
    """Days from ``first`` to ``last``, both included."""

    first: date
    last: date
    reason: Text

    @model_validator(mode="after")
    def _in_order(self) -> Span:
        if self.last < self.first:
            raise ValueError("last lies before first")
        return self


class Calendar(Part):
    """Days of service: weekdays, less holidays and closures, plus hand-made openings."""

    id: Slug
    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1)]
    school_zone: Literal["A", "B", "C"] | None = None
    public_holidays: Literal["metropole", "alsace-moselle"] = "metropole"
    closed: tuple[Span, ...] = ()
    opened: tuple[Span, ...] = ()


class DayCutoff(Part):
    """``days_before`` the day itself at ``time`` (shapes D2, D7). ``time`` is included."""

    anchor: Literal["day"]
    days_before: Annotated[int, Field(ge=0, le=366)]
    time: ClockTime


class WeekCutoff(Part):
    """``weekday`` at ``time`` of the ISO week ``weeks_before`` the day's (shape D1)."""

    anchor: Literal["week"]
    weeks_before: Annotated[int, Field(ge=0, le=52)]
    weekday: Weekday
    time: ClockTime


Cutoff = Annotated[DayCutoff | WeekCutoff, Field(discriminator="anchor")]


class Deadline(Dated):
    """Until when an action is possible; after it, refused (shape L6)."""

    id: Slug
    cutoff: Cutoff


class Deadlines(Part):
    """One list per action; where none holds on a day, the action is not possible."""

    book: Annotated[tuple[Deadline, ...], Field(min_length=1)]
    cancel: tuple[Deadline, ...] = ()


class Unit(Part):
    """What is booked within a session. Times are shown, not yet chosen."""

    id: Slug
    name: Text
    starts: ClockTime | None = None
    ends: ClockTime | None = None

    def slot(self) -> str:
        """The unit as families read it: ``Repas de midi, de 12 h à 13 h 30``."""
        if self.starts is None or self.ends is None:
            return self.name
        return f"{self.name}, de {time_words(self.starts)} à {time_words(self.ends)}"


class PlaceCounter(Part):
    """What is limited: at most ``capacity`` children over ``units`` in one session."""

    id: Slug
    units: Annotated[tuple[Slug, ...], Field(min_length=1)]
    capacity: Annotated[int, Field(ge=0, le=2000)]
    source: Text


class Activity(Part):
    """Something a child may be booked into, at one site, on the days of one calendar."""

    id: Slug
    name: Text
    site: Text
    calendar: Slug
    schools: Annotated[tuple[Slug, ...], Field(min_length=1)]
    units: Annotated[tuple[Unit, ...], Field(min_length=1)]
    places: Annotated[tuple[PlaceCounter, ...], Field(min_length=1)]
    decision: Literal["agent", "automatic"]
    hold_while_waiting: bool = True
    billing: Literal["pay_in_arrears", "pay_at_booking"]
    horizon_days: Annotated[int, Field(ge=1, le=400)] = 365
    deadlines: Deadlines

    @model_validator(mode="after")
    def _consistent(self) -> Activity:
        units = {unit.id for unit in self.units}
        _unique("units", (unit.id for unit in self.units))
        _unique("places", (counter.id for counter in self.places))
        for counter in self.places:
            _known(f"places: {counter.id}", counter.units, units)
        counted = {unit for counter in self.places for unit in counter.units}
        if units - counted:
            raise ValueError(f"no place counter limits the units {sorted(units - counted)}")
        for name, rules in (("book", self.deadlines.book), ("cancel", self.deadlines.cancel)):
            _unique(f"deadlines.{name}", (rule.id for rule in rules))
            _one_at_a_time(f"deadlines.{name}", rules, lambda rule: "")
        return self


class Tariff(Dated):
    """One price per unit booked (shape T1)."""

    id: Slug
    activity: Slug
    unit: Slug
    price_cents: Annotated[Cents, Field(ge=0, le=1_000_000)]


class CollectionOffice(Part):
    """The régie that collects; ``code`` heads its invoice numbers."""

    code: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,6}$")]
    label: Text
    due_days: Annotated[int, Field(ge=1, le=120)] = 30


class TownFile(Part):
    """Everything a town decides."""

    town: Slug
    name: Text
    time_zone: str
    contact: Contact
    digest: DigestSettings = DigestSettings()
    family_key: Literal["required", "optional", "hidden"] = "optional"
    schools: Annotated[tuple[School, ...], Field(min_length=1)]
    calendars: Annotated[tuple[Calendar, ...], Field(min_length=1)]
    activities: Annotated[tuple[Activity, ...], Field(min_length=1)]
    collection_office: CollectionOffice
    tariffs: tuple[Tariff, ...] = ()

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"unknown time zone {zone!r}")
        return zone

    @field_validator("town")
    @classmethod
    def _not_reserved(cls, town: str) -> str:
        if town == "all":
            raise ValueError("'all' is reserved")
        return town

    @model_validator(mode="after")
    def _consistent(self) -> TownFile:
        for name, parts in (
            ("schools", self.schools),
            ("calendars", self.calendars),
            ("activities", self.activities),
            ("tariffs", self.tariffs),
        ):
            _unique(name, (part.id for part in parts))
        calendars = {calendar.id for calendar in self.calendars}
        schools = {school.id for school in self.schools}
        for activity in self.activities:
            _known(f"activities: {activity.id}", activity.schools, schools)
            _known(f"activities: {activity.id}", (activity.calendar,), calendars)
        units = {(a.id, u.id) for a in self.activities for u in a.units}
        for tariff in self.tariffs:
            if (tariff.activity, tariff.unit) not in units:
                raise ValueError(f"tariffs: {tariff.id}: no unit {tariff.unit!r} in "
                                 f"activity {tariff.activity!r}")  # fmt: skip
        _one_at_a_time("tariffs", self.tariffs, lambda t: f"{t.activity}/{t.unit}")
        return self

    def activity(self, activity_id: str) -> Activity | None:
        """The activity of that id, or None."""
        return next((a for a in self.activities if a.id == activity_id), None)


DatedT = TypeVar("DatedT", bound=Dated)


def _unique(where: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise ValueError(f"{where}: {one!r} appears twice")
        seen.add(one)


def _known(where: str, named: Iterable[str], known: set[str]) -> None:
    for one in named:
        if one not in known:
            raise ValueError(f"{where}: {one!r} is declared nowhere")


def _one_at_a_time(where: str, rules: Iterable[DatedT], about: Callable[[DatedT], str]) -> None:
    """Refuse two rules about the same thing that hold on a same day."""
    ordered = sorted(rules, key=lambda rule: (about(rule), rule.valid_from))
    for earlier, later in pairwise(ordered):
        if about(earlier) != about(later):
            continue
        if earlier.valid_until is None or later.valid_from <= earlier.valid_until:
            first = later.valid_from
            last = min(earlier.valid_until or date.max, later.valid_until or date.max)
            until = "for ever" if last == date.max else f"to {last}"
            raise ValueError(
                f"{where}: two rules hold from {first} {until}"
                f" (end one on {first - timedelta(days=1)})"
            )
