"""Family keys: what a town prints in its letter, and what becomes of it (ID6).

A key is 16 characters in four groups, ``7K2M-9QXD-0R4T-VB3W``: 15 of chance (75 bits) and a
check character. The alphabet is Crockford's base 32, so a key read aloud or badly printed still
works: O is 0, I and L are 1, U is V. The check is a sum over the field of 32 elements in which
each place has its own weight; it finds any wrong character and any two exchanged.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from shared.errors import Refused

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CONFUSED = str.maketrans("OILU", "011V")
_LENGTH = 16
_BITS = 75
#: How long after their issue letters are printed again: later, the agent issues new keys.
LETTERS_FOR = timedelta(days=7)


#: (family, guardian) -> when the town last withdrew that link from an account.
Withdrawn = Mapping[tuple[str, str], datetime]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Use(_Part):
    """The account became this guardian by the key."""

    account: str
    guardian: str
    at: datetime


class FamilyKey(_Part):
    """One key, without its text: ``id`` is what ``key_id`` makes of it.

    It works once for each of ``guardians``; ``left`` counts the uses still to come.
    """

    id: str
    town: str
    family: str
    guardians: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    left: int
    uses: tuple[Use, ...] = ()
    revoked_at: datetime | None = None

    def use_of(self, account: str | None) -> Use | None:
        """What that account has used the key for, or None."""
        return next((use for use in self.uses if use.account == account), None)


class Name(NamedTuple):
    """How somebody is called."""

    first: str
    last: str


State = Literal["open", "used", "revoked", "expired"]


def key_from(chance: bytes) -> str:
    """The key that these bytes (10 at least) of chance make, as printed."""
    number = int.from_bytes(chance[:10], "big") >> (80 - _BITS)
    data = [(number >> (5 * place)) & 31 for place in range(_LENGTH - 1)]
    text = "".join(ALPHABET[value] for value in [*data, _check(data)])
    return "-".join(text[start : start + 4] for start in range(0, _LENGTH, 4))


def normal_form(typed: str) -> str | None:
    """The 16 characters meant by what somebody typed, or None when it cannot be a key."""
    text = unicodedata.normalize("NFKC", typed).upper().translate(_CONFUSED)
    text = "".join(c for c in text if c.isalnum())
    if len(text) != _LENGTH or any(c not in ALPHABET for c in text):
        return None
    values = [ALPHABET.index(c) for c in text]
    return text if _check(values[:-1]) == values[-1] else None


def key_id(typed: str, field: str) -> str:
    """What the store knows of a key. Refused (422) when it was mistyped.

    A plain hash: 75 bits of chance cannot be searched from it.
    """
    text = normal_form(typed)
    if text is None:
        raise Refused(
            "family-key-mistyped",
            "Cette clé comporte une faute de frappe : vérifiez les 16 caractères de la lettre.",
            status=422,
            field=field,
        )
    return hashlib.sha256(f"family-key:{text}".encode()).hexdigest()


def state_of(key: FamilyKey, now: datetime) -> State:
    """What may still be done with a key."""
    if key.left <= 0:
        return "used"
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if now >= key.expires_at else "open"


_NOT_OPEN: dict[State, tuple[str, str]] = {
    "used": ("family-key-used", "Cette clé a déjà servi. Demandez-en une nouvelle."),
    "revoked": ("family-key-revoked", "Cette clé a été remplacée ou annulée."),
    "expired": ("family-key-expired", "Cette clé n'est plus valable."),
}


def check_usable(
    key: FamilyKey | None, account: str | None, withdrawn: Withdrawn, now: datetime, field: str
) -> None:
    """Refuse a key that ``account`` may not use now; one it has used already passes, unless the
    link was ``withdrawn`` since."""
    if key is None:
        raise Refused(
            "family-key-unknown",
            "Cette clé n'est pas connue de cette commune.",
            status=404,
            field=field,
        )
    use = key.use_of(account) if account is not None else None
    if use is not None and stands((key.family, use.guardian), use.at, withdrawn):
        return
    state = state_of(key, now) if use is None else "used"
    if state != "open":
        code, detail = _NOT_OPEN[state]
        raise Refused(code, detail, field=field)


def stands(link: tuple[str, str], proved_at: datetime, withdrawn: Withdrawn) -> bool:
    """Whether what proved a link (family, guardian) then still does: it was not withdrawn since."""
    at = withdrawn.get(link)
    return at is None or proved_at > at


def guardian_for(key: FamilyKey, holder: Name, names: Mapping[str, Name], field: str) -> str:
    """Which guardian the account of ``holder`` becomes by the key. ``names``: the family's.

    A key for one guardian was sent to that guardian. A household's is shared: the holder is the
    one of its guardians, not yet linked by it, who is called like the account. Refused otherwise.
    """
    if len(key.guardians) == 1:
        return key.guardians[0]
    used = {use.guardian for use in key.uses}
    for guardian in key.guardians:
        name = names.get(guardian)
        if guardian not in used and name is not None and _spelt(name) == _spelt(holder):
            return guardian
    raise Refused(
        "family-key-other-name",
        "Le nom de votre compte n'est celui d'aucun responsable de cette famille qui n'ait déjà"
        " utilisé cette clé. Vérifiez vos nom et prénom, ou adressez-vous à votre commune.",
        field=field,
    )


def check_revocable(key: FamilyKey) -> None:
    """Refuse to revoke a key that has served: its link is another matter."""
    if key.left <= 0:
        raise Refused("family-key-used", "Cette clé a déjà servi : elle ne peut être annulée.")


def _spelt(name: Name) -> tuple[str, str]:
    """A name without accents, case, hyphens or spaces."""
    first, last = (
        "".join(c for c in unicodedata.normalize("NFKD", part).casefold() if c.isalpha())
        for part in name
    )
    return first, last


def _check(data: list[int]) -> int:
    total = 0
    for value in data:
        total = _times_two(total ^ value)
    return total


def _times_two(value: int) -> int:
    """In the field of 32 elements made with x^5 + x^2 + 1, whose element 2 has order 31."""
    doubled = value << 1
    return doubled ^ 0b100101 if doubled & 0b100000 else doubled
