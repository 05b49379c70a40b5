"""Drafts of a month's invoices."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.billing.domain.drafts import Draft
from services.billing.domain.invoicing import InvoiceLine, LeftAsideCode
from services.billing.domain.months import Month
from shared.money import Cents
from shared.web.routes import Input, Output, Page, PageQuery


class DraftMonthIn(Input):
    """The month to draft."""

    month: Month


class DraftQuery(PageQuery):
    """The drafts of which month."""

    month: Month


class CorrectionIn(Input):
    """A line as it was read (its ``line``), what is asked for all of it (0: nothing), and why."""

    line: Annotated[str, Field(min_length=32, max_length=32)]
    cents: Annotated[int, Field(ge=0, le=10_000_000)]
    reason: Annotated[str, Field(min_length=3, max_length=500)]


class DraftLineOut(InvoiceLine):
    """A line of a draft, and what an agent made of it: ``asked_cents`` are what is asked."""

    line: str
    asked_cents: Cents
    corrected_by: str | None
    corrected_at: datetime | None
    why: str | None


class DraftOut(Output):
    """What would be on a family's invoice; it has no number. ``left_aside`` counts what has no
    price, by code."""

    draft: str
    family: str
    month: str
    total_cents: Cents
    lines: tuple[DraftLineOut, ...]
    left_aside: dict[LeftAsideCode, int]

    @classmethod
    def of(cls, draft: Draft) -> DraftOut:
        """The answer for a draft."""
        return cls(
            draft=draft.id, family=draft.family, month=draft.month,
            total_cents=draft.total_cents, left_aside=dict(draft.left_aside),
            lines=tuple(_line(draft, key, line) for key, line in draft.lines.items()),
        )  # fmt: skip


class DraftPage(Page[DraftOut]):
    """Drafts of a month. ``so_far``: for how many families they are made, while they are being
    made (again)."""

    so_far: int | None


class DraftMonthOut(Output):
    """A month is drafted: its invoices are issued from its drafts alone."""

    month: str
    drafts: int


def _line(draft: Draft, key: str, line: InvoiceLine) -> DraftLineOut:
    made = draft.corrections.get(key)
    return DraftLineOut(
        **dict(line), line=key, asked_cents=made.cents if made else line.total_cents,
        corrected_by=made and made.by, corrected_at=made and made.at, why=made and made.reason,
    )  # fmt: skip
