"""Two clocks: the town's, which a demo or a test may move, and the machine's, which nobody moves.

Rules, windows and decisions read the town's; tokens, leases, retries and TTL indexes the
machine's, because MongoDB's TTL and a browser's cookies know only that one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Both methods return an aware UTC datetime, cut to milliseconds (what MongoDB keeps)."""

    def town(self) -> datetime:
        """The instant by which the towns' rules are read."""

    def machine(self) -> datetime:
        """The computer's own time."""


def _to_milliseconds(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _now() -> datetime:
    return _to_milliseconds(datetime.now(UTC))


class MachineClock:
    """Production: the town's time is the machine's."""

    def town(self) -> datetime:
        return _now()

    def machine(self) -> datetime:
        return _now()


class MovedClock:
    """Development and tests: the town's clock runs ``offset`` ahead of the machine's.

    The offset, in seconds, is read from a small file, so that several processes share one town
    time and a test can move it while they run.
    """

    def __init__(self, offset_file: Path) -> None:
        self._file = offset_file
        self._read_at = 0
        self._offset = timedelta()

    def town(self) -> datetime:
        changed = self._file.stat().st_mtime_ns
        if changed != self._read_at:
            self._offset = timedelta(seconds=float(self._file.read_text()))
            self._read_at = changed
        return _to_milliseconds(_now() + self._offset)

    def machine(self) -> datetime:
        return _now()


def write_offset(offset_file: Path, town_now: datetime) -> None:
    """Set the town's clock to ``town_now`` (aware); it runs on from there."""
    offset = (town_now - datetime.now(UTC)).total_seconds()
    fresh = offset_file.with_suffix(".new")
    fresh.write_text(str(offset))
    fresh.replace(offset_file)
