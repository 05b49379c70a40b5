"""What moves a family's account (see ``domain.accounts``), each by its own id.

Ids are keys of documents: no dot or dollar sign in them.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.ids import derived_id

#: What a family can pay on line at least (PayFiP's minimum): a smaller rest is carried over.
MINIMUM_CENTS = 100


@dataclass(frozen=True, slots=True)
class Owe:
    """An invoice is due: credit settles it by itself, small rests of earlier ones join it.

    ``id`` is the invoice's. ``request``: the booking request whose places wait for it.
    """

    id: str
    cents: int
    request: str | None = None
    minimum_cents: int = MINIMUM_CENTS


@dataclass(frozen=True, slots=True)
class Receive:
    """Money came in for these invoices, in this order; what they do not need becomes credit.

    ``id`` is the payment's, ``payer`` the guardian who paid.
    """

    id: str
    cents: int
    invoices: tuple[str, ...] = ()
    payer: str | None = None


@dataclass(frozen=True, slots=True)
class Reverse:
    """A payment did not hold (a cheque without funds, a mistake at the desk)."""

    id: str
    payment: str


@dataclass(frozen=True, slots=True)
class Grant:
    """The town gives credit that nobody paid, for a reason."""

    id: str
    cents: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Reduce:
    """Less is due of an invoice: ``id`` is the credit note's. What was paid for it and is due no
    longer becomes credit, or is to be transferred (``refund``)."""

    id: str
    invoice: str
    cents: int
    refund: bool = False


@dataclass(frozen=True, slots=True)
class Refund:
    """Credit is to be given back by transfer: that of a ``payment``, or the oldest there is."""

    id: str
    cents: int
    payment: str | None = None


@dataclass(frozen=True, slots=True)
class Void:
    """An invoice is called off that was never settled; what was paid already becomes credit. Any
    other is reduced instead."""

    id: str
    invoice: str


@dataclass(frozen=True, slots=True)
class Keep:
    """What an invoice is for is given before it is paid: it is due as any other, and called off no
    longer."""

    id: str
    invoice: str


@dataclass(frozen=True, slots=True)
class Transferred:
    """A refund was handed over to the Treasury: it is to be made no longer."""

    id: str
    transfer: str


@dataclass(frozen=True, slots=True)
class Collect:
    """These invoices are to be collected ``on`` that day (ISO) by a debit, as far as they are to be
    paid and no other debit collects them: until then nobody pays them otherwise."""

    id: str
    debit: str
    on: str
    invoices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """A debit collects nothing, or no longer: its invoices are to be paid as any other. ``id`` is
    its ``release_id``: a debit is released once, and nothing is set apart for it after that."""

    id: str
    debit: str


def release_id(debit: str) -> str:
    """The id of the movement that releases what a debit was to collect."""
    return derived_id("release", debit)


Movement = (
    Owe
    | Receive
    | Reverse
    | Grant
    | Reduce
    | Refund
    | Void
    | Keep
    | Transferred
    | Collect
    | Release
)
