"""Proofs of absences, and of whatever else is free once proved: given, accepted or refused, or not
there in time. What a line then comes to was settled when it was asked (``justifying``)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.booking.domain.given import Given
from services.booking.domain.justifying import (
    WRONG_PROOF,
    may_still_come,
    proved,
    unproved,
    waits_for_proof,
)
from services.booking.domain.proving import NOT_PROVED
from services.booking.domain.request import Line, outcome_of
from services.booking.domain.rules.proofs import proof_over
from shared.contracts.booking import DecidedLine, Reason

ProofResult = Literal[
    "accepted",
    "refused",
    "already-decided",
    "replaced",
    "not-given",
    "not-possible",
    "not-found",
]

NOTHING_TO_PROVE = Reason(
    code="nothing-to-prove", text="Aucun justificatif n'est attendu pour cette demande."
)
TOO_LATE = Reason(code="proof-too-late", text="Le délai pour envoyer ce justificatif est dépassé.")
REFUSED = Reason(
    code="proof-refused",
    text="Le justificatif n'a pas été accepté. Vous pouvez en envoyer un autre dans le délai.",
)


def give(lines: Sequence[Line], wanted: Collection[str], given: Given) -> tuple[Line, ...] | Reason:
    """The lines with a proof given for those ``wanted``, or for all that wait for one; why it is
    none, and then of no line. It may be replaced while nobody has decided on it."""
    chosen = {line.id for line in lines if (line.id in wanted if wanted else _awaits(line))}
    for line in lines:
        if line.id in chosen and (why_not := _why_not(line, given)) is not None:
            return why_not
    if not chosen:
        return NOTHING_TO_PROVE
    return tuple(
        replace(line, given=_next(line, given)) if line.id in chosen else line for line in lines
    )


def _next(line: Line, given: Given) -> Given:
    revision = line.given.revision + 1 if line.given else 1
    return given.model_copy(update={"revision": revision})


def _awaits(line: Line) -> bool:
    return line.proof is not None and line.state in ("requested", "accepted") and not line.ended


def _why_not(line: Line, given: Given) -> Reason | None:
    if not _awaits(line) or line.proof is None:
        return NOTHING_TO_PROVE
    if given.kind not in line.proof.kinds:
        return WRONG_PROOF
    return None if may_still_come(line, given.given_at) else TOO_LATE


@dataclass(frozen=True, slots=True)
class ProofWish:
    """What an agent wants of the proof of one line, the one of the ``revision`` that was seen; a
    refusal has its reason."""

    line: str
    revision: int
    accept: bool
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """The lines after proofs were decided on, each wish's result, and what is to be said anew."""

    lines: tuple[Line, ...]
    results: dict[str, ProofResult]
    accepted: tuple[DecidedLine, ...] = ()
    refused: tuple[DecidedLine, ...] = ()

    @property
    def to_free(self) -> bool:
        """Whether a place is to be given back."""
        return any(line.gives_back or line.gives_up for line in self.lines)


def judge(
    lines: Sequence[Line], wishes: Sequence[ProofWish], *, agent: str, batch: str, now: datetime
) -> Judged:
    """An agent's answer to the proofs of some lines. A proof that is refused may be followed by
    another while there is time. What the same ``batch`` decided before keeps its result."""
    by_line = {wish.line: wish for wish in wishes}
    known = {line.id: line for line in lines}
    results = {wish.line: _result(known.get(wish.line), wish, batch, now) for wish in wishes}
    after = [
        _judged(line, by_line[line.id], agent, batch, now)
        if results.get(line.id) in ("accepted", "refused") and not _by(line, batch)
        else line
        for line in lines
    ]
    return _said(lines, after, results)


def _by(line: Line, batch: str) -> bool:
    return line.given is not None and line.given.batch == batch


def _result(line: Line | None, wish: ProofWish, batch: str, now: datetime) -> ProofResult:
    if line is None:
        return "not-found"
    given = line.given
    if given is None:
        return "not-given"
    if _by(line, batch):
        return "accepted" if wish.accept else "refused"
    if given.revision != wish.revision:
        return "replaced"
    if given.state != "given" or given.given_at > now:
        return "already-decided"
    if not waits_for_proof(line) or line.ending:
        return "not-possible"
    return "accepted" if wish.accept else "refused"


def _judged(line: Line, wish: ProofWish, agent: str, batch: str, now: datetime) -> Line:
    if line.given is None:
        raise ValueError("a proof is decided on once it is given")
    given = line.given.model_copy(
        update={
            "state": "accepted" if wish.accept else "refused", "agent": agent,
            "reason": wish.reason, "batch": batch,
        }
    )  # fmt: skip
    if wish.accept:
        came = proved(line, given.kind, now)
        if isinstance(came, Reason):
            raise ValueError(came.code)
        after = replace(came, reason=None)
    elif may_still_come(line, now):
        after = replace(line, reason=REFUSED, decided_at=now, batch=None, receipt=line.receipted)
    else:
        after = _unproved(line, now)
    return replace(after, given=given, decided_by="agent", agent=agent)


def _unproved(line: Line, now: datetime) -> Line:
    after = unproved(line, now)
    return replace(after, reason=after.reason if after.state == "refused" else NOT_PROVED)


def overdue(lines: Sequence[Line], now: datetime) -> Judged:
    """The lines once those are settled whose proof has not come, or was refused, and can come no
    more. What was given in time waits for an agent, however long."""
    after = [_unproved(line, now) if _is_overdue(line, now) else line for line in lines]
    return _said(lines, after, {})


def _is_overdue(line: Line, now: datetime) -> bool:
    return _stands_unproved(line) and not may_still_come(line, now)


def _stands_unproved(line: Line) -> bool:
    undecided = line.given is not None and line.given.state != "refused"
    return waits_for_proof(line) and not line.ending and not undecided


def prove_by(lines: Sequence[Line]) -> datetime | None:
    """The first instant at which one of these lines is overdue; None when none ever is. One whose
    end waits for an agent is not, until that is decided."""
    ends = [line.proof_until for line in lines if _stands_unproved(line)]
    return min((proof_over(until) for until in ends if until is not None), default=None)


def _said(before: Sequence[Line], after: Sequence[Line], results: dict[str, ProofResult]) -> Judged:
    changed = [(old, new) for old, new in zip(before, after, strict=True) if new is not old]
    accepted, refused = (
        tuple(outcome_of(new, before=old) for old, new in changed if new.state == state)
        for state in ("accepted", "refused")
    )
    return Judged(tuple(after), results, accepted, refused)
