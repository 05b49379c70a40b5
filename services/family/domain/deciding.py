"""Agents decide what families ask, change by change; families take back what nobody decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.family.domain.changes import join, leave
from services.family.domain.household import Change
from services.family.domain.kinds import Wrong
from services.family.domain.work import EDITORS, Work, owner_of_change
from shared.errors import Refused, forbidden, not_found


@dataclass(frozen=True, slots=True)
class Decision:
    """What an agent decides of one change; a refusal has a reason."""

    change: str
    accept: bool
    reason: str | None = None


def decide(work: Work, decisions: Sequence[Decision]) -> dict[str, str]:
    """Decide changes one by one; the state of each afterwards, which for one that no longer waited
    is the state that it had.

    Raises ``Refused``: ``not-found``, ``forbidden``, ``reason-missing``, ``value-outdated`` when
    a value is no longer admitted.
    """
    states: dict[str, str] = {}
    for decision in decisions:
        change = next((one for one in work.family.changes if one.id == decision.change), None)
        if change is None:
            raise not_found("cette modification")
        if not change.waits:
            states[change.id] = change.state
            continue
        if not may_decide(work, change):
            raise forbidden()
        if decision.accept:
            _accept(work, change)
        elif decision.reason:
            work.settle(change, "refused", decision.reason)
        else:
            raise Refused("reason-missing", "Un refus a un motif.", status=422)
        work.touch(change)
        states[change.id] = "accepted" if decision.accept else "refused"
    return states


def may_decide(work: Work, change: Change) -> bool:
    """Whether the agent may decide it: whoever may not read a field does not judge it."""
    owner = owner_of_change(work.family, change)
    if not work.actor.roles & EDITORS or owner is None:
        return False
    named = list(change.value) if change.act == "add" else [change.field]
    ruled = [work.rules.find(owner, name) for name in named]
    return all(one is None or work.actor.reads(one) for one in ruled)


def _accept(work: Work, change: Change) -> None:
    try:
        if change.act == "add":
            join(work, change)
        elif change.act == "set":
            owner = owner_of_change(work.family, change)
            ruled = work.rules.find(owner, change.field) if owner else None
            if ruled is None:
                raise Wrong("la commune ne tient plus ce champ.")
            work.put(change.member, ruled, change.value, change)
            work.check_collector(change.member)
    except Wrong as wrong:
        raise Refused("value-outdated", f"Cette valeur n'est plus admise : {wrong}") from wrong
    work.settle(change, "accepted")
    if change.act == "remove":
        leave(work, change.member)


def withdraw(work: Work, change_id: str) -> None:
    """A family takes back what nobody has decided; twice is once.

    Raises ``Refused``: ``not-found``, ``already-decided``.
    """
    change = next((one for one in work.family.changes if one.id == change_id), None)
    if change is None or not _theirs(work, change):
        raise not_found("cette modification")
    if change.state == "withdrawn":
        return
    if not change.waits:
        raise Refused("already-decided", "Cette modification a déjà reçu une réponse.")
    work.settle(change, "withdrawn")
    work.touch(change)


def _theirs(work: Work, change: Change) -> bool:
    owner = owner_of_change(work.family, change)
    if owner is None:
        return False
    if change.act == "add" and not work.actor.agent:
        return work.may_change("household", change.member)
    return work.may_change(owner, change.member)
