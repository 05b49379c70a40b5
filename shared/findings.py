"""What ``preau check`` finds wrong in a service's database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from shared.runner import Parts


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that must not be: what kind (kebab-case), in which document
    (``collection/id``), and ids and numbers about it, never personal data."""

    kind: str
    where: str
    about: Mapping[str, str | int] = field(default_factory=dict)


class BookedUnit(NamedTuple):
    """One unit of one line of a request, by which services' books are compared."""

    request: str
    line: str
    unit: str


#: A service's checks, over one town or all of them; nothing on a sound database, also while it is
#: at work.
Check = Callable[[Parts, str | None], AsyncIterator[Finding]]
