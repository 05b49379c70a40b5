"""What commands, queries and reactions of family work with."""

from __future__ import annotations

from dataclasses import dataclass

from services.family.store import FamilyStore
from shared.clock import Clock
from shared.copies import TownCopy


@dataclass(frozen=True, slots=True)
class State:
    """The collaborators, built once by ``service.build``."""

    families: FamilyStore
    towns: TownCopy
    clock: Clock
