"""French writing of dates, times and counts, for what families read."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
    "octobre", "novembre", "décembre",
)  # fmt: skip


def weekday_name(number: int) -> str:
    """``lundi`` for 1 to ``dimanche`` for 7."""
    return _DAYS[number - 1]


def month_name(day: date) -> str:
    """``septembre 2026``."""
    return f"{_MONTHS[day.month - 1]} {day.year}"


def of_month(day: date) -> str:
    """``de septembre 2026``, ``d'octobre 2026``."""
    name = month_name(day)
    return f"d'{name}" if name.startswith(("a", "o")) else f"de {name}"


def day_words(day: date) -> str:
    """``jeudi 17 septembre 2026``; the first of a month is ``1er``."""
    number = "1er" if day.day == 1 else str(day.day)
    return f"{_DAYS[day.weekday()]} {number} {month_name(day)}"


def day_digits(day: date) -> str:
    """``17/09/2026``."""
    return f"{day.day:02}/{day.month:02}/{day.year}"


def time_words(clock: time) -> str:
    """``13 h`` on the hour, else ``18 h 01``."""
    return f"{clock.hour} h" if clock.minute == 0 else f"{clock.hour} h {clock.minute:02d}"


def instant_words(instant: datetime, zone: ZoneInfo) -> str:
    """``mardi 8 septembre 2026 à 23 h 59``, on the town's clock."""
    local = instant.astimezone(zone)
    return f"{day_words(local.date())} à {time_words(local.time())}"


def counted(number: int, singular: str, plural: str | None = None) -> str:
    """``1 demande``, ``2 demandes``; zero is singular in French."""
    many = plural if plural is not None else f"{singular}s"
    return f"{number} {singular if number < 2 else many}"


def agreed(number: int, text: str) -> str:
    """« refusée » of one, « refusées » of two, where the text says « refusée(s) »."""
    return text.replace("(s)", "" if number < 2 else "s")
