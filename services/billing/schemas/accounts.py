"""Accounts: what a family owes and is owed; refunds that the Treasury makes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from services.billing.domain.accounts import Account, Transfer
from shared.money import Cents
from shared.web.routes import Input, Output

_Amount = Annotated[int, Field(ge=1, le=10_000_000, description="Cents of a euro")]


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

    @classmethod
    def of(cls, account: Account) -> AccountOut:
        """The answer for an account."""
        debts = account.debts.values()
        return cls(
            family=account.holder.family, office=account.holder.office,
            credit_cents=account.credit_cents,
            unpaid_cents=sum(one.unpaid for one in debts if one.state == "open"),
            carried_cents=sum(one.carry for one in debts),
            to_transfer_cents=sum(one.cents for one in account.transfers),
        )  # fmt: skip


class CreditIn(Input):
    """Credit that the town gives, and why."""

    cents: _Amount
    reason: Annotated[str, Field(min_length=3, max_length=500)]


class RefundIn(Input):
    """Credit to be given back by transfer."""

    cents: _Amount


class TransferOut(Output):
    """A refund to be made by transfer; ``payments`` are those whose money it was."""

    transfer: str
    family: str
    office: str
    cents: Cents
    payments: tuple[str, ...]

    @classmethod
    def of(cls, account: Account, transfer: Transfer) -> TransferOut:
        """The answer for a refund."""
        return cls(
            transfer=transfer.id, family=account.holder.family, office=account.holder.office,
            cents=transfer.cents, payments=tuple(transfer.parts),
        )  # fmt: skip


class TransfersOut(Output):
    """Refunds to be made, at most those of 200 families."""

    transfers: tuple[TransferOut, ...]
