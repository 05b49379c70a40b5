"""Instants that follow from a day: the anchor, the offset, the calendar that counts, the time.

``time`` is on the town's clock. ``boundary`` says how its minute is meant: ``through`` ("jusqu'à
23h59") includes it, ``before`` ("avant 9h") does not. ``time: 24:00`` is midnight at the end of
the named day, ``00:00`` at its beginning: a text that says "minuit" has to choose. A text without
an hour ("le mardi soir") has to choose one.
"""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, WithJsonSchema, model_validator

from shared.contracts.town_file.parts import ClockTime, Part, Slug, Weekday, Weekdays

MIDNIGHT_AFTER = "24:00"


def _either(value: object) -> str:
    return "midnight" if value == MIDNIGHT_AFTER else "clock"


#: A time of day, or 24:00. Told apart first, so that a wrong time is one error and not two.
Until = Annotated[
    Annotated[Literal["24:00"], Tag("midnight")] | Annotated[ClockTime, Tag("clock")],
    Discriminator(_either),
    WithJsonSchema(
        {"type": "string", "pattern": r"^(24:00|([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?)$"}
    ),
]

#: What is counted: every day, Monday to Friday less public holidays, the activity's own open
#: days, or a calendar of the file.
Counting = Slug
ALL_DAYS, WORKING_DAYS, SERVICE_DAYS = "all-days", "working-days", "service-days"
BUILT_IN = (ALL_DAYS, WORKING_DAYS, SERVICE_DAYS)


class Timed(Part):
    """A time on some day; ``if_closed`` says what becomes of a cut-off that falls on a day that
    ``office`` has closed: kept there, ``advance`` to the open day before, ``postpone`` to the one
    after (shape K2)."""

    time: Until
    boundary: Literal["through", "before"] = "through"
    if_closed: Literal["keep", "advance", "postpone"] = "keep"
    office: Slug | None = None

    @model_validator(mode="after")
    def _office_named(self) -> Timed:
        if (self.if_closed != "keep") != (self.office is not None):
            raise ValueError(
                "`if_closed: advance` ou `postpone` nomme le calendrier du service (`office`)."
            )
        return self


class DayCutoff(Timed):
    """``days_before`` the day (shapes D2, D3, D5, D6t, D7, D11, K2), counted over ``counting``;
    ``clear``: both ends excluded ("jours francs")."""

    anchor: Literal["day"]
    days_before: Annotated[int, Field(ge=0, le=366)]
    counting: Counting = ALL_DAYS
    clear: bool = False


class HoursCutoff(Part):
    """``hours_before`` a time of the day (shape D6): the start of what is booked when ``of`` is
    left out. ``counting``: only the hours of such days count. On the clock on the wall, so that
    48 hours before noon is noon, whatever night lies between."""

    anchor: Literal["hours"]
    hours_before: Annotated[int, Field(ge=1, le=2000)]
    of: ClockTime | None = None
    counting: Counting = ALL_DAYS
    boundary: Literal["through", "before"] = "through"


class WeekCutoff(Timed):
    """``weekday`` of the ISO week ``weeks_before`` the day's (shape D1)."""

    anchor: Literal["week"]
    weeks_before: Annotated[int, Field(ge=0, le=52)]
    weekday: Weekday


class TableRow(Timed):
    """``weekday`` before each of the days ``for``: the latest one before, or the one of the week
    ``weeks_before``."""

    for_: Annotated[Weekdays, Field(alias="for")]
    weekday: Weekday
    weeks_before: Annotated[int | None, Field(ge=0, le=8)] = None


class TableCutoff(Part):
    """One cut-off for a group of weekdays, as suppliers take orders (shapes D4, D5, K2)."""

    anchor: Literal["table"]
    rows: Annotated[tuple[TableRow, ...], Field(min_length=1, max_length=7)]

    @model_validator(mode="after")
    def _each_day_once(self) -> TableCutoff:
        days = [day for row in self.rows for day in row.for_]
        if len(days) != len(set(days)):
            raise ValueError("un jour de la semaine apparaît dans deux lignes.")
        return self


class MonthCutoff(Timed):
    """A day of the month ``months_before`` the day's (shape D10): its number (the last day when
    the month is shorter), ``last``, or a ``weekday`` of its last complete week (Monday to
    Sunday)."""

    anchor: Literal["month"]
    months_before: Annotated[int, Field(ge=0, le=24)]
    day: Annotated[int, Field(ge=1, le=31)] | Literal["last"] | None = None
    weekday_of_last_complete_week: Weekday | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> MonthCutoff:
        if (self.day is None) == (self.weekday_of_last_complete_week is None):
            raise ValueError("donnez `day` ou `weekday_of_last_complete_week`.")
        return self


class PeriodCutoff(Timed):
    """Before the first day of the period that the day belongs to, one cut-off for all its days
    (shapes D8, D12): of the town's ``periods``, or of the school calendar when these are left
    out. With ``weekday``: that of the week reached."""

    anchor: Literal["period"]
    days_before: Annotated[int, Field(ge=0, le=400)] = 0
    weeks_before: Annotated[int, Field(ge=0, le=52)] = 0
    counting: Counting = ALL_DAYS
    clear: bool = False
    weekday: Weekday | None = None


class PublishedDate(Part):
    """The instant that a town published for the days from ``first`` to ``last``; ``24:00`` is
    written as the next day at ``00:00`` with ``boundary: before``."""

    first: date
    last: date
    on: date
    time: Until
    boundary: Literal["through", "before"] = "through"


class DatesCutoff(Part):
    """Published dates, edited by the town (shape D9)."""

    anchor: Literal["dates"]
    dates: Annotated[tuple[PublishedDate, ...], Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _each_day_once(self) -> DatesCutoff:
        ordered = sorted(self.dates, key=lambda one: one.first)
        for earlier, later in pairwise(ordered):
            if later.first <= earlier.last:
                raise ValueError(f"deux dates sont publiées pour le {later.first}.")
        return self


class NoCutoff(Part):
    """``always``: whatever the hour; ``never``: at no time (shape D15)."""

    anchor: Literal["always", "never"]


Cutoff = Annotated[
    DayCutoff | HoursCutoff | WeekCutoff | TableCutoff | MonthCutoff | PeriodCutoff | DatesCutoff
    | NoCutoff,
    Field(discriminator="anchor"),
]  # fmt: skip
