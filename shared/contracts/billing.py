"""What billing says."""

from __future__ import annotations

from datetime import date

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
