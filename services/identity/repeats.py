"""One command, one effect, one answer: how a repetition is recognised.

The pattern, for every route declared ``idempotent``:

- a command that **creates** a document derives its ``_id`` from ``command.id`` and stores
  ``Repeats.mark(command)`` in it as ``made_by``: the insertion of a repetition finds the ``_id``
  taken, and ``check`` tells a repetition from a key used for another body;
- a command that **changes** a document pushes ``Repeats.entry(command, answer, now)`` onto its
  ``done`` in the same write; ``answer_in`` finds it before anything is decided.

A refusal is not remembered: it is computed anew. Bodies hold passwords and tokens, so what is
kept of one is not its hash but a keyed seal of it, useless to whoever reads the database.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.identity.signing import SigningKeys
from shared.errors import Refused
from shared.web.routes import Command

#: At least as many commands as one document may see in 72 hours from a person's hand.
KEPT = 40


class Repeats:
    """Marks commands and recognises them."""

    def __init__(self, keys: SigningKeys) -> None:
        self._keys = keys

    def mark(self, command: Command) -> dict[str, Any]:
        """What a document keeps of the command that made it."""
        key = self._keys.current
        return {
            "id": command.id,
            "key": key,
            "seal": self._keys.seal(key, "body", command.id, command.body_hash),
        }

    def check(self, mark: Mapping[str, Any], command: Command) -> None:
        """Refuse (422) a key that was used for another body; (409) when nobody can tell any more.

        What a signing key sealed cannot be compared once that key is withdrawn.
        """
        seal = self._keys.seal(mark["key"], "body", command.id, command.body_hash)
        if seal is None:
            raise Refused(
                "idempotency-key-outdated",
                "Cette demande n'est plus reconnaissable : la clé de signature d'alors a été"
                " retirée. Renvoyez-la avec une nouvelle clé d'idempotence.",
            )
        if not hmac.compare_digest(seal, mark["seal"]):
            raise Refused(
                "idempotency-key-reused",
                "Cette clé d'idempotence a déjà servi pour une autre demande.",
                status=422,
            )

    def entry(self, command: Command, answer: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        """What a document keeps of a command that changed it."""
        return {**self.mark(command), "answer": dict(answer), "at": now}

    def answer_in(self, document: Mapping[str, Any], command: Command) -> dict[str, Any] | None:
        """The answer given to this command already, or None. Refused as ``check`` does."""
        for entry in document.get("done", ()):
            if entry["id"] == command.id:
                self.check(entry, command)
                answer: dict[str, Any] = entry["answer"]
                return answer
        return None
