"""Charges: what an accepted line of a booking request will cost somebody.

A line may be decided several times, and its decisions may be heard in any order: the latest
counts. ``decided`` orders them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.contracts.booking import DecidedLine, Effect, Surcharged
from shared.contracts.family import FamilyChanged, Participant
from shared.contracts.town_file import Tariff, TownFile
from shared.errors import MissingCopy
from shared.ids import derived_id

PayWhen = Literal["pay_in_arrears", "pay_at_booking"]
GivenBack = Literal["credit", "refund"]
_TICK = timedelta(milliseconds=1)
#: Before every decision: of a charge that was heard of by what ended it only.
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Ending(BaseModel):
    """What an absence or a cancellation comes to on the bill, by the town's rule of that id;
    ``surcharge``: what it costs besides, told so late."""

    model_config = ConfigDict(frozen=True)

    effect: Effect
    rule: str | None
    at: datetime
    surcharge: Surcharged | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """One child or adult, one day, one unit of an activity, ``quantity`` times, to be paid for when
    ``accepted``.

    ``line`` is the request's; ``starts`` and ``ends`` are booked times; ``surcharge`` is what
    coming late costs, and ``ending`` what an absence comes to. ``billing`` and ``child_name`` are
    as they were when the line was accepted; None for a line that was heard of by its end only.
    ``invoice`` is the one that holds it, if any; what was paid for it and is due no longer is
    ``given_back`` as credit, or by transfer.
    """

    id: str
    town: str
    family: str
    request: str
    line: str
    child: str
    child_name: str | None
    activity: str
    unit: str
    day: date
    billing: PayWhen | None
    accepted: bool
    decided: datetime
    quantity: int = 1
    starts: time | None = None
    ends: time | None = None
    surcharge: Surcharged | None = None
    ending: Ending | None = None
    given_back: GivenBack = "credit"
    invoice: str | None = None


def known_in(card: FamilyChanged, charges: Iterable[Charge]) -> list[Charge]:
    """The charges about children and adults as they are called in the family today."""
    now = {former: one.id for one in reversed(card.participants) for former in one.ids}
    return [
        replace(one, child=now[one.child]) if now.get(one.child, one.child) != one.child else one
        for one in charges
    ]


def accepted_charges(
    line: DecidedLine,
    *,
    family: str,
    child: Participant,
    file: TownFile,
    request: str,
    decided_at: datetime,
) -> list[Charge]:
    """The charges of an accepted line, one for each of its units; ``child`` is who it is about.

    Raises ``MissingCopy`` when a copy held is older than the booking: it will be heard again.
    """
    activity = file.activity(line.activity)
    if activity is None:
        raise MissingCopy(f"towns/{file.town}")
    return [
        Charge(
            id=charge_id(request, line.line, unit), town=file.town, family=family,
            request=request, line=line.line, child=line.child, child_name=child.first_name,
            activity=line.activity, unit=unit, quantity=line.quantity, day=line.date,
            starts=line.starts, ends=line.ends, surcharge=line.surcharge,
            billing=activity.billing, accepted=True, decided=_order(line, decided_at),
        )
        for unit in line.units
    ]  # fmt: skip


#: Ends of a booking after which nothing is due for it, where the price may be given back.
_GIVEN_BACK = ("free", "credit", "refund", "carry_over")
_BY_DAY = ("item", "slice", "hour")


def ended_charges(
    line: DecidedLine, *, file: TownFile, family: str, decided_at: datetime
) -> list[Charge]:
    """What an accepted change, cancellation or absence makes of the charges of its booking:
    nothing is due any more, or what the absence comes to."""
    if line.of is None or (line.kind != "change" and line.effect is None):
        return []
    request, _, booked = line.of.rpartition("-")
    return [
        _ended(line, unit, file, family, request, booked, decided_at) for unit in line.was
    ]  # fmt: skip


def _ended(
    line: DecidedLine,
    unit: str,
    file: TownFile,
    family: str,
    request: str,
    booked: str,
    decided_at: datetime,
) -> Charge:
    late = _late(line, file, unit)
    over = line.kind == "change" or (late is None and (
        line.effect == "cancelled"
        or (line.effect in _GIVEN_BACK and _refundable(file, line.activity, unit, line.date))
    ))  # fmt: skip
    ending = (
        None
        if over or line.effect is None
        else Ending(effect=line.effect, rule=line.settled_by, at=decided_at, surcharge=late)
    )
    return Charge(
        id=charge_id(request, booked, unit), town=file.town, family=family, request=request,
        line=booked, child=line.child, child_name=None, activity=line.activity, unit=unit,
        quantity=line.quantity, day=line.date, billing=None, accepted=False,
        decided=decided_at if over else _NEVER, ending=ending,
        given_back=_given_back(line, file),
    )  # fmt: skip


def _late(line: DecidedLine, file: TownFile, unit: str) -> Surcharged | None:
    """What ending a booking so late costs; nothing where no day has a price of its own. Of a
    change, it is the new booking's."""
    by_day = any(one.per in _BY_DAY for one in _prices(file, line.activity, unit, line.date))
    return line.surcharge if by_day and line.kind != "change" else None


def _given_back(line: DecidedLine, file: TownFile) -> GivenBack:
    """How the town gives back what was paid: as an agent chose, by its rule on absences, or on days
    cancelled in time."""
    if line.give_back in ("credit", "refund"):
        return line.give_back
    if line.effect != "cancelled":
        return "refund" if line.effect == "refund" else "credit"
    activity = file.activity(line.activity)
    return "refund" if activity and activity.absences.in_time == "refund" else "credit"


def _refundable(file: TownFile, activity: str, unit: str, day: date) -> bool:
    """Whether an absence gives the price back: not what is due whatever becomes of the day."""
    prices = _prices(file, activity, unit, day)
    return all(one.refundable and one.per in _BY_DAY for one in prices)


def _prices(file: TownFile, activity: str, unit: str, day: date) -> list[Tariff]:
    return [
        one
        for one in file.tariffs
        if one.activity == activity and unit in one.units and one.holds_on(day)
    ]


def cancelled_charges(
    line: DecidedLine, *, town: str, family: str, request: str, decided_at: datetime
) -> list[Charge]:
    """What a refused line leaves: cancelled charges when it replaces another decision."""
    if line.replaces is None or line.of is not None:
        return []
    return [
        Charge(
            id=charge_id(request, line.line, unit), town=town, family=family, request=request,
            line=line.line, child=line.child, child_name=None, activity=line.activity, unit=unit,
            quantity=line.quantity, day=line.date, billing=None, accepted=False,
            decided=_order(line, decided_at),
        )
        for unit in line.units
    ]  # fmt: skip


def charge_id(request: str, line: str, unit: str) -> str:
    """The id of a charge: lines are numbered within their request, and have each unit once."""
    return derived_id("charge", request, line, unit)


def _order(line: DecidedLine, decided_at: datetime) -> datetime:
    """After the decision it replaces, even when both bear the same instant."""
    return max(decided_at, line.replaces.decided_at + _TICK) if line.replaces else decided_at
