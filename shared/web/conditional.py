"""Conditional requests (RFC 9110, section 13): reading again what has not changed, and changing
only what has not changed meanwhile.

An entity tag is ``"<version>-<digest>"``: the version of the document, and a digest of the bytes
answered, since one document is shown to each reader in their own way. Reading compares the whole
tag; a write looks at the version alone, whoever was shown it and however.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import Refused

_TAG = re.compile(r'\s*(?P<weak>W/)?"(?P<opaque>[!#-~]*)"\s*(?:,|$)')
_OPAQUE = re.compile(r"(?P<version>[0-9]{1,12})-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Expected:
    """Which versions of a document a write is meant for; ``None``: whichever it has."""

    versions: frozenset[int] | None = None

    def check(self, version: int) -> None:
        """Refuse (412) when the document is no longer as its reader saw it."""
        if self.versions is not None and version not in self.versions:
            raise changed_meanwhile()


def changed_meanwhile() -> Refused:
    """What was to be changed is no longer as its reader saw it."""
    return Refused(
        "changed-meanwhile",
        "Ces informations ont changé depuis que vous les avez affichées. Rechargez-les, puis"
        " recommencez.",
        status=412,
    )


def entity_tag(version: int, body: bytes) -> str:
    """The strong tag of an answer."""
    return f'"{version}-{hashlib.sha256(body).hexdigest()[:16]}"'


def is_known(headers: Sequence[str], tag: str) -> bool:
    """Whether ``If-None-Match`` (its field lines) names ``tag``; weak comparison."""
    header = ", ".join(headers).strip()
    return header == "*" or tag in (f'"{opaque}"' for _, opaque in _tags(header))


def expected(headers: Sequence[str]) -> Expected:
    """What ``If-Match`` (its field lines) asks; tags are compared strongly.

    Raises ``Refused``: 428 without the header.
    """
    header = ", ".join(headers).strip()
    if not header:
        raise Refused(
            "precondition-required",
            "L'en-tête If-Match est obligatoire : donnez l'ETag reçu à la lecture.",
            status=428,
        )
    if header == "*":
        return Expected()
    found = [_OPAQUE.fullmatch(opaque) for weak, opaque in _tags(header) if not weak]
    return Expected(frozenset(int(match["version"]) for match in found if match))


def _tags(header: str) -> list[tuple[bool, str]]:
    """(weak, opaque) of each tag in a list; what is no tag ends it."""
    found, position = [], 0
    while match := _TAG.match(header, position):
        found.append((match["weak"] is not None, match["opaque"]))
        position = match.end()
    return found
