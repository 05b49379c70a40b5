"""Accounts: what a family owes and is owed; refunds that the Treasury makes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from services.billing.domain.accounts import Account, Transfer
from shared.money import Cents
from shared.web.routes import Input, Output, Page

_Amount = Annotated[int, Field(ge=1, le=10_000_000, description="Cents of a euro")]


class CreditOfPayment(Output):
    """What of a payment is credit; ``payer`` is the guardian who paid, where that is known."""

    payment: str
    payer: str | None
    cents: Cents


class AccountOut(Output):
    """A family's account with a collection office. ``credit_cents`` settles the next invoice by
    itself; below zero, the family owes back what was refunded. ``unpaid_cents`` can be paid now;
    ``carried_cents`` will be asked with the next invoice."""

    family: str
    office: str
    credit_cents: Cents
    unpaid_cents: Cents
    carried_cents: Cents
    to_transfer_cents: Cents
    credit_of: Annotated[
        tuple[CreditOfPayment, ...], Field(description="Whose credit it is: said to agents alone")
    ]

    @classmethod
    def of(cls, account: Account, *, sources: bool = True) -> AccountOut:
        """The answer for an account; with or without the ``sources`` of its credit."""
        debts = account.debts.values()
        return cls(
            family=account.holder.family, office=account.holder.office,
            credit_cents=account.credit_cents,
            unpaid_cents=sum(one.unpaid for one in debts if one.state == "open"),
            carried_cents=sum(one.carry for one in debts),
            to_transfer_cents=sum(one.cents for one in account.transfers),
            credit_of=tuple(
                CreditOfPayment(payment=key, payer=account.sources[key].payer, cents=cents)
                for key, cents in account.credit.items()
                if sources and cents > 0 and not account.sources[key].granted
            ),
        )  # fmt: skip


class CreditIn(Input):
    """Credit that the town gives, and why."""

    cents: _Amount
    reason: Annotated[str, Field(min_length=3, max_length=500)]


class RefundIn(Input):
    """Credit to be given back by transfer: that of the ``payment`` named, else the oldest."""

    cents: _Amount
    payment: Annotated[str, Field(min_length=1, max_length=40)] | None = None


class TransferPayer(Output):
    """A guardian who paid what is given back; ``name`` as the family is known by now, if it is."""

    guardian: str
    name: str | None
    cents: Cents


class TransferOut(Output):
    """A refund to be made by transfer; ``payments`` are those whose money it was."""

    transfer: str
    family: str
    office: str
    cents: Cents
    payments: tuple[str, ...]
    payers: tuple[TransferPayer, ...]

    @classmethod
    def of(cls, account: Account, transfer: Transfer, names: Mapping[str, str]) -> TransferOut:
        """The answer for a refund; ``names`` of guardians by id."""
        paid: Counter[str] = Counter()
        for source, cents in transfer.parts.items():
            if payer := account.sources[source].payer:
                paid[payer] += cents
        return cls(
            payers=tuple(
                TransferPayer(guardian=one, name=names.get(one), cents=cents)
                for one, cents in paid.items()
            ),
            transfer=transfer.id, family=account.holder.family, office=account.holder.office,
            cents=transfer.cents, payments=tuple(transfer.parts),
        )  # fmt: skip


class TransferPage(Page[TransferOut]):
    """Refunds to be made: all those of at most ``limit`` families."""
