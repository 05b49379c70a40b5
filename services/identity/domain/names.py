"""How login names and addresses are written, and when two of them are the same."""

from __future__ import annotations

import re
import unicodedata

from shared.errors import Refused

_LOGIN_NAME = re.compile(r"[^\W_][\w.\-']{2,63}")
#: One plain address; no space, no quoting, nothing that could end a mail header.
EMAIL_PATTERN = r'^[^@\s<>()\[\]\\,;:"]+@[^@\s<>()\[\]\\,;:".]+(\.[^@\s<>()\[\]\\,;:".]+)+$'


def login_key(login_name: str) -> str:
    """What two spellings of one login name have in common (compatibility form, no case)."""
    folded = unicodedata.normalize("NFKC", login_name).strip().casefold()
    return unicodedata.normalize("NFKC", folded)


def email_key(email: str) -> str:
    """What two spellings of one address have in common."""
    return unicodedata.normalize("NFC", email).strip().casefold()


def check_login_name(login_name: str, field: str) -> None:
    """Refuse what is no login name; an address is none, so that two parents may share one."""
    if not _LOGIN_NAME.fullmatch(unicodedata.normalize("NFKC", login_name)):
        raise Refused(
            "login-name-invalid",
            "L'identifiant compte de 3 à 64 lettres, chiffres, points, tirets ou apostrophes,"
            " et commence par une lettre ou un chiffre. Ce n'est pas l'adresse électronique.",
            status=422,
            field=field,
        )
