"""Months, written ``2026-09``, and the instants at which they end in a town."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

Month = Annotated[
    str, Field(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", description="A month, as 2026-09")
]


def month_of(day: date) -> str:
    """The month a day is in."""
    return f"{day:%Y-%m}"


def first_day(month: str) -> date:
    """A month's first day."""
    return date.fromisoformat(f"{month}-01")


def ends_at(month: str, zone: ZoneInfo) -> datetime:
    """The first instant after the month on the town's clock, in UTC."""
    after = (first_day(month) + timedelta(days=31)).replace(day=1)
    return datetime(after.year, after.month, 1, tzinfo=zone).astimezone(UTC)


def last_over(instant: datetime, zone: ZoneInfo) -> str:
    """The latest month that is over at that instant on the town's clock."""
    return month_of(instant.astimezone(zone).date().replace(day=1) - timedelta(days=1))
