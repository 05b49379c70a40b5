"""Time billed by slices begun, by the hour, or as a fixed number of hours (shape S7)."""

from __future__ import annotations

from datetime import time
from decimal import Decimal

from shared.contracts.town_file import BilledTime, Tariff


def counted(
    tariff: Tariff, billed: BilledTime | None, hours: tuple[time, time] | None
) -> Decimal | None:
    """How many slices or hours of ``tariff`` a time comes to; None when it is not known."""
    if billed is not None and billed.fixed_hours is not None:
        return Decimal(billed.fixed_hours) if tariff.per == "hour" else None
    if hours is None:
        return None
    begun, ended = _minutes(hours[0]), _minutes(hours[1])
    length = (billed.minutes if billed else None) or (60 if tariff.per == "hour" else None)
    shorter = billed.shorter_slices if billed else ()
    if tariff.slice_minutes is not None and tariff.slice_minutes != length:
        inside = [one for one in shorter if one.minutes == tariff.slice_minutes]
        return Decimal(
            sum(_slices(_overlap(begun, ended, _minutes(one.from_), _minutes(one.to)),
                        one.minutes) for one in inside)
        )  # fmt: skip
    if length is None:
        return None
    spent = ended - begun
    if tariff.slice_minutes is not None:
        spent -= sum(
            _overlap(begun, ended, _minutes(one.from_), _minutes(one.to)) for one in shorter
        )
    slices = _slices(spent, length)
    return Decimal(slices * length) / 60 if tariff.per == "hour" else Decimal(slices)


def _slices(minutes: int, length: int) -> int:
    """Slices begun."""
    return -(-max(0, minutes) // length)


def _overlap(begun: int, ended: int, first: int, last: int) -> int:
    return max(0, min(ended, last) - max(begun, first))


def _minutes(clock: time) -> int:
    """Since midnight; a minute begun counts."""
    return clock.hour * 60 + clock.minute + (clock.second > 0)
