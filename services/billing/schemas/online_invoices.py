"""Request and response models of the online invoice."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from services.billing.domain.months import Month
from services.billing.domain.online_invoices import Standing, recap
from shared.web.routes import Input, Output

_Id = Annotated[str, Field(min_length=1, max_length=60)]


class FamilyQuery(Input):
    """Whose invoices."""

    family: _Id


class WishIn(Input):
    """Step 1: OUI or NON."""

    family: _Id
    online: bool


class ChoiceIn(WishIn):
    """Step 2: what the recap showed, to be validated."""

    counts_from: Month


class OnlineInvoiceOut(Output):
    """How a family's invoices reach it; ``chosen_at`` is None when nobody chose, and the town's
    habit counts. A change would count from the invoice of ``next_month``."""

    family: str
    online: bool
    chosen_at: datetime | None
    counts_from: str | None
    next_month: str

    @classmethod
    def of(cls, standing: Standing) -> OnlineInvoiceOut:
        """The answer for a family."""
        choice = standing.choice
        return cls(
            family=standing.family, online=standing.online, next_month=standing.next_month,
            chosen_at=choice and choice.chosen_at, counts_from=choice and choice.counts_from,
        )  # fmt: skip


class RecapOut(Output):
    """What step 2 validates: ``counts_from`` goes with it, and ``text`` is shown."""

    family: str
    online: bool
    counts_from: str
    text: str

    @classmethod
    def of(cls, standing: Standing, *, online: bool) -> RecapOut:
        """The recap of a wish."""
        month = standing.next_month
        return cls(family=standing.family, online=online, counts_from=month,
                   text=recap(online, month))  # fmt: skip
