"""How a language writes days, times, counts and money: what templates call as filters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_currency

from services.portal.languages.catalogues import Language
from shared import french
from shared.money import euros

Writing = Mapping[str, Callable[..., str]]
_Day = date | str
_Clock = time | str
_Instant = datetime | str


def writing(language: Language) -> Writing:
    """The filters of a language, by name."""
    return _FRENCH if language.is_french else _as_elsewhere(language)


def _as_elsewhere(language: Language) -> Writing:
    """As the Unicode consortium's tables say of that language."""
    locale = language.code

    def month(value: _Day) -> str:
        return format_skeleton("yMMMM", _day(value), locale=locale)

    def clock(value: _Clock) -> str:
        return format_time(_clock(value), "short", locale=locale)

    def day(value: _Day) -> str:
        return format_date(_day(value), "full", locale)

    def instant(value: _Instant, zone: ZoneInfo) -> str:
        local = _at(value).astimezone(zone)
        return f"{day(local.date())}, {clock(local.time())}"

    def counted(number: int, one: str, several: str | None = None) -> str:
        return f"{number} {language.counted(number, one, several or f'{one}s')}"

    return {
        "day": day, "month": month, "of_month": month, "clock": clock, "instant": instant,
        "counted": counted,
        "digits": lambda value: format_date(_day(value), "short", locale),
        "short_day": lambda value: format_skeleton("MEd", _day(value), locale=locale),
        "euros": lambda cents: format_currency(cents / 100, "EUR", locale=locale),
    }  # fmt: skip


def _short_day(value: _Day) -> str:
    day = _day(value)
    return f"{french.weekday_name(day.isoweekday())[:3]}. {day.day}/{day.month:02d}"


_FRENCH: Writing = {
    "day": lambda value: french.day_words(_day(value)),
    "digits": lambda value: french.day_digits(_day(value)),
    "short_day": _short_day,
    "month": lambda value: french.month_name(_day(value)),
    "of_month": lambda value: french.of_month(_day(value)),
    "instant": lambda value, zone: french.instant_words(_at(value), zone),
    "clock": lambda value: french.time_words(_clock(value)),
    "counted": french.counted,
    # Below zero with the sign of subtraction, which is no hyphen.
    "euros": lambda cents: euros(cents).replace("-", "\N{MINUS SIGN}"),
}


def _day(value: _Day) -> date:
    return value if isinstance(value, date) else date.fromisoformat(f"{value}-01"[:10])


def _clock(value: _Clock) -> time:
    return value if isinstance(value, time) else time.fromisoformat(value)


def _at(value: _Instant) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
