"""What an agent answers, in the town's own words where there are some (row BO11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shared.contracts.booking import Answered, Reason
from shared.contracts.town_file import TownFile


@dataclass(frozen=True, slots=True)
class Said:
    """A yes or a no, the reason of a refusal, and the town's own answer as it reads now;
    ``unknown``: the town has no such answer."""

    accept: bool
    reason: Reason | None = None
    answer: Answered | None = None
    unknown: bool = False


def said_with(
    file: TownFile,
    outcome: Literal["accepted", "refused"] | None,
    answer: str | None,
    words: str | None,
) -> Said:
    """What an agent says by an ``outcome`` or one of the town's answers, in ``words`` of their own
    or not; the town's answer is the reason of a refusal that has no other."""
    reason = Reason(code="agent", text=words) if words else None
    if answer is None:
        return Said(outcome == "accepted", reason)
    own = file.answer(answer)
    if own is None:
        return Said(accept=False, unknown=True)
    accept = own.outcome == "accept"
    if not accept:
        reason = reason or Reason(code="town-answer", text=own.label)
    return Said(accept, reason, Answered(code=own.code, label=own.label, colour=own.colour))
