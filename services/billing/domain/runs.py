"""Month ends: what was asked, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from services.billing.domain.invoicing import LeftAside, LeftAsideCode
from shared.ids import derived_id

#: Who asked when nobody did: the month was over.
BY_ITSELF = "rule"
MOST_SHOWN = 200


class LeftAsideLine(BaseModel):
    """A charge left aside, with what is needed to find it."""

    model_config = ConfigDict(frozen=True)

    charge: str
    family: str
    child: str
    activity: str
    unit: str
    day: date
    code: LeftAsideCode

    @classmethod
    def of(cls, left: LeftAside) -> LeftAsideLine:
        """The line that tells of a charge."""
        one = left.charge
        return cls(
            charge=one.id, family=one.family, child=one.child, activity=one.activity,
            unit=one.unit, day=one.day, code=left.code,
        )  # fmt: skip


class Outcome(BaseModel):
    """What a month end did: counts of invoices and of charges, the first of those left aside."""

    model_config = ConfigDict(frozen=True)

    invoices: int
    total_cents: int
    left_aside: int
    lines: tuple[LeftAsideLine, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A month end of a town; ``outcome`` is None until it is through."""

    id: str
    town: str
    month: str
    asked_by: str
    asked_at: datetime
    body_hash: str | None = None
    outcome: Outcome | None = None


def run_by_itself(town: str, month: str) -> str:
    """The id of the month end that nobody asks for: one per town and month."""
    return derived_id("month-end", town, month)


def run_once_more(town: str, month: str, request: str, decided_at: datetime) -> str:
    """The id of the month end that such a decision on a month that has ended asks for."""
    return derived_id("month-end", town, month, request, decided_at.isoformat())
