"""Erasures of families."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.family.domain.erasures import Erasure, ErasureState
from shared.contracts.erasure import HoldsBack
from shared.web.routes import Input, Output


class ErasureWanted(Input):
    """Why a family is to be erased; ``settled_invoices`` are numbers of invoices that the
    collection office says are paid."""

    reason: Annotated[str, Field(min_length=3, max_length=500)]
    settled_invoices: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=40)], ...], Field(max_length=500)
    ] = ()


class ErasureOut(Output):
    """Where an erasure stands: being checked, held back by ``holds``, or done."""

    erasure: str
    family: str
    state: ErasureState
    holds: tuple[HoldsBack, ...]
    asked_at: datetime

    @classmethod
    def of(cls, erasure: Erasure) -> ErasureOut:
        """The answer for an erasure."""
        return cls(
            erasure=erasure.id, family=erasure.family, state=erasure.state, holds=erasure.holds,
            asked_at=erasure.asked_at,
        )  # fmt: skip
