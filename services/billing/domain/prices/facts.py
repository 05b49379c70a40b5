"""What a price depends on, as ``preau price explain`` and quotes take it."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.contracts.booking import Effect, Surcharged
from shared.contracts.family import ParticipantKind
from shared.contracts.town_file import Surcharge, Unit
from shared.traits import Known


class _Fact(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KnownQuotient(_Fact):
    """A quotient familial: known since ``since``, and true until ``until`` (included)."""

    value: Annotated[Decimal, Field(ge=0, max_digits=12, decimal_places=2)]
    since: date
    until: date | None = None


class Family(_Fact):
    """The family: its quotients, what the town keeps of it by name (``resident``, ``regime``,
    ``children``, …), and how often something has happened already, by counter."""

    quotients: tuple[KnownQuotient, ...] = ()
    facts: dict[str, Known] = {}
    counts: dict[str, int] = {}


class ChildFacts(_Fact):
    """A child, or an adult of the household: a ``participant`` without school or level, and mostly
    of an age that is not known. A child's ``rank`` among brothers and sisters is reckoned when it
    is not given; an adult has none."""

    id: str
    participant: ParticipantKind = "child"
    birth_date: date | None = None
    age: int | None = None
    school: str | None = None
    level: str | None = None
    rank: Annotated[int | None, Field(ge=1, le=20)] = None
    facts: dict[str, Known] = {}
    counts: dict[str, int] = {}


class Ended(_Fact):
    """What an absence or cancellation comes to, by the rule that booking applied; ``surcharge`` as
    the town file says it. ``late``: what it costs besides to say so late, as booking said."""

    effect: Effect
    rule: str | None = None
    percent: int | None = None
    cents: int | None = None
    surcharge: Surcharge | None = None
    late: Surcharged | None = None


#: What of a line is billed: what was booked, what fell due once with it, or late.
Part = Literal["booked", "once", "late"]


class Line(_Fact):
    """One child or adult, one day, units of one activity, ``quantity`` times.

    ``starts`` and ``ends``: booked or attended, where time is billed. ``surcharge``: what coming
    late costs, and ``ended`` what became of it, as booking said. ``picked_up_at``: when the child
    was fetched, if late. ``accepted``: when it was booked: lines count, and what falls due once
    falls on them, in that order, then by day; what is only asked for comes last. ``known``: charged
    already; it counts for what falls due once, and is not charged again. ``later``: of a known
    line, another bill will charge it. ``unborne``: of a known line, what fell on others; where
    those are gone it falls due again.
    """

    ref: str = ""
    child: str
    activity: str
    units: tuple[str, ...] = ()
    day: date
    quantity: Annotated[int, Field(ge=1, le=1000)] = 1
    starts: time | None = None
    ends: time | None = None
    surcharge: Surcharged | None = None
    ended: Ended | None = None
    picked_up_at: time | None = None
    accepted: AwareDatetime | None = None
    known: bool = False
    later: bool = False
    unborne: tuple[Part, ...] = ()


class Facts(_Fact):
    """A family and its lines: a basket, or a month."""

    family: Family = Family()
    children: tuple[ChildFacts, ...] = ()
    lines: tuple[Line, ...] = ()


def hours_of(line: Line, unit: Unit | None) -> tuple[time, time] | None:
    """From when to when: as booked or attended, else as the unit says."""
    if line.starts is not None and line.ends is not None:
        return line.starts, line.ends
    return unit.span if unit else None
