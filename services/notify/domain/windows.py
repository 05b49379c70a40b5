"""Digest windows: a partition of time by the town's cut-offs, at minute resolution.

A cut-off's minute is included (18:00:59 belongs to 18:00), so a window is
``start <= instant < end`` with ``end`` one minute after its cut-off. A change of the cut-offs
takes effect from a boundary of the old ones, so that windows stay a partition. Source of the
meaning: the portal guide of Berger-Levrault ("entre 18h01 du jour n-1 et 13h du jour n").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CutOffs:
    """Cut-off times of day in force for boundaries after ``since`` (aware)."""

    since: datetime
    at: tuple[time, ...]


Timeline = Sequence[CutOffs]


@dataclass(frozen=True, slots=True)
class Window:
    """``start`` included, ``end`` excluded (aware, UTC); ``cut_off`` is the last minute in it."""

    start: datetime
    end: datetime

    @property
    def cut_off(self) -> datetime:
        """The cut-off that closes the window (UTC)."""
        return self.end - _MINUTE

    def label(self, zone: ZoneInfo) -> str:
        """``2026-09-14T13:00`` on the town's clock."""
        return self.cut_off.astimezone(zone).strftime("%Y-%m-%dT%H:%M")


def _end_of(day: date, cut: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, cut, zone).astimezone(UTC) + _MINUTE


def boundaries(
    timeline: Timeline, zone: ZoneInfo, after: datetime, until: datetime
) -> list[datetime]:
    """Ends of windows in ``after < end <= until``, rising, in UTC."""
    found: set[datetime] = set()
    for position, entry in enumerate(timeline):
        last = position + 1 == len(timeline)
        valid_until = until if last else min(until, timeline[position + 1].since)
        low = max(after, entry.since)
        if low >= valid_until:
            continue
        day = (low - _DAY).astimezone(zone).date()
        while day <= (valid_until + _DAY).astimezone(zone).date():
            ends = (_end_of(day, cut, zone) for cut in entry.at)
            found.update(end for end in ends if low < end <= valid_until)
            day += _DAY
    return sorted(found)


def next_boundary(timeline: Timeline, zone: ZoneInfo, after: datetime) -> datetime:
    """The first end of a window after an instant."""
    return boundaries(timeline, zone, after, after + 3 * _DAY)[0]


def last_boundary(timeline: Timeline, zone: ZoneInfo, now: datetime) -> datetime:
    """The last end of a window at or before an instant."""
    return boundaries(timeline, zone, now - 3 * _DAY, now)[-1]


def windows(timeline: Timeline, zone: ZoneInfo, after: datetime, until: datetime) -> list[Window]:
    """The windows that follow one another from the boundary ``after``, ended by ``until``."""
    ends = boundaries(timeline, zone, after, until)
    return [
        Window(start, end) for start, end in zip([after, *ends[:-1]], ends, strict=True)
    ] if ends else []  # fmt: skip


def window_of(timeline: Timeline, zone: ZoneInfo, instant: datetime) -> Window:
    """The one window that an instant belongs to."""
    end = next_boundary(timeline, zone, instant)
    return Window(last_boundary(timeline, zone, instant), end)


def changed(
    timeline: Timeline, zone: ZoneInfo, at: tuple[time, ...], now: datetime
) -> list[CutOffs]:
    """The timeline once a town has set its cut-offs to ``at``: from the next boundary on.

    A change that had not yet taken effect is forgotten.
    """
    past = [entry for entry in timeline if entry.since <= now]
    if past[-1].at == at:
        return past
    return [*past, CutOffs(next_boundary(past, zone, now), at)]
