"""The online invoice: whether a family reads its invoices on line or gets them on paper (BI7)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from services.billing.domain.months import first_day
from shared.contracts.town_file import CollectionOffice
from shared.errors import Refused
from shared.french import of_month

Delivery = Literal["online", "paper"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a family chose. ``counts_from``: the month of the first invoice it could count for."""

    town: str
    family: str
    online: bool
    counts_from: str
    chosen_at: datetime
    account: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a family's invoices reach it now; ``next_month`` is that of the first invoice for which
    another choice would count."""

    family: str
    online: bool
    choice: Choice | None
    next_month: str


def delivery(office: CollectionOffice, choice: Choice | None) -> Delivery:
    """How an invoice that is issued now reaches the family: as it chose, else as the town does."""
    if choice is None:
        return "online" if office.online_invoices == "for_all" else "paper"
    return "online" if choice.online else "paper"


def recap(online: bool, month: str) -> str:
    """What is asked to be validated, in the family's words."""
    how = "en ligne, et non plus sur papier" if online else "sur papier"
    return f"Vos factures vous parviendront {how}, à partir de celle {of_month(first_day(month))}."


def check_month(shown: str, now: str) -> None:
    """What was shown still holds. Raises ``Refused``: ``month-changed``."""
    if shown != now:
        raise Refused(
            "month-changed",
            "Une facture vient d'être émise : votre choix comptera à partir de la suivante."
            " Relisez le récapitulatif.",
            field="/counts_from",
        )


def next_invoiced(this_month: date, previous: str, *, previous_issued: bool) -> str:
    """The month of the next invoice: the one before is invoiced once it is over."""
    return f"{this_month:%Y-%m}" if previous_issued else previous
