"""What is known of a participant or family, and whether it fulfils what a rule asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from shared.contracts.family import Known, Participant
from shared.contracts.town_file import Audience, Trait

__all__ = ["OF_AGE", "Known", "age_on", "belongs", "between", "has", "traits_of"]

#: An adult whose birth date is not known is so old at least.
OF_AGE = 18


def age_on(birth_date: date, day: date) -> int:
    """Whole years on a day; somebody born on 29 February is older on 1 March."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def traits_of(person: Participant, day: date) -> dict[str, Known]:
    """What rules may ask of somebody and their family, on a day; without what is not known."""
    traits: dict[str, Known] = {**person.facts, "participant": person.kind}
    if person.birth_date is not None:
        traits["age"] = age_on(person.birth_date, day)
    if person.school:
        traits["school"] = person.school
    if person.level:
        traits["level"] = person.level
    return traits


def has(trait: Trait, traits: Mapping[str, Known]) -> bool:
    """Whether a trait is fulfilled; what is not known fulfils nothing."""
    value = traits.get(trait.fact)
    if value is None:
        return False
    if trait.is_:
        return any(value == wanted and type(value) is type(wanted) for wanted in trait.is_)
    return between(value, trait.from_, trait.to)


def belongs(audience: Audience, traits: Mapping[str, Known]) -> bool:
    """Whether an audience holds somebody with these traits."""
    return all(has(trait, traits) for trait in audience.all) and (
        not audience.any or any(has(trait, traits) for trait in audience.any)
    )


def between(value: Known, lowest: int | None, highest: int | None) -> bool:
    """Whether a number lies between two, both included; what is no number does not."""
    if isinstance(value, bool | str):
        return False
    return (lowest is None or value >= lowest) and (highest is None or value <= highest)
