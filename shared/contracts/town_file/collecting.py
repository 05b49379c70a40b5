"""The régie that collects, and how it may be paid."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.banking import bic_of, creditor_of, iban_of
from shared.contracts.town_file.parts import Part, Slug, Text, unique


class PayFip(Part):
    """The régie as the DGFiP registered it. ``entry_mode``: ``T`` to test, nothing real is paid;
    ``X`` to activate, real cards are charged; ``W`` in production. The town says which: agents are
    warned while it is not ``W``."""

    client_number: Annotated[str, Field(pattern=r"^[0-9]{6}$")]
    entry_mode: Literal["T", "X", "W"]


#: What is handed over at a desk.
DeskMeans = Literal["desk_card", "cheque", "cash", "cesu", "holiday_voucher"]


class AcceptedMeans(Part):
    """A means of payment that the régie takes at its desk: for all, or for these ``activities`` and
    children below an age in years. ``note``: what families should know of it."""

    means: DeskMeans
    activities: tuple[Slug, ...] = ()
    age_below: Annotated[int, Field(ge=1, le=25)] | None = None
    note: Text | None = None


class DirectDebit(Part):
    """The régie as banks know it: ``creditor`` is its SEPA identifier (ICS), given by its bank,
    ``creditor_title`` what debtors read on their statements; ``iban`` and ``bic`` are of its own
    account (DFT). Files are written in the version that its bank takes.

    Families are told ``notice_days`` before: fewer than fourteen are to be agreed in the mandate.
    ``most_rejections`` in a row suspend it.
    """

    creditor: str
    creditor_title: Annotated[str, Field(min_length=1, max_length=70)]
    iban: str
    bic: str
    version: Literal["pain.008.001.02", "pain.008.001.08"] = "pain.008.001.08"
    notice_days: Annotated[int, Field(ge=2, le=60)] = 14
    most_rejections: Annotated[int, Field(ge=1, le=10)] = 2

    @model_validator(mode="after")
    def _good(self) -> DirectDebit:
        creditor_of(self.creditor)
        if iban_of(self.iban) != self.iban or bic_of(self.bic) != self.bic:
            raise ValueError("un IBAN et un BIC s'écrivent en capitales, sans espaces.")
        return self


class CollectionOffice(Part):
    """The régie that collects; ``code`` heads its invoice numbers. Without ``payfip`` nothing is
    paid on line, without ``direct_debit`` nothing is collected from bank accounts.

    Printed on invoices: the lines of its postal ``address``, the ``siret`` of the town, and how to
    ``contest`` what is asked, in the town's words.

    ``online_invoices``: who chose nothing reads invoices on line (``for_all``), or gets paper until
    they join (``on_request``).

    Families see their invoices under ``headings``: that of the office (its ``label``), or those of
    how they are billed, in the town's words. ``month_end``: invoices are issued by themselves once
    the month is over, or drafted for agents, who read, correct and issue them.
    """

    code: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,6}$")]
    label: Text
    address: Annotated[tuple[Text, ...], Field(max_length=5)] = ()
    siret: Annotated[str, Field(pattern=r"^[0-9]{14}$")] | None = None
    contest: Text | None = None
    due_days: Annotated[int, Field(ge=1, le=120)] = 30
    payfip: PayFip | None = None
    direct_debit: DirectDebit | None = None
    means: tuple[AcceptedMeans, ...] = ()
    month_end: Literal["automatic", "draft"] = "automatic"
    online_invoices: Literal["for_all", "on_request"] = "for_all"
    headings: Literal["office", "billing"] = "office"
    in_arrears: Text = "Post-facturation"
    at_booking: Text = "Paiement à la réservation"

    def heading(self, billing: Literal["pay_in_arrears", "pay_at_booking"]) -> str:
        """The heading of invoices that are billed so."""
        if self.headings == "office":
            return self.label
        return self.at_booking if billing == "pay_at_booking" else self.in_arrears

    @model_validator(mode="after")
    def _each_once(self) -> CollectionOffice:
        unique("means", (one.means for one in self.means))
        return self
