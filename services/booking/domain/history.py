"""What has happened to a request since it was asked: when, by whom, to which lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.booking.domain.acts import Act, By, Origin, What
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
    found: dict[tuple[datetime, What, By, str | None, str | None], list[str]] = {}
    for old, new in zip(before, after, strict=True):
        if new.decided_at is None or (new.state, new.decided_at) == (old.state, old.decided_at):
            continue
        if new.state == "asked" or new.state == "requested" or new.state == "to_pay":
            continue
        by: By = new.decided_by or "rule"
        account = new.agent
        if new.state == "withdrawn" and withdrawn_by is not None:
            by, account = withdrawn_by.by, withdrawn_by.account
        said = new.answer.label if new.answer else None
        reason = new.reason.text if new.reason else said
        found.setdefault((new.decided_at, new.state, by, account, reason), []).append(new.id)
    asked = (withdrawn_by.channel, withdrawn_by.guardian) if withdrawn_by else (None, None)
    return [
        Act(
            at, what, tuple(lines), by, account, reason, None, None,
            *(asked if what == "withdrawn" else (None, None)),
        )
        for (at, what, by, account, reason), lines in found.items()
    ]  # fmt: skip


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
