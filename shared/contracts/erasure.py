"""What the answers to *erasure-asked* are made of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class HoldsBack(BaseModel):
    """One thing that must be over before a family is erased; ``reference`` is its number or id."""

    model_config = ConfigDict(frozen=True)

    code: Literal[
        "booked-in-the-future",
        "waiting-for-an-answer",
        "to-be-invoiced",
        "unpaid",
        "payment-under-way",
        "credit",
        "transfer-to-make",
    ]
    reference: str
