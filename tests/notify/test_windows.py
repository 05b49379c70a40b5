"""Digest windows are a partition of time, whatever the zone, the cut-offs and their changes."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notify.domain.windows import changed, last_boundary, window_of, windows
from services.notify.store.digests import first_timeline

PARIS = ZoneInfo("Europe/Paris")
USUAL = first_timeline((time(13), time(18)))

zones = st.sampled_from(
    ["Europe/Paris", "Indian/Reunion", "America/Martinique", "Pacific/Noumea",
     "America/Miquelon"]
).map(ZoneInfo)  # fmt: skip
instants = st.integers(1_577_836_800, 1_988_150_400).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)
#: Hours in which clocks are moved are drawn as often as all others.
hours = st.one_of(st.integers(0, 23), st.integers(0, 3))
cut_offs = st.sets(st.builds(time, hours, st.integers(0, 59)), min_size=1, max_size=6).map(
    lambda at: tuple(sorted(at))
)
changes = st.lists(st.tuples(st.integers(0, 5 * 86400), cut_offs), max_size=5)
nights = st.sampled_from([datetime(2026, 10, 25, tzinfo=UTC), datetime(2027, 3, 28, tzinfo=UTC)])


@pytest.mark.parametrize(
    ("instant", "cut_off"),
    [
        ("2026-09-14T18:00:59.999+02:00", "2026-09-14T18:00"),
        ("2026-09-14T18:01:00+02:00", "2026-09-15T13:00"),
        ("2026-09-14T13:00:59+02:00", "2026-09-14T13:00"),
        ("2026-09-14T13:01:00+02:00", "2026-09-14T18:00"),
        ("2026-09-14T00:00:00+02:00", "2026-09-14T13:00"),
        ("2026-10-25T02:30:00+02:00", "2026-10-25T13:00"),
        ("2026-10-25T02:30:00+01:00", "2026-10-25T13:00"),
        ("2027-03-27T18:01:00+01:00", "2027-03-28T13:00"),
    ],
)
def test_the_minute_of_a_cut_off_belongs_to_it(instant: str, cut_off: str) -> None:
    assert window_of(USUAL, PARIS, datetime.fromisoformat(instant)).label(PARIS) == cut_off


@settings(max_examples=300)
@given(zones, instants | nights, changes, st.lists(st.integers(-4 * 86400, 30 * 86400)))
def test_each_instant_is_in_one_window_and_changes_leave_the_past_alone(
    zone: ZoneInfo,
    begin: datetime,
    steps: list[tuple[int, tuple[time, ...]]],
    moments: list[int],
) -> None:
    timeline = first_timeline((time(13), time(18)))
    now = begin
    start = last_boundary(timeline, zone, begin - timedelta(days=5))
    for wait, at in steps:
        now += timedelta(seconds=wait)
        before = windows(timeline, zone, start, now)
        current = window_of(timeline, zone, now)
        timeline = changed(timeline, zone, at, now)
        assert windows(timeline, zone, start, now) == before
        assert window_of(timeline, zone, now) == current
    horizon = now + timedelta(days=40)
    all_windows = windows(timeline, zone, start, horizon)
    assert all_windows[0].start == start
    for earlier, later in pairwise(all_windows):
        assert earlier.end == later.start
        assert earlier.start < earlier.end
    for shift in moments:
        instant = begin + timedelta(seconds=shift)
        holding = [w for w in all_windows if w.start <= instant < w.end]
        assert holding == [window_of(timeline, zone, instant)]


@given(zones, instants | nights, cut_offs, cut_offs)
def test_a_change_is_in_force_from_the_next_boundary_on(
    zone: ZoneInfo, now: datetime, first: tuple[time, ...], second: tuple[time, ...]
) -> None:
    timeline = changed(first_timeline(first), zone, second, now)
    boundary = window_of(first_timeline(first), zone, now).end
    after = boundary + timedelta(days=10)
    later = windows(timeline, zone, boundary, after)
    assert [w.end for w in later] == [
        w.end for w in windows(first_timeline(second), zone, boundary, after)
    ]


def test_a_change_that_is_taken_back_before_it_holds_leaves_no_trace() -> None:
    now = datetime(2026, 9, 14, 8, tzinfo=UTC)
    twice = changed(changed(USUAL, PARIS, (time(12),), now), PARIS, (time(13), time(18)), now)
    assert twice == USUAL
