"""Days: who serves, counts or is open on which."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.contracts.town_file.parts import Part, Slug, Span, Text, Weekdays

#: Whose public holidays; the names are those of the State's own calendar of them.
Territory = Literal[
    "metropole", "alsace-moselle", "guadeloupe", "guyane", "la-reunion", "martinique", "mayotte",
    "nouvelle-caledonie", "polynesie-francaise", "saint-barthelemy", "saint-martin",
    "saint-pierre-et-miquelon", "wallis-et-futuna", "none",
]  # fmt: skip


class Closure(Span):
    """Days without service; of some schools only when ``schools`` says so (a bridge day that one
    school closes, a strike): shape K1."""

    schools: tuple[Slug, ...] = ()


class Calendar(Part):
    """Open days: weekdays, less holidays and closures, plus hand-made openings.

    Activities serve by one; rules count by others (the office's days, working days).
    ``school_days`` says what the school calendar of ``school_zone`` does to it: open in term,
    open in the holidays only, or both; without a zone, that of the town's own ``school_holidays``.
    """

    id: Slug
    weekdays: Weekdays
    school_zone: Literal["A", "B", "C"] | None = None
    school_days: Literal["term", "holidays", "both"] = "term"
    public_holidays: Territory = "metropole"
    closed: tuple[Closure, ...] = ()
    opened: tuple[Span, ...] = ()


class Period(Part):
    """A period of the town's own, with its own edges (shape D12)."""

    id: Slug
    name: Text
    first: date
    last: date

    @model_validator(mode="after")
    def _in_order(self) -> Period:
        if self.last < self.first:
            raise ValueError("`last` précède `first`.")
        return self

    def holds(self, day: date) -> bool:
        """Whether the day lies in it."""
        return self.first <= day <= self.last


Periods = Annotated[tuple[Period, ...], Field(max_length=200)]
