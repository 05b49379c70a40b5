"""A quotient familial that the CAF or the MSA says, in a dossier: accepted, or proposed.

The town's rule for the field decides, as for what a family types. One that was agreed by hand for
the same month is never overwritten: what the fund says then waits beside it for an agent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from services.family.domain.household import HOUSEHOLD, Change
from services.family.domain.work import Work
from shared.ids import derived_id

FIELD = "quotients"
_BY_HAND = frozenset({"family", "desk"})


@dataclass(frozen=True, slots=True)
class ReceivedQuotient:
    """``value`` in euros from the month ``effect`` on. ``certain``: it is about this household."""

    value: Decimal
    effect: date
    source: Literal["caf", "msa"]
    certain: bool = True


def receive(work: Work, request: str, received: ReceivedQuotient) -> None:
    """Take in what a fund says; nothing when the dossier has it already, or keeps no quotient."""
    ruled = work.rules.find("household", FIELD)
    held = [one for one in work.family.quotients if one.effect == received.effect]
    if ruled is None or any(_same(one, received) for one in held):
        return
    stored = work.stored(HOUSEHOLD, ruled, {
        "value": str(received.value), "effect": received.effect.isoformat(),
        "source": received.source,
    })  # fmt: skip
    waiting = [one for one in work.family.waiting() if one.act == "set" and one.field == FIELD]
    if any(one.value == stored for one in waiting):
        return
    change = Change(
        id=derived_id("change", request, "0"), request=request, act="set", member=HOUSEHOLD,
        field=FIELD, value=stored, by=work.setting.by, at=work.setting.now,
    )  # fmt: skip
    by_hand = any(one.source in _BY_HAND for one in held)
    trusted = work.actor.at_once or ruled.validation == "automatic"
    for earlier in waiting:
        work.settle(earlier, "replaced")
    if received.certain and trusted and not by_hand:
        work.put(HOUSEHOLD, ruled, stored)
        change = change.model_copy(
            update={"state": "accepted", "value": None, "decided_by": change.by,
                    "decided_at": change.at}
        )  # fmt: skip
    work.keep(change)


def households(told: Sequence[str], known: Mapping[str, Sequence[date]]) -> list[str]:
    """Which of these families (with their children's birth dates) a fund's answer is about.

    The one that shares the most birth dates with the fund's; all of them when none stands out.
    ``told`` dates have 00 for a month or day that is not known.
    """
    shared = {
        family: sum(any(_fits(one, born) for one in told) for born in children)
        for family, children in known.items()
    }
    best = max(shared.values(), default=0)
    closest = [family for family, count in shared.items() if count == best]
    return closest if len(closest) == 1 else list(known)


def _fits(told: str, born: date) -> bool:
    return all(
        part in (own, "00", "0000")
        for part, own in zip(told.split("-"), born.isoformat().split("-"), strict=False)
    )


def _same(held: object, received: ReceivedQuotient) -> bool:
    return (getattr(held, "value", None), getattr(held, "source", None)) == (
        received.value, received.source,
    )  # fmt: skip
