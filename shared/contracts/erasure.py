"""What the answers to *erasure-asked* are made of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class HoldsBack(BaseModel):
    """One thing that must be over before a family is erased; ``reference`` is its number or id.

    ``money``: what is ``unpaid``: an invoice (its number), a payment that may still be made, credit
    that is the family's or that it owes back (of an office, by its code), a transfer to be made.
    """

    model_config = ConfigDict(frozen=True)

    code: Literal["booked-in-the-future", "waiting-for-an-answer", "to-be-invoiced", "unpaid"]
    reference: str
    money: Literal["invoice", "payment", "credit", "transfer"] | None = None
