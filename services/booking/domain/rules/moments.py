"""Answers that are kept as long as they hold.

What a town's rules say of a day changes at a few instants only (an opening, a cut-off, midnight).
Rules compare the instant they are asked at with those, and with nothing else: so an instant that
notes what it was compared with knows from when until when the same comparisons come out the same,
and so does the answer that was made by them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import UTC, date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

KeptT = TypeVar("KeptT")

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_DAY = timedelta(days=1)


class Moment:
    """An instant (UTC), and the span around it, from ``since`` to before ``until``, in which
    whatever was asked of it has the same answer."""

    __slots__ = ("_at", "since", "until")

    def __init__(self, at: datetime) -> None:
        self._at = at.astimezone(UTC)
        self.since, self.until = _FIRST, _LAST

    def __lt__(self, instant: datetime) -> bool:
        """Whether it is before an instant (aware)."""
        instant = instant.astimezone(UTC)
        if self._at < instant:
            self.until = min(self.until, instant)
            return True
        self.since = max(self.since, instant)
        return False

    def day(self, zone: ZoneInfo) -> date:
        """The day it is."""
        today = self._at.astimezone(zone).date()
        for midnight in (today, today + _DAY):
            _ = self < datetime.combine(midnight, time(0), zone)
        return today

    def within(self, since: datetime, until: datetime) -> None:
        """Note that what was answered to it holds for a span only."""
        self.since, self.until = max(self.since, since), min(self.until, until)

    def exactly(self) -> datetime:
        """The instant itself: what depends on it holds at no other."""
        self.since = self.until = self._at
        return self._at


class Kept:
    """What was answered, by all it depends on but the instant; at most so many answers."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[Hashable, tuple[datetime, datetime, object]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def answer(
        self, key: Hashable, at: datetime | Moment, make: Callable[[Moment], KeptT]
    ) -> KeptT:
        """What ``make`` answers at an instant (aware); ``key`` says all else that it depends on,
        and which answers are meant. As part of another answer, it bounds how long that holds."""
        instant = at._at if isinstance(at, Moment) else at
        known = self._kept.get(key)
        if known is None or not known[0] <= instant < known[1]:
            moment = Moment(instant)
            found = make(moment)
            known = (moment.since, moment.until, found)
            if moment.since < moment.until:
                if len(self._kept) >= self._most:
                    self._kept.clear()
                self._kept[key] = known
        if isinstance(at, Moment):
            at.within(known[0], known[1])
        return known[2]  # type: ignore[return-value]
