"""Whether two family records may be of the same family: a score, with its reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from services.family.domain.finding import Person, joined, people, sounds_like, strong_keys
from services.family.domain.household import Child, Family, Guardian, plain

Why = Literal[
    "same-child", "child-sounds-alike", "same-email", "same-phone", "same-guardian",
    "guardian-sounds-alike", "same-address",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reason:
    """Why two records look alike, in words for an agent."""

    code: Why
    points: int
    words: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two records are: at ``ALIKE`` points an agent is told."""

    points: int
    reasons: tuple[Reason, ...]


ALIKE = 40
REASONS: dict[Why, Reason] = {
    reason.code: reason
    for reason in (
        Reason("same-child", 60, "un enfant a le même nom et la même date de naissance"),
        Reason("child-sounds-alike", 40, "un enfant né le même jour a un nom qui se ressemble"),
        Reason("same-email", 40, "un responsable a la même adresse électronique"),
        Reason("same-phone", 30, "un responsable a le même téléphone"),
        Reason("same-guardian", 20, "un responsable a les mêmes nom et prénom"),
        Reason("guardian-sounds-alike", 10, "un responsable a un nom qui se ressemble"),
        Reason("same-address", 20, "un responsable habite à la même adresse"),
    )
}
#: Of two reasons about the same thing, the stronger counts.
_STRONGER: dict[Why, Why] = {
    "child-sounds-alike": "same-child", "guardian-sounds-alike": "same-guardian",
}  # fmt: skip


def likeness(one: Family, other: Family) -> Likeness:
    """How alike two records are."""
    found = [code for code, share in _SHARED.items() if share(one) & share(other)]
    reasons = [REASONS[code] for code in found if _STRONGER.get(code) not in found]
    return Likeness(sum(reason.points for reason in reasons), tuple(reasons))


def strong_keys_of(family: Family) -> set[str]:
    """By which records that may be alike are looked for."""
    return {key for person in people(family) for key in strong_keys(person)}


def _names(one: Guardian | Child) -> tuple[str, ...]:
    return one.first_name, one.last_name


def _said(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(joined(name) for name in names)


def _heard(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sounds_like(joined(name)) for name in names)


Share = Callable[[Family], set[object]]


def _guardians(made: Callable[[Guardian], Iterable[object]]) -> Share:
    return lambda family: {value for one in family.guardians for value in made(one)}


def _children(made: Callable[[Child], object]) -> Share:
    return lambda family: {made(one) for one in family.children}


#: What two records share when the reason holds.
_SHARED: dict[Why, Share] = {
    "same-child": _children(lambda one: (_said(_names(one)), one.birth_date)),
    "child-sounds-alike": _children(lambda one: (_heard(_names(one)), one.birth_date)),
    "same-email": _guardians(lambda one: strong_keys(Person((), email=one.email))),
    "same-phone": _guardians(lambda one: strong_keys(Person((), phone=one.phone))),
    "same-guardian": _guardians(lambda one: [_said(_names(one))]),
    "guardian-sounds-alike": _guardians(lambda one: [_heard(_names(one))]),
    "same-address": _guardians(
        lambda one: [(plain(one.address.street), one.address.postcode)] if one.address else []
    ),
}


# -- in a file --------------------------------------------------------------------------------

#: More are not listed: the file is another town's, or its numbers have changed.
MOST_DUPLICATES = 200


@dataclass(frozen=True, slots=True)
class Alike:
    """A new record of a file that looks like another: of the file, or held already."""

    line: int
    reference: str
    other: str
    reasons: tuple[str, ...]


class Duplicates:
    """Finds the records of a file that look like others, a part of the file at a time."""

    def __init__(self, lines: Mapping[str, int]) -> None:
        self._lines = lines
        self._seen: dict[str, list[Family]] = {}
        self.found: list[Alike] = []

    def keys_of(self, new: Iterable[Family]) -> set[str]:
        """By which records already held have to be looked for."""
        if len(self.found) >= MOST_DUPLICATES:
            return set()
        return {key for family in new for key in strong_keys_of(family)}

    def look(self, new: Iterable[Family], held: Iterable[Family]) -> None:
        """Compare new records with those held and with those of the file seen before."""
        for family in held:
            self._remember(family)
        for family in new:
            others = {
                other.id: other
                for key in strong_keys_of(family)
                for other in self._seen.get(key, ())[:_COMPARED]
                if other.id != family.id
            }
            for other in others.values():
                how = likeness(family, other)
                if how.points >= ALIKE and len(self.found) < MOST_DUPLICATES:
                    self.found.append(Alike(
                        self._lines[family.reference], family.reference, other.reference,
                        tuple(reason.words for reason in how.reasons),
                    ))  # fmt: skip
            self._remember(family)

    def _remember(self, family: Family) -> None:
        for key in strong_keys_of(family):
            known = self._seen.setdefault(key, [])
            if all(one.id != family.id for one in known):
                known.append(family)


#: With how many records that share one key a record is compared: more children are not born on one
#: day in a town's classes.
_COMPARED = 40
