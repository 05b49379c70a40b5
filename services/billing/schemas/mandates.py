"""Request and response models of direct debit. An IBAN is masked but where it says otherwise."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from services.billing.domain.debits.mandates import (
    DirectDebit,
    EndReason,
    Kind,
    Mandate,
    MandateState,
    Wish,
    WishState,
)
from services.billing.domain.months import Month, first_day
from shared.contracts.town_file import TownFile
from shared.french import of_month
from shared.web.routes import Input, Output, Page, PageQuery

_Id = Annotated[str, Field(min_length=1, max_length=60)]
_Reason = Annotated[str, Field(min_length=3, max_length=300)]
#: The letters that banks take, accents and all: they are written without when a file is made.
_Holder = Annotated[
    str,
    Field(min_length=2, max_length=70, pattern=r"^[A-Za-zÀ-ÖØ-öø-ÿŒœ][A-Za-zÀ-ÖØ-öø-ÿŒœ '’.-]*$"),
]


class FamilyIn(Input):
    """Of which family."""

    family: _Id


class DebitRecapIn(FamilyIn):
    """Step 1: OUI or NON."""

    direct_debit: bool


class RequestIn(FamilyIn):
    """OUI, with the account to collect from. ``counts_from``: what the recap showed. ``guardian``:
    whose account it is, where an agent enters the request; else it is the bearer's."""

    iban: Annotated[str, Field(min_length=15, max_length=42, description="Spaces are allowed")]
    bic: Annotated[str, Field(min_length=8, max_length=14)] | None = None
    holder: Annotated[_Holder, Field(description="The account's holder, as the bank writes it")]
    agreed: Annotated[
        Literal[True], Field(description="The holder gives the mandate, as its text says")
    ]
    agreed_on: date
    kind: Annotated[Kind, Field(description="`one_off`: one collection, and no other")] = (
        "recurrent"
    )
    counts_from: Month
    guardian: _Id | None = None


class AcceptanceIn(Input):
    """The request as it was read; ``signed_on``: the date on a mandate signed on paper."""

    request: _Id
    signed_on: date | None = None


class RefusalIn(Input):
    """The request as it was read, and why it is not accepted, for the family to read."""

    request: _Id
    reason: _Reason


class EndIn(Input):
    """Why the office ends a mandate; ``after_next``: one more collection is the last."""

    reason: _Reason
    after_next: bool = False


class WishOut(Output):
    """A request. ``reason``: why it was refused."""

    request: str
    guardian: str
    account: Annotated[str, Field(description="The IBAN, masked")]
    kind: Kind
    agreed_on: date
    counts_from: str
    asked_at: datetime
    state: WishState
    since: datetime
    reason: str | None

    @classmethod
    def of(cls, wish: Wish) -> WishOut:
        """The answer for a request."""
        same = wish.model_dump(include=set(cls.model_fields) - {"account"})
        return cls.model_validate({**same, "request": wish.id, "account": wish.bank.shown})


class MandateOut(Output):
    """A mandate: ``reference`` is the RUM, ``creditor`` the ICS."""

    reference: str
    creditor: str
    creditor_title: str
    guardian: str
    account: Annotated[str, Field(description="The IBAN, masked")]
    kind: Kind
    signed_on: date
    counts_from: str
    state: MandateState
    since: datetime
    ended_for: EndReason | None
    reason: str | None
    used_on: Annotated[date | None, Field(description="The day of its latest collection")]
    lapses_on: date
    last: Annotated[bool, Field(description="The next collection is to be the last")]

    @classmethod
    def of(cls, mandate: Mandate) -> MandateOut:
        """The answer for a mandate."""
        same = mandate.model_dump(include=set(cls.model_fields) - {"account"})
        more = {"account": mandate.bank.shown, "lapses_on": mandate.lapses_on}
        return cls.model_validate({**same, **more})


class DirectDebitOut(Output):
    """A family's direct debit: OUI or NON, the latest request, the mandate in force, those that
    ended. A change would count from the invoice of ``next_month``; None where nobody asks that.

    ``offered``: whether the town's office collects from bank accounts.
    """

    id: str
    family: str
    office: str
    offered: bool
    direct_debit: bool
    request: WishOut | None
    mandate: MandateOut | None
    past: tuple[MandateOut, ...]
    next_month: str | None

    @classmethod
    def of(
        cls, debit: DirectDebit, file: TownFile, next_month: str | None = None
    ) -> DirectDebitOut:
        """The answer for a family."""
        return cls(
            id=debit.id, family=debit.family, office=debit.office, direct_debit=debit.on,
            offered=file.collection_office.direct_debit is not None,
            request=debit.wish and WishOut.of(debit.wish),
            mandate=debit.mandate and MandateOut.of(debit.mandate),
            past=tuple(MandateOut.of(one) for one in debit.past), next_month=next_month,
        )  # fmt: skip


class DebitRecapOut(Output):
    """What a choice would mean: ``counts_from`` goes with a request, and ``text`` is shown."""

    family: str
    direct_debit: bool
    counts_from: str
    text: str

    @classmethod
    def of(cls, family: str, month: str, file: TownFile, *, wanted: bool) -> DebitRecapOut:
        """The recap of a wish."""
        office = file.collection_office.direct_debit
        said = f"à partir de celle {of_month(first_day(month))}"
        text = (
            f"Vos factures seront prélevées sur votre compte, {said}, une fois votre demande"
            f" acceptée par la régie. Vous serez prévenu {office.notice_days if office else 0}"
            " jours avant chaque prélèvement."
            if wanted
            else "Vos factures ne seront plus prélevées : vous les paierez vous-même. Un"
            " prélèvement déjà annoncé peut encore avoir lieu."
        )
        return cls(family=family, direct_debit=wanted, counts_from=month, text=text)


class BankDetailsOut(Output):
    """Bank details in full; this reading is recorded."""

    family: str
    iban: str
    bic: str | None
    holder: str
    bank: Annotated[str | None, Field(description="The bank's name, where it is known")]


class DirectDebitQuery(PageQuery):
    """Which direct debits; those that are ``waiting`` wait for an agent."""

    state: Literal["waiting", "active", "suspended", "none"] | None = None


class DirectDebitPage(Page[DirectDebitOut]):
    """The town's direct debits."""
