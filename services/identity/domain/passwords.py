"""Which passwords are accepted: the CNIL's rule, then what is known of how passwords are guessed.

Source: CNIL, délibération 2022-100: 50 bits where attempts are throttled (``domain.attempts``),
reckoned as length times the logarithm of the alphabet; a list of common passwords; no renewal
without cause. Beyond it, zxcvbn reckons how many guesses the password stands, knowing words,
names, keyboards, dates, the list beside this module (made for Préau: what French families are
known to choose) and what others know of the holder.
"""

from __future__ import annotations

import csv
import math
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from zxcvbn.matching import (
    RANKED_DICTIONARIES,
    build_ranked_dict,
    date_match,
    dictionary_match,
    regex_match,
    repeat_match,
    reverse_dictionary_match,
    sequence_match,
    spatial_match,
)
from zxcvbn.scoring import most_guessable_match_sequence
from zxcvbn.time_estimates import guesses_to_score

from services.identity.domain.names import login_key
from shared.errors import Refused

SHORTEST = 12
LONGEST = 200
#: Délibération 2022-100, with throttled attempts.
LEAST_BITS = 50.0
#: Of zxcvbn's 0 to 4: beyond 10^8 guesses.
LEAST_SCORE = 3
#: Shorter words stand in too many others to be refused for themselves: zxcvbn weighs them.
_SHORTEST_NAME = 5
#: What is judged of a long password; the work grows with the square of it.
_JUDGED = 32
#: All of the library's but the one that tries every substitution of letters by signs at once, which
#: takes seconds for some passwords: the usual substitutions are undone beforehand instead.
_MATCHERS = (
    dictionary_match, reverse_dictionary_match, spatial_match, repeat_match, sequence_match,
    regex_match, date_match,
)  # fmt: skip
_LEET = str.maketrans("@4031$5!7", "aaoelssit")
_COMMON = Path(__file__).with_name("common_passwords.csv")
#: How many characters there are of each kind, as the CNIL counts them.
_ALPHABETS = ((str.isdigit, 10), (str.islower, 26), (str.isupper, 26))
_OTHERS = 32

Weakness = Literal["too-short", "too-long", "too-simple", "names-holder", "common"]


@dataclass(frozen=True, slots=True)
class Strength:
    """``score`` from 0 to 4; ``weakness`` is None for a password that is accepted."""

    score: int
    weakness: Weakness | None

    @property
    def advice(self) -> str | None:
        """What to do about the weakness."""
        return _SENTENCES[self.weakness] if self.weakness else None


def canonical(password: str) -> str:
    """The form that is hashed: one spelling of each accented letter."""
    return unicodedata.normalize("NFC", password)


def check_strength(strength: Strength, field: str) -> None:
    """Refuse a password that is too weak."""
    if strength.weakness:
        raise Refused(
            "password-too-weak", _SENTENCES[strength.weakness], status=422, field=field,
            reason=strength.weakness,
        )  # fmt: skip


def strength_of(password: str, known: Iterable[str]) -> Strength:
    """How strong a password is; ``known``: the holder's login name, addresses and names."""
    written = canonical(password)
    folded = login_key(written)
    theirs = _words(known)
    score = _score(folded[:_JUDGED], theirs)
    return Strength(score, _weakness(written, folded, theirs, score))


def _weakness(written: str, folded: str, theirs: list[str], score: int) -> Weakness | None:
    if len(written) < SHORTEST:
        return "too-short"
    if len(written) > LONGEST:
        return "too-long"
    if any(len(word) >= _SHORTEST_NAME and word in folded for word in theirs):
        return "names-holder"
    if score < LEAST_SCORE:
        return "common"
    return "too-simple" if bits_of(written) < LEAST_BITS else None


def bits_of(password: str) -> float:
    """The CNIL's reckoning: length times the logarithm of the size of the alphabet used."""
    size = sum(count for kind, count in _ALPHABETS if any(kind(c) for c in password))
    kinds = [kind for kind, _ in _ALPHABETS]
    if any(not any(kind(c) for kind in kinds) for c in password):
        size += _OTHERS
    return len(password) * math.log2(size) if size > 1 else 0.0


def _words(known: Iterable[str]) -> list[str]:
    """What others know, folded; of an address, also what stands before the sign."""
    words = [login_key(part) for one in known for part in (one, one.partition("@")[0])]
    return list(dict.fromkeys(word for word in words if word))


def _score(folded: str, theirs: list[str]) -> int:
    words = {**_dictionaries(), "holder": build_ranked_dict([_plain(word) for word in theirs])}
    plain = _plain(folded)
    if not plain:  # nothing, or accents over nothing
        return 0
    return min(_guessed(form, words) for form in {plain, plain.translate(_LEET)})


def _guessed(form: str, words: dict[str, dict[str, int]]) -> int:
    matches = [one for match in _MATCHERS for one in match(form, _ranked_dictionaries=words)]
    matches.sort(key=lambda one: (one["i"], one["j"]))
    found: dict[str, Any] = most_guessable_match_sequence(form, matches)
    return int(guesses_to_score(found["guesses"]))


@cache
def _dictionaries() -> dict[str, dict[str, int]]:
    with _COMMON.open(encoding="utf-8", newline="") as stream:
        french = [row["password"] for row in csv.DictReader(stream)]
    return {**RANKED_DICTIONARIES, "french": build_ranked_dict(french)}


def _plain(text: str) -> str:
    """Without accents: a word is as common with them as without."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


_SENTENCES: dict[Weakness, str] = {
    "too-short": f"Choisissez un mot de passe d'au moins {SHORTEST} caractères.",
    "too-long": f"Choisissez un mot de passe d'au plus {LONGEST} caractères.",
    "too-simple": "Ajoutez des lettres, ou allongez ce mot de passe : il se devine trop vite.",
    "names-holder": "Le mot de passe ne doit contenir ni votre nom, ni votre identifiant, ni votre"
    " adresse.",
    "common": "Ce mot de passe est trop courant. Essayez plusieurs mots sans rapport entre eux.",
}
