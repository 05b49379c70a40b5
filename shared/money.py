"""Money: integer cents of a euro, never a float."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

Cents = Annotated[int, Field(strict=True, description="Amount in euro cents")]

_NARROW_SPACE = "\u202f"


def euros(cents: int) -> str:
    """French writing of an amount: ``1 234,50 €`` with no-break spaces."""
    sign = "-" if cents < 0 else ""
    whole, rest = divmod(abs(cents), 100)
    grouped = f"{whole:,}".replace(",", _NARROW_SPACE)
    return f"{sign}{grouped},{rest:02d}\u00a0€"
