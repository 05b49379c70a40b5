"""Which passwords are accepted. Length first, as the CNIL's and OWASP's advice goes.

Source: CNIL, délibération 2022-100 (50 bits with throttled attempts; a list of common ones).
"""

from __future__ import annotations

import unicodedata

from services.identity.domain.names import login_key
from shared.errors import Refused

SHORTEST = 12
LONGEST = 200
_SHORTEST_NAME = 3

_COMMON_STEMS = (
    "password", "motdepasse", "azerty", "azertyuiop", "qwerty", "qwertyuiop", "123456789",
    "1234567890", "0123456789", "987654321", "abcdefghij", "abcdefghijkl", "bonjour", "soleil",
    "doudou", "chouchou", "loulou", "jetaime", "marseille", "football", "princesse", "iloveyou",
    "letmein", "welcome", "administrateur", "administrator", "preau", "cantine", "changeme",
)  # fmt: skip
_LEET = str.maketrans("@4031$5!7", "aaoelssit")


def canonical(password: str) -> str:
    """The form that is hashed: one spelling of each accented letter."""
    return unicodedata.normalize("NFC", password)


def check_password(password: str, login_name: str, email: str, field: str) -> None:
    """Refuse a password that is too short, common, or made of what others know of the holder."""
    if reason := weakness(password, login_name, email):
        raise Refused(
            "password-too-weak", _SENTENCES[reason], status=422, field=field, reason=reason
        )


def weakness(password: str, login_name: str, email: str) -> str | None:
    """Why a password is not accepted, or None: too-short, too-long, names-holder, common."""
    written = canonical(password)
    if len(written) < SHORTEST:
        return "too-short"
    if len(written) > LONGEST:
        return "too-long"
    folded = login_key(written)
    for known in (login_key(login_name), login_key(email), login_key(email.partition("@")[0])):
        if len(known) >= _SHORTEST_NAME and known in folded:
            return "names-holder"
    if _is_common(folded):
        return "common"
    return None


def _is_common(folded: str) -> bool:
    """One or two characters over and over, or a common word with little around it."""
    if len(set(folded)) < 4:
        return True
    for form in (folded, folded.translate(_LEET)):
        rest = form
        for stem in sorted(_COMMON_STEMS, key=len, reverse=True):
            rest = rest.replace(stem, "")
        added = "".join(c for c in rest if not c.isdigit() and c.isalnum())
        if rest != form and len(added) < 4:
            return True
    return False


_SENTENCES = {
    "too-short": f"Choisissez un mot de passe d'au moins {SHORTEST} caractères.",
    "too-long": f"Choisissez un mot de passe d'au plus {LONGEST} caractères.",
    "names-holder": "Le mot de passe ne doit contenir ni votre identifiant ni votre adresse.",
    "common": "Ce mot de passe est trop courant. Essayez plusieurs mots sans rapport entre eux.",
}
