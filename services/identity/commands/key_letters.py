"""The letters that carry family keys to their guardians, as one document to print (ID6)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.identity.commands.base import Identity
from services.identity.commands.family_keys import IssuedKey, keys_of, names_of
from services.identity.domain.family_keys import LETTERS_FOR, Name, key_id, state_of
from services.identity.queries import town_file
from shared import french
from shared.auth import AgentScope
from shared.contracts.town_file import TownFile
from shared.errors import Refused, not_found
from shared.store import Document

_TEMPLATE = Path(__file__).parents[1] / "templates" / "family-keys.typ"
_FIELD = "/key"


async def print_letters(
    identity: Identity, scope: AgentScope, issue_id: str, families: Sequence[str]
) -> bytes:
    """A PDF of one letter for each key of the issue that is still open, by name: the whole batch,
    or those of ``families``. Keys are not kept: they derive from the issue, for ``LETTERS_FOR``.
    """
    issue = await identity.store.issue(issue_id)
    if issue is None or issue["town"] != scope.town:
        raise not_found("cette émission de clés")
    now = identity.clock.machine()
    if now >= issue["issued_at"] + LETTERS_FOR:
        raise Refused(
            "letters-too-old",
            f"Ces lettres ne s'impriment plus après {LETTERS_FOR.days} jours : émettez de"
            " nouvelles clés.",
        )
    keys = [one for one in keys_of(identity, issue) if not families or one.family in families]
    known = {key.id: key for key in await identity.store.keys_by_id([_id(one) for one in keys])}
    still = [
        one for one in keys
        if (key := known.get(_id(one))) is not None and state_of(key, now) == "open"
    ]  # fmt: skip
    if not still:
        raise Refused(
            "no-letter-left", "Aucune de ces clés ne peut encore servir : il n'y a rien à imprimer."
        )
    _, file = await town_file(identity, scope.town)
    copies = await identity.store.families(scope.town, sorted({one.family for one in still}))
    data = _data(identity, file, still, {copy["_id"]: copy for copy in copies}, issue)
    return await identity.press.pdf(_TEMPLATE, data, issue["issued_at"])


def _id(issued: IssuedKey) -> str:
    return key_id(issued.key, _FIELD)


def _data(
    identity: Identity,
    file: TownFile,
    keys: Sequence[IssuedKey],
    copies: dict[str, Document],
    issue: Document,
) -> dict[str, Any]:
    """What the template prints, in the order in which letters are put into envelopes."""
    zone = ZoneInfo(file.time_zone)
    letters = [
        letter
        for one in keys
        if (copy := copies.get(one.family))
        for letter in [_letter(one, copy)]
    ]
    return {
        "title": f"Votre {file.family_keys.called}",
        "called": file.family_keys.called,
        "town": {"name": file.name, "contact": file.contact.model_dump()},
        "site": f"{identity.public_url}/{file.town}",
        "date": french.day_words(issue["issued_at"].astimezone(zone).date()),
        "until": french.day_words(issue["expires_at"].astimezone(zone).date()),
        "letters": sorted(letters, key=lambda one: (one["order"], one["reference"])),
    }


def _letter(issued: IssuedKey, copy: Document) -> dict[str, Any]:
    names = [
        name for guardian in issued.guardians if (name := names_of(copy).get(guardian)) is not None
    ]
    return {
        "to": [_called(name) for name in names],
        "reference": copy["reference"],
        "key": issued.key,
        "shared": len(issued.guardians) > 1,
        "order": [[name.last.casefold(), name.first.casefold()] for name in names],
    }


def _called(name: Name) -> str:
    return f"{name.first} {name.last}".strip()
