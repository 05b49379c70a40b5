"""Which quotient counts on a day (shapes T13, T14)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from services.billing.domain.prices.facts import KnownQuotient
from shared.contracts.town_file import QuotientRules

_WHOLE = {"down": ROUND_FLOOR, "half_up": ROUND_HALF_UP, "up": ROUND_CEILING}


def quotient_on(
    rules: QuotientRules, quotients: Sequence[KnownQuotient], day: date
) -> Decimal | None:
    """The quotient that counts on a day; None when none is known, or none any more."""
    if rules.new_from in ("school_year", "calendar_year"):
        found = _of_the_year(rules, quotients, _year_began(rules, day), day)
    else:
        counting = [one for one in quotients if _from(rules, one) <= day]
        found = max(counting, key=lambda one: (_from(rules, one), one.since), default=None)
    if (
        found is None
        or (found.until is not None and found.until < day)
        or _lapsed(rules, found, day)
    ):
        return None
    if rules.whole is None:
        return found.value
    return found.value.quantize(Decimal(1), rounding=_WHOLE[rules.whole])


def _of_the_year(
    rules: QuotientRules, quotients: Sequence[KnownQuotient], began: date, day: date
) -> KnownQuotient | None:
    """The latest known when the year began; for who had none, the first known since."""
    known = sorted((one for one in quotients if one.since <= day), key=lambda one: one.since)
    before = [one for one in known if one.since <= began and (not one.until or one.until >= began)]
    return before[-1] if before else next((one for one in known if one.since > began), None)


def _from(rules: QuotientRules, one: KnownQuotient) -> date:
    if rules.new_from == "day":
        return one.since
    first = one.since.replace(day=1)
    return _months_later(first, 1) if rules.new_from == "month_after" else first


def _lapsed(rules: QuotientRules, one: KnownQuotient, day: date) -> bool:
    if rules.valid_months is None:
        return False
    began = one.since if "year" in rules.new_from else _from(rules, one)
    return day >= _months_later(began, rules.valid_months)


def _year_began(rules: QuotientRules, day: date) -> date:
    if rules.new_from == "calendar_year":
        return day.replace(month=1, day=1)
    return date(day.year if day.month >= 9 else day.year - 1, 9, 1)


def _months_later(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, min(day.day, 28))
