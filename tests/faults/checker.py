"""Compares the mails received with the decisions stored."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import date

from deploy.local.mailbox import Mail

_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
    "octobre", "novembre", "décembre",
)  # fmt: skip
_ENTRY = re.compile(
    r"(ACCEPTÉE|REFUSÉE) – (?:Réservation|Modification|Annulation|Absence), .*?, "
    r"\w+ (\d+)(?:er)? (\w+) (\d{4})\s*"
    r"(?:\n\s+)?Demande n° (\S+) du"
)


#: Long digests repeat their refusals at the top: indented lines below the heading.
_REPEATED = re.compile(r"^Refus\n(?:\n| .*\n)+", re.MULTILINE)


def told(mails: Sequence[Mail]) -> Counter[tuple[str, str, str]]:
    """(request number, date, ACCEPTÉE or REFUSÉE) of each line of each digest, one mail sent
    twice under one Message-ID counting once."""
    found: Counter[tuple[str, str, str]] = Counter()
    digests = {m.message_id: m for m in mails if "réponses à vos demandes" in m.subject}
    for mail in digests.values():
        for word, day, month, year, number in _ENTRY.findall(_REPEATED.sub("", mail.text or "")):
            when = date(int(year), _MONTHS.index(month) + 1, int(day))
            found[number, when.isoformat(), word] += 1
    return found


def acknowledged(mails: Sequence[Mail]) -> Counter[str]:
    """How many different acknowledgements each request number has had."""
    receipts = {m.message_id: m for m in mails if "est bien reçue" in m.subject}
    return Counter(mail.subject.split("n° ")[1].split(" ")[0] for mail in receipts.values())
