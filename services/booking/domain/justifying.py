"""A line that is free once proved: the proof accepted, or none in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.booking.domain.proving import Came
from services.booking.domain.request import Line
from services.booking.domain.rules.proofs import proof_over
from shared.contracts.booking import Reason

WRONG_PROOF = Reason(
    code="wrong-proof", text="Ce type de justificatif n'est pas accepté pour cette demande."
)


def waits_for_proof(line: Line) -> bool:
    """Whether a proof would change what an accepted line comes to."""
    return line.proof is not None and line.state == "accepted" and line.ended is None


def may_still_come(line: Line, at: datetime) -> bool:
    """Whether a proof that comes at an instant is in time."""
    return line.proof_until is None or at < proof_over(line.proof_until)


def proved(line: Line, kind: str, at: datetime) -> Line | Reason:
    """The line once a proof of that kind is accepted, at an instant; or why it proves nothing."""
    came = line.proof.kinds.get(kind) if line.proof else None
    return WRONG_PROOF if came is None else _become(line, came, at)


def unproved(line: Line, at: datetime) -> Line:
    """The line once no proof can come any more: the town's rule without it."""
    return line if line.proof is None else _become(line, line.proof.unproved, at)


def _become(line: Line, came: Came, at: datetime) -> Line:
    after = replace(
        line, effect=came.effect, settled_by=came.settled_by, surcharge=came.surcharge,
        give_back=line.give_back if came.effect == "cancelled" else None, proof=None,
        decided_at=at, decided_by="rule", agent=None, batch=None,
        receipt=line.receipted,
    )  # fmt: skip
    if came.refused is None:
        return after
    return replace(after, state="refused", reason=came.refused)
