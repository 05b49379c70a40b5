"""Days on which banks collect: those of TARGET, the Eurosystem's settlement system.

Source: ECB, TARGET calendar in force since 2002: Saturdays, Sundays, and six days a year.
"""

from __future__ import annotations

from datetime import date, timedelta

from dateutil.easter import easter

from shared.errors import Refused
from shared.french import day_words

_DAY = timedelta(days=1)
_FIXED = {(1, 1), (5, 1), (12, 25), (12, 26)}
#: Good Friday and Easter Monday, in days after Easter Sunday.
_MOVING = (-2, 1)
#: A file is made at most so long before it is collected.
_FURTHEST = timedelta(days=120)


def is_bank_day(day: date) -> bool:
    """Whether banks settle that day."""
    if day.weekday() >= 5 or (day.month, day.day) in _FIXED:
        return False
    return day not in {easter(day.year) + timedelta(days=after) for after in _MOVING}


def bank_day_from(day: date) -> date:
    """The first day on which banks settle, from ``day`` on."""
    while not is_bank_day(day):
        day += _DAY
    return day


def first_day(today: date, notice_days: int) -> date:
    """The first day that can still be announced ``notice_days`` before."""
    return bank_day_from(today + timedelta(days=notice_days))


def check_day(day: date, today: date, notice_days: int) -> None:
    """Whether a collection may be made for that day. Raises ``Refused``: ``not-a-bank-day``,
    ``notice-too-short``, ``day-too-far``."""
    if not is_bank_day(day):
        raise Refused(
            "not-a-bank-day",
            f"Les banques ne règlent rien le {day_words(day)} : choisissez le"
            f" {day_words(bank_day_from(day))}, ou un autre jour.",
            status=422, field="/on",
        )  # fmt: skip
    if day < (first := first_day(today, notice_days)):
        raise Refused(
            "notice-too-short",
            f"Les familles sont prévenues {notice_days} jours avant : choisissez le"
            f" {day_words(first)}, ou un jour suivant.",
            status=422, field="/on",
        )  # fmt: skip
    if day > today + _FURTHEST:
        raise Refused(
            "day-too-far", "Ce jour est trop lointain pour préparer le fichier.",
            status=422, field="/on",
        )  # fmt: skip
