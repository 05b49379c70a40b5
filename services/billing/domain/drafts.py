"""Drafts of a month's invoices: what agents read and correct before anything is issued.

A draft has no number. A correction is about a line as it was read: once the line is another, it
holds no longer. What is issued is what was read, or nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from services.billing.domain.corrections import Entry
from services.billing.domain.invoicing import InvoiceLine, LeftAsideCode, Priced
from shared.ids import derived_id
from shared.money import Cents


class Correction(BaseModel):
    """What an agent makes of a line: ``cents`` for all of it (0: nothing is asked), and why."""

    model_config = ConfigDict(frozen=True)

    line: str
    cents: Cents
    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Draft:
    """What would be on a family's invoice: ``lines`` as priced, by key, and their corrections.
    ``left_aside`` counts the charges without a price, by code."""

    id: str
    town: str
    family: str
    month: str
    lines: Mapping[str, InvoiceLine]
    corrections: Mapping[str, Correction]
    left_aside: Mapping[LeftAsideCode, int]

    @property
    def total_cents(self) -> int:
        kept = self.corrections
        return sum(
            kept[key].cents if key in kept else line.total_cents for key, line in self.lines.items()
        )


def draft_id(town: str, family: str, month: str) -> str:
    """A family has one draft per month."""
    return derived_id("draft", town, family, month)


def keyed(lines: Sequence[InvoiceLine]) -> dict[str, InvoiceLine]:
    """Lines by a key that derives from all that is on them."""
    return {derived_id("draft-line", line.model_dump_json()): line for line in lines}


def corrected(reckoned: Priced, draft: Draft) -> Priced | None:
    """What is to be issued of a draft; None where something is priced otherwise since."""
    lines = keyed(reckoned.lines)
    if lines.keys() != draft.lines.keys():
        return None
    shown, entries = [], list(reckoned.entries)
    for key, line in lines.items():
        correction = draft.corrections.get(key)
        if correction is None:
            shown.append(line)
            continue
        reason = "; ".join(part for part in (line.reason, correction.reason) if part)
        shown.append(
            line.model_copy(
                update={
                    "count": 1, "price_cents": correction.cents,
                    "total_cents": correction.cents, "reason": reason,
                }
            )
        )  # fmt: skip
        entries = _spread(entries, line, correction.cents - line.total_cents)
    return replace(reckoned, lines=tuple(shown), entries=tuple(entries))


def _spread(entries: Sequence[Entry], line: InvoiceLine, more: int) -> list[Entry]:
    """The entries with ``more`` cents (or less) billed for those of a line, none below nothing."""
    days, spread = set(line.days), []
    for entry in entries:
        of_line = (entry.child, entry.activity, entry.what) == (
            line.child, line.activity, line.what,
        ) and entry.day in days and entry.units == line.units  # fmt: skip
        change = max(more, -entry.cents) if of_line else 0
        more -= change
        spread.append(entry.model_copy(update={"cents": entry.cents + change}))
    return spread
