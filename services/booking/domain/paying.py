"""Lines that are paid before they are booked: what a payment, or none, makes of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from services.booking.domain.request import TOO_OFTEN, Line, to_be_paid
from shared.contracts.booking import Reason

UNPAID = Reason(
    code="unpaid", text="La réservation n'a pas été payée à temps : la place est rendue."
)
PAID_LATE = Reason(
    code="paid-late",
    text="Le paiement est arrivé après le délai et il n'y a plus de place :"
    " la somme est à votre crédit.",
)
TOO_OFTEN_BY_NOW = Reason(
    code="paid-late",
    text="Le paiement est arrivé après le délai et le nombre autorisé est atteint :"
    " la somme est à votre crédit.",
)


def paid(lines: Sequence[Line], now: datetime) -> tuple[Line, ...]:
    """The lines once what they cost is settled: those that waited for it are accepted."""
    return tuple(
        replace(
            line, state="accepted", decided_at=now, decided_by="rule", receipt=line.receipted,
            pay_until=None, hold_until=None,
        )
        if line.state == "to_pay"
        else line
        for line in lines
    )  # fmt: skip


def unpaid(
    lines: Sequence[Line], now: datetime, until: Literal["pay_until", "hold_until"], at: datetime
) -> tuple[Line, ...]:
    """The lines once nobody paid: those for which that time was over ``at`` this instant."""

    def over(line: Line) -> bool:
        end: datetime | None = getattr(line, until)
        return line.state == "to_pay" and end is not None and end <= at

    return tuple(
        replace(
            line, state="refused", reason=UNPAID, decided_at=now, decided_by="rule",
            receipt=line.receipted, pay_until=None, hold_until=None,
        )
        if over(line)
        else line
        for line in lines
    )  # fmt: skip


def to_try(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines with ``trying`` on those whose place was given back before the money came."""
    return tuple(
        replace(line, trying=True)
        if line.state == "refused" and line.reason == UNPAID and not line.held
        else line
        for line in lines
    )


def tried(
    lines: Sequence[Line],
    why_not: Mapping[str, Reason | None],
    had: Collection[str],
    now: datetime,
    holds: Mapping[str, timedelta] | None,
) -> tuple[Line, ...]:
    """The lines once their places were tried for again, some ``had``: booked, or, where the money
    has become credit (``holds``: how long each activity holds), to be paid from it; else refused
    for good, with all they are tied to."""

    def one(line: Line) -> Line:
        if not line.trying:
            return line
        claims = tuple(claim.anew for claim in line.claims)
        line = replace(line, trying=False, held=line.id in had, claims=claims)
        reason = why_not.get(line.id)
        if reason is not None:
            said = TOO_OFTEN_BY_NOW if reason == TOO_OFTEN else PAID_LATE
            return replace(line, reason=said, decided_at=now, decided_by="rule")
        if holds is not None:
            return to_be_paid(line, holds.get(line.activity, timedelta(0)), now)
        return replace(line, state="accepted", reason=None, decided_at=now, decided_by="rule")

    return tuple(map(one, lines))


def changed(before: Sequence[Line], after: Sequence[Line], states: Collection[str]) -> list[Line]:
    """The lines that are now in one of these states, by a decision that they had not before."""
    return [
        new
        for old, new in zip(before, after, strict=True)
        if new.state in states and (new.state, new.decided_at) != (old.state, old.decided_at)
    ]
