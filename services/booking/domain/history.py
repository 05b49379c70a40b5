"""What has happened to a request since it was asked: when, by whom, to which lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.booking.domain.acts import Act, Origin, What
from services.booking.domain.proving import NOT_PROVED
from services.booking.domain.request import Line, Request
from shared.contracts.booking import LineKind

_ENDED: dict[LineKind, What] = {
    "book": "changed", "change": "changed", "cancel": "cancelled", "absence": "absent",
}  # fmt: skip


def acts_between(
    before: Sequence[Line], after: Sequence[Line], withdrawn_by: Origin | None = None
) -> list[Act]:
    """What a write of the lines does to them: one act for those to whom the same was done at the
    same instant."""
    found: dict[Act, list[str]] = {}
    for old, new in zip(before, after, strict=True):
        act = _of_proof(old, new) or _of_decision(old, new, withdrawn_by)
        if act is not None:
            found.setdefault(act, []).append(new.id)
    return [replace(act, lines=tuple(lines)) for act, lines in found.items()]


def _of_proof(old: Line, new: Line) -> Act | None:
    """That a proof was given, accepted or refused, or can be given no more."""
    given = new.given
    if given is not None and given != old.given and given.state == "given":
        by = Origin(given.account, given.channel, given.guardian)
        return Act(
            given.given_at, "proof_given", (), by.by, by.account, channel=by.channel,
            guardian=by.guardian, command=given.command, body_hash=given.body_hash,
        )  # fmt: skip
    if new.decided_at is None:
        return None
    if given is not None and given != old.given:
        accepted = given.state == "accepted"
        return Act(
            new.decided_at, "proof_accepted" if accepted else "proof_refused", (), "agent",
            given.agent, given.reason,
        )  # fmt: skip
    if old.proof is not None and new.proof is None:
        return Act(new.decided_at, "proof_missing", (), "rule", reason=NOT_PROVED.text)
    return None


def _of_decision(old: Line, new: Line, withdrawn_by: Origin | None) -> Act | None:
    if new.decided_at is None or (new.state, new.decided_at) == (old.state, old.decided_at):
        return None
    if new.state == "asked" or new.state == "requested" or new.state == "to_pay":
        return None
    said = new.answer.label if new.answer else None
    reason = new.reason.text if new.reason else said
    if new.state == "withdrawn" and withdrawn_by is not None:
        return Act(
            new.decided_at, "withdrawn", (), withdrawn_by.by, withdrawn_by.account, reason,
            channel=withdrawn_by.channel, guardian=withdrawn_by.guardian,
        )  # fmt: skip
    return Act(new.decided_at, new.state, (), new.decided_by or "rule", new.agent, reason)


def ended(by: Request, line: Line, booking: str) -> Act:
    """What a booking (its line's id) learns of the line of another request that ended it."""
    if line.decided_at is None:
        raise ValueError("the end of a booking has its instant")
    return Act(
        line.decided_at, _ENDED[line.kind], (booking,), by.origin.by, by.account, request=by.id,
        number=by.number, channel=by.channel, guardian=by.guardian,
    )  # fmt: skip


def seen(acts: Sequence[Act], lines: Sequence[Line]) -> list[Act]:
    """The acts as far as they concern these lines."""
    shown = {line.id for line in lines}
    kept = [(act, tuple(one for one in act.lines if one in shown)) for act in acts]
    return [replace(act, lines=some) for act, some in kept if some]
