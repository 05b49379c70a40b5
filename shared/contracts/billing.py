"""What billing says."""

from __future__ import annotations

from datetime import date

from shared.contracts.erasure import HoldsBack
from shared.events import Event


class InvoiceIssued(Event, service="billing", name="invoice-issued", kind="fact", public=True):
    """An invoice has its number. ``month`` is its first day; amounts are in cents."""

    invoice: str
    number: str
    family: str
    guardian: str
    month: date
    total_cents: int
    due_on: date


class ErasureAnswered(Event, service="billing", name="erasure-answered", kind="fact"):
    """What holds the erasure of a family back here; nothing, when empty."""

    erasure: str
    family: str
    holds: tuple[HoldsBack, ...]
