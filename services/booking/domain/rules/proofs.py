"""By when a proof has to be there, and whether one that came is what was asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from services.booking.domain.rules.cutoffs import Limit, Place, wall_instant
from shared.contracts.town_file import Proof
from shared.days import NoSuchDay

_DAY, _MINUTE = timedelta(days=1), timedelta(minutes=1)
_END_OF_DAY = time(23, 59)


@dataclass(frozen=True, slots=True)
class About:
    """What is to be proved: from ``first`` to ``last`` (None while its end is open), ``told`` at
    an instant (aware)."""

    first: date
    last: date | None
    told: datetime


def proof_until(
    proof: Proof, about: About, place: Place, closing: datetime | None = None
) -> Limit | None:
    """By when a proof has to be there, the minute said included: by its own rule, and before the
    town takes none any more for that day (``closing``: the first instant that is too late, UTC;
    None: it does not say); None where nothing limits it."""
    until = _by_rule(proof, about, place)
    if closing is None or (until is not None and until.end is not None and until.end <= closing):
        return until
    return _through((closing - _MINUTE).astimezone(place.zone))


def _by_rule(proof: Proof, about: About, place: Place) -> Limit | None:
    """None where the rule, or the calendar, does not say."""
    start = {
        "first_day": about.first,
        "last_day": about.last,
        "notice": about.told.astimezone(place.zone).date(),
    }[proof.from_]
    if start is None:
        return None
    if proof.hours is not None:
        told = proof.from_ == "notice"
        begun = about.told if told else wall_instant(start, time(0), place.zone)
        minute = begun.astimezone(UTC).replace(second=0, microsecond=0)
        return _through((minute + timedelta(hours=proof.hours)).astimezone(place.zone))
    if proof.end_of_month:
        last: date | None = (start.replace(day=1) + timedelta(days=31)).replace(day=1) - _DAY
    elif proof.days is not None:
        last = days_after(start, proof.days, proof.counting, place)
    else:
        return None
    if last is None:
        return None
    return _through(wall_instant(last, _END_OF_DAY, place.zone))


def _through(minute: datetime) -> Limit:
    return Limit(minute, proof_over(minute.astimezone(UTC)))


def proof_over(until: datetime) -> datetime:
    """The first instant that is too late for a proof awaited until a minute, for the rules and for
    the line that keeps it."""
    return until.replace(second=0, microsecond=0) + _MINUTE


def days_after(start: date, number: int, counting: str, place: Place) -> date | None:
    """So many counted days later; None where the calendar is not known that far."""
    try:
        return place.days.forth(start, number, counting, place.service)
    except NoSuchDay:
        return None


def proves(
    kinds: Collection[str], kind: str | None, came: datetime | None, until: Limit | None
) -> bool:
    """Whether a proof of that kind, which came at an instant, is one that was asked for, in
    time."""
    if kind not in kinds:
        return False
    return came is None or until is None or until.holds(came.astimezone(UTC))
