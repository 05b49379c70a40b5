"""Bank details as people type them: IBAN, BIC, and the identifier of who collects (ICS)."""

from __future__ import annotations

import re

from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException

_CREDITOR = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{3}[A-Z0-9]{1,28}")


class BadBankDetail(ValueError):
    """What is wrong with it, as a sentence for whoever typed it; ``code`` for programs."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


def iban_of(text: str) -> str:
    """The IBAN without its spaces, whose structure, length and check digits are its country's.

    Raises ``BadBankDetail``: ``iban-invalid``, ``iban-not-sepa``. Source: ISO 13616; the list of
    SEPA countries is the library's.
    """
    try:
        iban = IBAN(text)
    except SchwiftyException as error:
        raise BadBankDetail(
            "iban-invalid", "Cet IBAN n'est pas valable : vérifiez chaque caractère sur votre RIB."
        ) from error
    if not iban.in_sepa_zone:
        raise BadBankDetail(
            "iban-not-sepa",
            "Ce compte est hors de la zone SEPA : il ne peut pas être prélevé. Indiquez un autre"
            " compte.",
        )
    return str(iban.compact)


def bic_of(text: str) -> str:
    """The BIC, in capitals and without spaces. Raises ``BadBankDetail``: ``bic-invalid``."""
    try:
        return str(BIC(text).compact)
    except SchwiftyException as error:
        raise BadBankDetail(
            "bic-invalid",
            "Ce BIC n'est pas valable : vérifiez-le sur votre RIB, ou laissez-le vide.",
        ) from error


def bank_name_of(iban: str) -> str | None:
    """The bank that holds the account, where the library knows it."""
    found: str | None = IBAN(iban, allow_invalid=True).bank_name
    return found or None


def masked(iban: str) -> str:
    """``FR76 •••• 0189``: enough to know one's own account by."""
    return f"{iban[:4]} •••• {iban[-4:]}"


def creditor_of(text: str) -> str:
    """The identifier of a creditor (ICS), of which two digits check the others but for the three
    of the activity. Raises ``BadBankDetail``. Source: EPC262-08, after ISO 7064 (mod 97-10)."""
    if _CREDITOR.fullmatch(text):
        turned = text[7:] + text[:4]
        if int("".join(str(int(one, 36)) for one in turned)) % 97 == 1:
            return text
    raise BadBankDetail("creditor-invalid", "Cet identifiant créancier SEPA n'est pas valable.")
