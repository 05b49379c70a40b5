"""Which units go together on one day, which times may be chosen, what a week has to come to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Set
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import combinations

from shared.contracts.booking import Reason
from shared.contracts.town_file import Activity, Relations, Unit
from shared.days import Days
from shared.french import time_words

#: Above so many units, the possible sets are not all named.
_NAMED = 8


def wrong_units(activity: Activity, day: date, chosen: Set[str]) -> Reason | None:
    """Why these units cannot be booked together for one day, naming what can; None when they
    can."""
    if _permitted(activity.relations, day.isoweekday(), frozenset(chosen)):
        return None
    sets = permitted_sets(activity, day)
    names = {unit.id: unit.name for unit in activity.units}
    offered = " ; ".join(" + ".join(names[unit] for unit in one) for one in sets)
    text = (
        f"Choix impossible. Possibles ce jour-là : {offered}." if offered else "Choix impossible."
    )
    return Reason(code="units-not-combined", text=text)


def permitted_sets(activity: Activity, day: date) -> list[tuple[str, ...]]:
    """Every set of units that may be booked for one day, smallest first; none when there are
    too many units to list them."""
    return list(
        _sets(activity.relations, tuple(unit.id for unit in activity.units), day.isoweekday())
    )


@lru_cache(maxsize=512)
def _sets(relations: Relations, units: tuple[str, ...], weekday: int) -> list[tuple[str, ...]]:
    if len(units) > _NAMED:
        return []
    every = (one for size in range(1, len(units) + 1) for one in combinations(units, size))
    return [one for one in every if _permitted(relations, weekday, frozenset(one))]


def _permitted(relations: Relations, weekday: int, chosen: frozenset[str]) -> bool:
    if not chosen:
        return False
    if (sets := _composed(relations, weekday)) is not None:
        return any(chosen == set(one) for one in sets)
    return (
        all(len(chosen & set(group)) <= 1 for group in relations.excludes)
        and all(
            implied.unit not in chosen or chosen & set(implied.any_of)
            for implied in relations.implies
        )
        and all(chosen & set(group) in (set(), set(group)) for group in relations.together)
    )


def _composed(relations: Relations, weekday: int) -> tuple[tuple[str, ...], ...] | None:
    """The sets that the file lists for a weekday, None where it lists none."""
    for composition in relations.compositions:
        weekdays = composition.weekdays
        if weekdays is None or weekday in [one.number for one in weekdays]:
            return composition.sets
    return None


def excluded_units(activity: Activity, day: date, held: Set[str]) -> bool:
    """Whether these units can never be held together that day, whatever were booked besides."""
    weekday, relations = day.isoweekday(), activity.relations
    if (sets := _composed(relations, weekday)) is not None:
        return not any(held <= set(one) for one in sets)
    return any(len(held & set(group)) > 1 for group in relations.excludes)


def unit_of_times(activity: Activity, starts: time, ends: time) -> Unit | Reason:
    """The unit that a start and an end chosen with two sliders mean: the named slot with exactly
    these times, or the free range that holds them; else the slots there are (BO6)."""
    for unit in activity.units:
        if unit.kind == "single" and unit.span == (starts, ends):
            return unit
    for unit in activity.units:
        if unit.kind in ("time_range", "ranges") and wrong_times(unit, starts, ends) is None:
            return unit
    slots = " ; ".join(unit.slot() for unit in activity.units)
    return Reason(code="no-such-slot", text=f"Créneau impossible. Créneaux possibles : {slots}.")


def wrong_times(unit: Unit, starts: time, ends: time) -> Reason | None:
    """Why a child cannot come from ``starts`` to ``ends``, or None."""
    if unit.span is None:
        return None
    first, last = unit.span
    if not first <= starts < ends <= last:
        text = f"Choisissez des heures entre {time_words(first)} et {time_words(last)}."
        return Reason(code="times-outside", text=text)
    if unit.latest_arrival and starts > unit.latest_arrival:
        text = f"Arrivée possible jusqu'à {time_words(unit.latest_arrival)}."
        return Reason(code="arrival-too-late", text=text)
    if unit.earliest_departure and ends < unit.earliest_departure:
        text = f"Départ possible à partir de {time_words(unit.earliest_departure)}."
        return Reason(code="departure-too-early", text=text)
    if unit.kind not in ("time_range", "ranges"):
        return None
    if _minutes(first, starts) % unit.step_minutes or _minutes(first, ends) % unit.step_minutes:
        text = f"Choisissez des heures de {unit.step_minutes} en {unit.step_minutes} minutes."
        return Reason(code="times-off-step", text=text)
    if _minutes(starts, ends) < unit.least_minutes:
        text = f"Au moins {unit.least_minutes} minutes."
        return Reason(code="times-too-short", text=text)
    return None


def wrong_week(
    activity: Activity, day: date, booked: Collection[date], days: Days, school: str | None
) -> Reason | None:
    """Why a week cannot be left with these days booked (all those of ``day``'s ISO week, after
    the act), or None. A week without any booking is always possible."""
    rule = activity.week
    number = len(set(booked))
    if number == 0:
        return None
    monday = day - timedelta(days=day.isoweekday() - 1)
    served = [
        one
        for one in (monday + timedelta(days=shift) for shift in range(7))
        if days.closed(activity.calendar, one, school) is None
    ]
    if rule.whole and set(booked) != set(served):
        return Reason(code="whole-week", text="Réservation à la semaine entière uniquement.")
    if number < min(rule.least_days, len(served)):
        text = f"Au moins {rule.least_days} jours par semaine."
        return Reason(code="too-few-days", text=text)
    if number > rule.most_days:
        return Reason(code="too-many-days", text=f"Au plus {rule.most_days} jours par semaine.")
    return None


def weeks_of(days: Iterable[date]) -> dict[date, list[date]]:
    """Days by the Monday of their ISO week."""
    found: dict[date, list[date]] = {}
    for day in days:
        found.setdefault(day - timedelta(days=day.isoweekday() - 1), []).append(day)
    return found


def _minutes(earlier: time, later: time) -> int:
    start, end = (datetime.combine(date.min, one) for one in (earlier, later))
    return int((end - start).total_seconds() // 60)
