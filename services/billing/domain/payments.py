"""Payments: what a family means to pay on line, what came of it, and when to ask again.

A payment on line ends by PayFiP's word alone. Source of the states and of the schedule:
``design/payfip.md``, section 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.billing.domain.payfip import Detail, Fault, NoAnswer
from shared.money import Cents

Means = Literal[
    "payfip", "direct_debit", "desk_card", "cheque", "cash", "cesu", "holiday_voucher"
]  # fmt: skip
#: As families read them.
MEANS: Mapping[Means, str] = {
    "payfip": "en ligne (PayFiP)", "direct_debit": "prélèvement",
    "desk_card": "carte bancaire au guichet", "cheque": "chèque", "cash": "espèces",
    "cesu": "chèque emploi service universel (CESU)",
    "holiday_voucher": "chèque-vacances (ANCV)",
}  # fmt: skip
State = Literal[
    "created",
    "redirected",
    "pending",
    "refused",
    "abandoned",
    "expired",
    "undetermined",
    "paid",
    "reversed",
]
#: Why nobody can tell: a letter never heard of, or an answer about something else.
Problem = Literal["unknown-letter", "amount", "reference", "client-number"]

_FOUND: frozenset[State] = frozenset({"paid", "refused", "abandoned", "expired", "undetermined"})
#: What may follow a state. A payment is undone by an agent alone, whatever PayFiP says; anything
#: else may still become one: who abandoned or was refused may pay on the same page.
MOVES: Mapping[State, frozenset[State]] = {
    "created": frozenset({"redirected", "expired"}),
    "redirected": _FOUND | {"pending"},
    "pending": _FOUND,
    "refused": _FOUND - {"refused", "expired"},
    "abandoned": _FOUND - {"abandoned", "expired"},
    "expired": _FOUND - {"expired"},
    "undetermined": _FOUND - {"undetermined"},
    "paid": frozenset({"reversed"}),
    "reversed": frozenset(),
}
#: PayFiP is asked about these no more.
SETTLED: frozenset[State] = frozenset({"paid", "reversed"})
_LETTERS: Mapping[str, State] = {
    "P": "paid", "V": "paid", "R": "refused", "Z": "refused", "A": "abandoned"
}  # fmt: skip
_MINUTES = (1, 2, 5, 10, 15, 20, 30, 60, 120, *range(180, 24 * 60 + 1, 60))
_DAYS = range(2, 8)
_SCHEDULE = (
    *(timedelta(minutes=one) for one in _MINUTES), *(timedelta(days=one) for one in _DAYS)
)  # fmt: skip
#: The page opens within fifteen minutes, and may be paid for as long again.
PAGE_LIVES = timedelta(minutes=15)
_PURGED_AFTER = timedelta(minutes=30)
#: Without a result for so long, none is expected; it is asked for all the same.
_EXPIRES_AFTER = timedelta(minutes=120)
#: What the guide of the web service wants between two tries after a technical error.
_AFTER_ERROR = timedelta(minutes=30)


class Part(BaseModel):
    """What of a payment is meant for an invoice, in cents."""

    model_config = ConfigDict(frozen=True)

    invoice: str
    cents: Cents


class Reversal(BaseModel):
    """Why a payment did not hold, which agent says so, and when."""

    model_config = ConfigDict(frozen=True)

    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment. ``payer`` is the guardian who pays, where that is known; ``account`` whoever
    entered it. ``reference``: what is written on a cheque or a voucher. Instants are the town's
    clock.

    On line: ``idop`` and ``refdet`` are PayFiP's and ours for the page that was opened; ``letter``
    and ``authorisation`` are PayFiP's. ``returned_at``: when a browser last came back from that
    page. ``answered_at``: when PayFiP last said something of it. ``next_ask``: when it will be
    asked again, None when not.
    ``untold``: what follows from its state, on the account or for agents, is not done yet.
    """

    id: str
    town: str
    office: str
    family: str
    payer: str | None
    account: str
    means: Means
    cents: int
    parts: tuple[Part, ...]
    state: State
    created_at: datetime
    since: datetime
    body_hash: str
    numcli: str = ""
    refdet: str | None = None
    idop: str | None = None
    opened_at: datetime | None = None
    returned_at: datetime | None = None
    answered_at: datetime | None = None
    letter: str | None = None
    authorisation: str | None = None
    problem: Problem | None = None
    next_ask: datetime | None = None
    untold: bool = False
    reference: str | None = None
    reversal: Reversal | None = None

    @property
    def invoices(self) -> tuple[str, ...]:
        return tuple(one.invoice for one in self.parts)


@dataclass(frozen=True, slots=True)
class Finding:
    """What an answer of PayFiP comes to. ``answered``: it said something of this payment."""

    state: State
    next_ask: datetime | None
    answered: bool
    letter: str | None = None
    authorisation: str | None = None
    problem: Problem | None = None


