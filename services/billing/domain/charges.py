"""Charges: what an accepted line of a booking request will cost somebody.

A line may be decided several times, and its decisions may be heard in any order: the latest
counts. ``decided`` orders them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from shared.contracts.booking import DecidedLine
from shared.contracts.family import FamilyChanged
from shared.contracts.town_file import TownFile
from shared.errors import MissingCopy
from shared.ids import derived_id

PayWhen = Literal["pay_in_arrears", "pay_at_booking"]
_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Charge:
    """One child, one day, one unit of an activity, ``quantity`` times, to be paid for when
    ``accepted``.

    ``billing`` and ``child_name`` are as they were when the line was accepted; None for a line
    that was heard of by its cancellation only. ``invoice`` is the one that holds it, if any.
    """

    id: str
    town: str
    family: str
    request: str
    child: str
    child_name: str | None
    activity: str
    unit: str
    day: date
    billing: PayWhen | None
    accepted: bool
    decided: datetime
    quantity: int = 1
    invoice: str | None = None


def accepted_charges(
    line: DecidedLine, *, card: FamilyChanged, file: TownFile, request: str, decided_at: datetime
) -> list[Charge]:
    """The charges of an accepted line, one for each of its units.

    Raises ``MissingCopy`` when a copy held is older than the booking: it will be heard again.
    """
    activity = file.activity(line.activity)
    if activity is None:
        raise MissingCopy(f"towns/{file.town}")
    child = next((one for one in card.children if one.id == line.child), None)
    if child is None:
        raise MissingCopy(f"families/{card.family}")
    return [
        Charge(
            id=charge_id(request, line.line, unit), town=file.town, family=card.family,
            request=request, child=line.child, child_name=child.first_name,
            activity=line.activity, unit=unit, quantity=line.quantity, day=line.date,
            billing=activity.billing, accepted=True, decided=_order(line, decided_at),
        )
        for unit in line.units
    ]  # fmt: skip


#: Ends of a booking after which nothing is due for it.
_NOTHING_DUE = ("cancelled", "free", "credit", "refund", "carry_over")


def ended_charges(
    line: DecidedLine, *, town: str, family: str, decided_at: datetime
) -> list[Charge]:
    """What an accepted change, cancellation or absence leaves of the charges of its booking:
    nothing is due any more, or they stand."""
    if line.of is None or (line.kind != "change" and line.effect not in _NOTHING_DUE):
        return []
    request, _, booked = line.of.rpartition("-")
    return [
        Charge(
            id=charge_id(request, booked, unit), town=town, family=family, request=request,
            child=line.child, child_name=None, activity=line.activity, unit=unit,
            quantity=line.quantity, day=line.date, billing=None, accepted=False,
            decided=decided_at,
        )
        for unit in line.was
    ]  # fmt: skip


def cancelled_charges(
    line: DecidedLine, *, town: str, family: str, request: str, decided_at: datetime
) -> list[Charge]:
    """What a refused line leaves: cancelled charges when it replaces another decision."""
    if line.replaces is None or line.of is not None:
        return []
    return [
        Charge(
            id=charge_id(request, line.line, unit), town=town, family=family, request=request,
            child=line.child, child_name=None, activity=line.activity, unit=unit,
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
