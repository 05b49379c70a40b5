"""Request and response models of the catalogue."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Literal

from pydantic import Field, model_validator

from services.booking.schemas import Day
from shared.contracts.family import Level
from shared.contracts.town_file import Slug
from shared.web.routes import Input, Output

#: The days whose calendar and places one question may ask for.
_MAX_DAYS = 62

ServiceKind = Literal[
    "school_meals", "wraparound_care", "wednesday", "holidays", "study", "other"
]  # fmt: skip


class CatalogueQuery(Input):
    """Which activities; ``first`` and ``last`` (at most 62 days) add the calendar and the places
    of each day. What is left out restricts nothing."""

    first: Day | None = None
    last: Day | None = None
    site: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    service: ServiceKind | None = None
    school: Slug | None = None
    level: Level | None = None
    age: Annotated[int, Field(ge=0, le=120)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> CatalogueQuery:
        if (self.first is None) != (self.last is None):
            raise ValueError("donnez le premier jour (first) et le dernier (last), ou aucun.")
        if self.first and self.last and not 0 <= (self.last - self.first).days < _MAX_DAYS:
            raise ValueError(f"donnez au plus {_MAX_DAYS} jours, dans l'ordre.")
        return self


class UnitOut(Output):
    """What can be booked within an activity. ``time_range`` and ``ranges``: the family chooses
    its times between ``starts`` and ``ends``, in steps of ``step_minutes``, for at least
    ``least_minutes``; ``quantity``: a number up to ``most``. ``words`` is the unit as families
    read it."""

    id: str
    name: str
    words: str
    kind: Literal["single", "time_range", "quantity", "ranges", "event"]
    starts: time | None
    ends: time | None
    latest_arrival: time | None
    earliest_departure: time | None
    step_minutes: int
    least_minutes: int
    most: int
    meal: bool


class PermittedSets(Output):
    """The sets of units that may be booked for one day, on these ISO weekdays; none named where
    there are more than can be."""

    weekdays: list[int]
    sets: list[tuple[str, ...]]


class WeekOut(Output):
    """What a week's bookings must come to."""

    least_days: int
    most_days: int
    whole: bool


class CounterOut(Output):
    """What is limited: places over units, of the participants described (all when null)."""

    id: str
    units: tuple[str, ...]
    children: str | None


class PlacesOut(Output):
    """The places of one counter on a day."""

    counter: str
    capacity: int
    left: int


class DayOut(Output):
    """One day: why it is closed (null when open), for the children of which schools only, and its
    places when open."""

    date: date
    closed: str | None
    closed_for: list[str]
    places: list[PlacesOut]


class AbsenceReasonOut(Output):
    """A reason that families may give for an absence."""

    id: str
    name: str


class AdultsOut(Output):
    """The adults of a household for whom an activity is, by age where it says so."""

    from_age: int | None
    to_age: int | None


class ActivityOut(Output):
    """An activity as families see it.

    ``eligible`` says for whom, in words; as data, whether for ``children``, and of which
    ``schools``, ``levels``, from ``from_age`` to ``to_age``; for which ``adults`` of the household,
    null for none. ``channel: desk``: not booked on line, ``desk_only`` says where to go; an agent
    may. ``booking: none``: attended without booking. ``enrolments``: the groups in one of which one
    has to be enrolled first. ``horizons``: over what families may book at once, at most
    ``horizon_days`` ahead. ``days`` is null when no days were asked for.
    """

    id: str
    name: str
    site: str
    service: ServiceKind
    units: list[UnitOut]
    permitted: list[PermittedSets]
    week: WeekOut
    eligible: str
    children: bool
    adults: AdultsOut | None
    schools: list[str]
    levels: list[str]
    from_age: int | None
    to_age: int | None
    booking: Literal["required", "none"]
    channel: Literal["both", "desk"]
    desk_only: str | None
    enrolments: list[str]
    decision: Literal["agent", "automatic"]
    billing: Literal["pay_in_arrears", "pay_at_booking"]
    horizons: list[str]
    horizon_days: int
    absence_reasons: list[AbsenceReasonOut]
    counters: list[CounterOut]
    days: list[DayOut] | None


class AnswerOut(Output):
    """An answer of the town's own: what families read, in its colour (``#2e7d32``), and what it
    comes to."""

    code: str
    label: str
    colour: str
    outcome: Literal["accept", "refuse"]


class Answers(Output):
    """The town's own answers, in its order; ``version`` of the town file that answered."""

    version: int
    items: list[AnswerOut]


class Activities(Output):
    """The town's catalogue; ``version`` of the town file that answered."""

    version: int
    items: list[ActivityOut]
