"""What is known of a child or family, and whether it fulfils what a rule asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pydantic import Field

from shared.contracts.family import Child, FamilyChanged
from shared.contracts.town_file import Audience, Trait

Known = bool | int | str


def age_on(birth_date: date, day: date) -> int:
    """Whole years on a day; somebody born on 29 February is older on 1 March."""
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


class KnownChild(Child):
    """A child with what the town keeps of its family (``resident``, ``works-in-town``, …)."""

    facts: Mapping[str, Known] = Field(default={})


def known_children(card: FamilyChanged) -> FamilyChanged:
    """A family's card whose children carry what rules may ask of their family."""
    children = (
        KnownChild(**child.model_dump(), facts=card.facts) if card.facts else child
        for child in card.children
    )
    return card.model_copy(update={"children": tuple(children)})


def traits_of(child: Child, day: date) -> dict[str, Known]:
    """What rules may ask of a child, and of its family as far as the child carries it."""
    traits: dict[str, Known] = dict(child.facts) if isinstance(child, KnownChild) else {}
    traits["age"] = age_on(child.birth_date, day)
    if child.school:
        traits["school"] = child.school
    if child.level:
        traits["level"] = child.level
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
