"""Erasing a family: asked by an administrator, answered by whoever may hold it back, then done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from shared.contracts.erasure import HoldsBack
from shared.contracts.family import ErasureAsked

#: The services that must have answered.
ASKED = ("booking", "billing")
ErasureState = Literal["checking", "held-back", "cleared", "erased"]


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure: ``answers`` are what each service says holds it back."""

    id: str
    town: str
    family: str
    reason: str
    settled: tuple[str, ...]
    asked_by: str
    asked_at: datetime
    state: ErasureState
    answers: Mapping[str, tuple[HoldsBack, ...]]

    @property
    def holds(self) -> tuple[HoldsBack, ...]:
        """All that holds it back, as far as it is known."""
        return tuple(one for service in ASKED for one in self.answers.get(service, ()))

    def asks(self) -> ErasureAsked:
        """The question to the others."""
        return ErasureAsked(erasure=self.id, family=self.family, settled=self.settled)


def verdict(erasure: Erasure) -> ErasureState:
    """Where an erasure stands by the answers so far."""
    if erasure.state != "checking" or any(one not in erasure.answers for one in ASKED):
        return erasure.state
    return "held-back" if erasure.holds else "cleared"
