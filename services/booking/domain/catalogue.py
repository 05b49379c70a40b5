"""An activity as the catalogue shows it: for whom, in words; what may be booked together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from services.booking.domain.rules.choices import permitted_sets
from shared.contracts.family import Level
from shared.contracts.town_file import Activity, Adults, Eligible, Group, TownFile

#: A Monday: what may be booked together depends on the weekday alone.
_MONDAY = date(2024, 1, 1)


def eligible_words(file: TownFile, eligible: Eligible) -> str:
    """``Enfants de 3 à 11 ans, École des Tilleuls, en CP ou CE1, résidents. Tous les adultes du
    foyer.``"""
    sentences = []
    if eligible.children:
        group = _group(file, eligible.schools, eligible.levels, eligible.from_age, eligible.to_age)
        sentences.append(_sentence("Enfants", [*group, *_audiences(file, eligible.audiences)]))
    if eligible.adults:
        adults = eligible.which_adults
        group = _group(file, (), (), adults.from_age, adults.to_age)
        parts = [*group, *_audiences(file, adults.audiences)]
        sentences.append(_sentence("Adultes du foyer", parts))
    return " ".join(sentences)


def _audiences(file: TownFile, wanted: Sequence[str]) -> list[str]:
    names = {one.id: one.name for one in file.audiences}
    return [_either(names[name] for name in wanted)] if wanted else []


def group_words(file: TownFile, group: Group) -> str | None:
    """Whom a place counter counts; None for all."""
    parts = _group(file, group.schools, group.levels, group.from_age, group.to_age)
    return _sentence("Participants", parts) if parts else None


def _sentence(who: str, parts: Sequence[str]) -> str:
    if not parts:
        return f"Tous les {who.lower()}."
    first, *rest = parts
    joint = " " if first.startswith(("de ", "à ", "jusqu")) else ", "
    return f"{who}{joint}{', '.join((first, *rest))}."


def _group(
    file: TownFile,
    schools: Sequence[str],
    levels: Sequence[Level],
    from_age: int | None,
    to_age: int | None,
) -> list[str]:
    names = {school.id: school.name for school in file.schools}
    parts = []
    if words := _ages(from_age, to_age):
        parts.append(words)
    if schools:
        parts.append(_either(names[school] for school in schools))
    if levels:
        parts.append(f"en {_either(levels)}")
    return parts


def _ages(youngest: int | None, oldest: int | None) -> str:
    if youngest is not None and oldest is not None:
        return f"de {youngest} à {oldest} ans" if youngest != oldest else f"de {oldest} ans"
    if youngest is not None:
        return f"à partir de {youngest} ans"
    return f"jusqu'à {oldest} ans" if oldest is not None else ""


def _either(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} ou {last}" if first else last


def fits_filters(
    eligible: Eligible, *, school: str | None, level: str | None, age: int | None
) -> bool:
    """Whether an activity may be for somebody of whom only this is known; who has a school or a
    level is a child."""
    child = (
        eligible.children
        and (school is None or not eligible.schools or school in eligible.schools)
        and (level is None or not eligible.levels or level in eligible.levels)
        and _fits_age(eligible, age)
    )
    by_age = eligible.adults and _fits_age(eligible.which_adults, age)
    return child or (by_age and school is None and level is None)


def _fits_age(bounds: Eligible | Adults, age: int | None) -> bool:
    return age is None or (
        (bounds.from_age or 0) <= age and (bounds.to_age is None or age <= bounds.to_age)
    )


def sets_by_weekday(activity: Activity) -> Mapping[tuple[tuple[str, ...], ...], list[int]]:
    """The sets of units that may be booked for one day, with the ISO weekdays on which they may;
    an empty list of sets where there are too many to name."""
    found: dict[tuple[tuple[str, ...], ...], list[int]] = {}
    for shift in range(7):
        day = _MONDAY + timedelta(days=shift)
        found.setdefault(tuple(permitted_sets(activity, day)), []).append(day.isoweekday())
    return found
