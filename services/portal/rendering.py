"""Templates: what they may use, and French conventions."""

from __future__ import annotations

from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from services.portal import words
from shared import french
from shared.money import euros

_TEMPLATES = Path(__file__).parent / "templates"


class Pages:
    """The templates, compiled once. What one misses is an error, never an empty place."""

    def __init__(self, version: str) -> None:
        """``version`` is the static files', in their addresses."""
        self._environment = Environment(
            loader=FileSystemLoader(_TEMPLATES), autoescape=True, auto_reload=False,
            undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._environment.globals |= {"words": words, "static_version": version}
        self._environment.filters |= {
            "day": lambda value: french.day_words(_day(value)),
            "digits": lambda value: french.day_digits(_day(value)),
            "short_day": lambda value: _short_day(_day(value)),
            "month": lambda value: french.month_name(_day(value)),
            "instant": _instant,
            "clock": lambda value: french.time_words(_clock(value)),
            "counted": french.counted,
            "euros": euros,
            "html": Markup,
        }

    def render(self, template: str, **values: Any) -> str:
        """The page."""
        return self._environment.get_template(template).render(values)


def _day(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(f"{value}-01"[:10])


def _clock(value: time | str) -> time:
    return value if isinstance(value, time) else time.fromisoformat(value)


def _short_day(day: date) -> str:
    return f"{french.weekday_name(day.isoweekday())[:3]}. {day.day}/{day.month:02d}"


def _instant(value: datetime | str, zone: ZoneInfo) -> str:
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return french.instant_words(at, zone)