def next_ask(opened_at: datetime, now: datetime) -> datetime | None:
    """When to ask next about a page opened then; None after a week."""
    return next((opened_at + after for after in _SCHEDULE if opened_at + after > now), None)


def may_still_be_paid(payment: Payment, now: datetime) -> bool:
    """Whether a page that was opened for it, or is being opened, may be paid at any moment."""
    opened = payment.opened_at or payment.created_at
    return payment.state not in SETTLED and now - opened < 2 * PAGE_LIVES


def may_be_asked(payment: Payment, now: datetime) -> bool:
    """Whether PayFiP may be asked about it by the schedule, or need not be."""
    if payment.idop is None or payment.state in SETTLED:
        return True
    return payment.next_ask is not None and payment.next_ask <= now


def was_answered(payment: Payment) -> bool:
    """Whether PayFiP has said something of it since its page may be paid no longer."""
    said = payment.answered_at
    return said is not None and not may_still_be_paid(payment, said)


def is_awaited(payment: Payment, now: datetime) -> bool:
    """Whether its result is waited for: the payer came back from a page that may still be paid, or
    have been, and nobody knows yet. Who pays again meanwhile may pay twice."""
    unknown = payment.state in ("redirected", "pending")
    return unknown and payment.returned_at is not None and may_still_be_paid(payment, now)


def found(payment: Payment, said: Detail | Fault | NoAnswer | None, now: datetime) -> Finding:
    """What comes of a payment by what PayFiP said just now; None when it has no page to ask about:
    nobody can have paid there, nor will once it has waited too long."""
    opened = payment.opened_at or payment.created_at
    age, later = now - opened, next_ask(opened, now)
    if said is None:
        over = age > _PURGED_AFTER
        return Finding("expired" if over else payment.state, None if over else later, answered=True)
    if isinstance(said, Detail):
        return _by_letter(payment, said, now, later)
    if isinstance(said, NoAnswer) or said.kind != "functional":
        waits = later and max(later, now + _AFTER_ERROR) if isinstance(said, Fault) else later
        return _unheard(payment, waits)
    if said.code == "P5" and payment.state in ("redirected", "pending"):
        return Finding("expired" if age >= _EXPIRES_AFTER else "pending", later, answered=True)
    if said.code == "P1" and age > _PURGED_AFTER:
        gone = _moved(payment.state, "expired")
        return Finding(gone, None, answered=True, letter=payment.letter, problem=payment.problem,
                       authorisation=payment.authorisation)  # fmt: skip
    if said.code in ("P1", "P5"):
        return _unchanged(payment, later, answered=True)
    return _unheard(payment, later)


def _by_letter(payment: Payment, said: Detail, now: datetime, later: datetime | None) -> Finding:
    problem = _mismatch(payment, said)
    state = _LETTERS.get(said.result)
    if problem or state is None:
        return Finding(
            "undetermined", later, answered=True, letter=said.result,
            authorisation=said.authorisation, problem=problem or "unknown-letter",
        )  # fmt: skip
    return Finding(
        state, None if _final(payment, state, now) else later, answered=True, letter=said.result,
        authorisation=said.authorisation,
    )  # fmt: skip


def _mismatch(payment: Payment, said: Detail) -> Problem | None:
    if said.montant != payment.cents:
        return "amount"
    if said.refdet != payment.refdet:
        return "reference"
    return "client-number" if said.numcli != payment.numcli else None


def _final(payment: Payment, state: State, now: datetime) -> bool:
    """A refusal and an abandon are final once the page can be paid on no longer."""
    if state == "paid":
        return True
    opened = payment.opened_at or payment.created_at
    since = payment.since if payment.state == state else now
    return now - opened > 2 * PAGE_LIVES and now - since >= PAGE_LIVES


def unless_hinted(finding: Finding, payment: Payment) -> Finding:
    """What was found of a payment whose next question was moved meanwhile: something more may have
    come of it than was said, so it stays where it is, if that is earlier."""
    if finding.state in SETTLED or payment.next_ask is None:
        return finding
    return replace(finding, next_ask=min(payment.next_ask, finding.next_ask or payment.next_ask))


def _unheard(payment: Payment, later: datetime | None) -> Finding:
    """Nothing was said of it. Nobody asks for ever: after the last time it has expired."""
    finding = _unchanged(payment, later, answered=False)
    over = later is None and payment.state in ("redirected", "pending")
    return replace(finding, state="expired") if over else finding


def _unchanged(payment: Payment, later: datetime | None, *, answered: bool) -> Finding:
    return Finding(payment.state, later, answered, payment.letter, payment.authorisation,
                   payment.problem)  # fmt: skip


def _moved(before: State, after: State) -> State:
    return after if after in MOVES[before] else before
