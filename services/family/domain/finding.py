"""What family records are found by, and how what an agent types is understood.

A record has *keys*, made here and kept with it: the words of its references and names as they
are, and, marked by their first character, telephones, e-mails, dates of birth, how names sound,
and how they are written but for one letter. What is typed makes keys in the same way, so that one
index finds all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from services.family.domain.household import Family, plain, words

PHONE, EMAIL, BIRTH, SOUND, NEAR = "+", "@", "#", "~", "-"
#: Shorter words are too many and sound too much alike.
_SHORTEST_SOUND, _SHORTEST_NEAR = 4, 5
_LONGEST_WORD = 30
_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})|(\d{4})-(\d{1,2})-(\d{1,2})")
_PHONE = re.compile(r"\+?\d(?:[ .()/-]*\d){5,}")
_MOST_WORDS = 8

#: How French spells the sounds of names: (pattern, what it sounds like), in this order.
_SOUNDS = [
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"[^a-z]", ""),
        (r"bv", "v"), (r"ph", "f"), (r"sch|sh|ch", "C"), (r"th", "t"), (r"h", ""),
        (r"aul[td]$|eaux?|aux?", "o"), (r"oeu|eu", "E"), (r"ou", "U"), (r"oi|oy", "W"),
        (r"(?:ain|ein|aim|in|im|yn|ym)(?![aeiouymn])", "I"),
        (r"(?:an|am|en|em)(?![aeiouymn])", "A"), (r"(?:on|om)(?![aeiouymn])", "O"),
        (r"ai|ei|ay|ey|et$|er$|ez$", "e"),
        (r"c(?=[eiyI])", "s"), (r"gu(?=[eiy])", "g"), (r"ge(?=[aou])|g(?=[eiyI])", "j"),
        (r"cqu|ck|qu|q|c", "k"), (r"gn", "N"), (r"[xz]", "s"), (r"w", "v"), (r"y", "i"),
        (r"(.)\1+", r"\1"), (r"(?<=.)[dtspe]+$", ""), (r"(?<=.)(?:[eE]s?)$", ""),
    )
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """What a member is found by; ``names``: first and last."""

    names: tuple[str, ...]
    phone: str | None = None
    email: str | None = None
    birth_date: date | None = None


def people(family: Family) -> Iterator[Person]:
    """What the members of a record are found by."""
    for guardian in family.guardians:
        yield Person((guardian.first_name, guardian.last_name), guardian.phone, guardian.email)
    for child in family.children:
        yield Person((child.first_name, child.last_name), birth_date=child.birth_date)


def keys(family: Family) -> list[str]:
    """What a record is found by."""
    found = {word for text in (family.reference, *family.former) for word in words(text)}
    for person in people(family):
        for name in person.names:
            for word in (*words(name), joined(name)):
                found |= {word, *_alike(word)}
        found |= set(strong_keys(person))
    return sorted(found - {""})


def strong_keys(person: Person) -> Iterator[str]:
    """What few people share: telephone, e-mail, date of birth."""
    if person.phone and (number := _phone(person.phone)):
        yield PHONE + number
    if person.email:
        yield EMAIL + plain(person.email)
    if person.birth_date:
        yield BIRTH + person.birth_date.isoformat()


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing typed: a key that begins with one of ``beginnings``, or failing that is one of
    ``alike``."""

    beginnings: tuple[str, ...]
    alike: tuple[str, ...] = ()

    def closeness(self, held: Iterable[str]) -> int:
        """How well these keys answer: 3 as typed, 2 as it begins, 1 as it sounds, 0 not at all."""
        best = 0
        for key in held:
            if key in self.beginnings:
                return 3
            if key.startswith(self.beginnings):
                best = max(best, 2)
            elif key in self.alike:
                best = max(best, 1)
        return best


def wanted(text: str) -> list[Wanted]:
    """What is to be found, all of it, from what was typed: dates, telephones, e-mails, words."""
    found = []
    rest = text
    for match in _DATE.finditer(text):
        if (day := _date(match)) is not None:
            found.append(Wanted((BIRTH + day.isoformat(),)))
            rest = rest.replace(match[0], " ")
    for match in _PHONE.finditer(rest):
        if (number := _phone(match[0])) is not None:
            # A long number may be a family's as well.
            found.append(Wanted((PHONE + number, *words(match[0])[:1])))
            rest = rest.replace(match[0], " ")
    for part in rest.split():
        if "@" in part:
            found.append(Wanted((EMAIL + plain(part),)))
        else:
            found += [Wanted((word,), tuple(_alike(word))) for word in words(part)]
    return found[:_MOST_WORDS]


def sounds_like(word: str) -> str:
    """How a word without accents sounds, roughly: the same for Lefèvre and Lefebvre."""
    for pattern, sound in _SOUNDS:
        word = pattern.sub(sound, word)
    return word


def joined(name: str) -> str:
    """A name as one word: ``D'Éon`` is deon."""
    return "".join(words(name))


def _alike(word: str) -> set[str]:
    """How a word sounds, and the word without each of its letters: two words one slip apart (a
    letter too many, too few, another, two exchanged) share one of these."""
    if word.isdigit():
        return set()
    word = word[:_LONGEST_WORD]
    found = set()
    if len(word) >= _SHORTEST_SOUND:
        found.add(SOUND + sounds_like(word))
    if len(word) >= _SHORTEST_NEAR:
        found |= {NEAR + word[:n] + word[n + 1 :] for n in range(len(word))} | {NEAR + word}
    return found


def _phone(text: str) -> str | None:
    """The national number, or what was typed of it."""
    digits = re.sub(r"\D", "", text)
    if text.lstrip().startswith("+33") or digits.startswith("0033"):
        digits = "0" + re.sub(r"^(0033|33)0?", "", digits)
    return digits or None


def _date(match: re.Match[str]) -> date | None:
    day, month, year, *iso = match.groups()
    parts = (year, month, day) if day else tuple(iso)
    try:
        return date(*(int(part) for part in parts))
    except ValueError:
        return None
