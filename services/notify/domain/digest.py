"""What a digest says of a family's outcomes: by child, in force, with what they replace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from services.notify.domain.windows import Window

#: Beyond this many lines, refusals are repeated at the top.
_MANY = 10


@dataclass(frozen=True, slots=True)
class Outcome:
    """One accepted or refused line, as booking said it. Instants are aware."""

    id: str
    family: str
    account: str
    request: str
    number: str
    requested_at: datetime
    line: str
    child: str
    activity: str
    date: date
    unit: str
    accepted: bool
    reason: str | None
    decided_at: datetime
    agent: str | None
    replaces_at: datetime | None
    told: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """An outcome in force.

    ``replaces`` is an earlier decision within the same digest, ``modifies`` one of an earlier
    digest; ``late`` when it was decided before the window began.
    """

    outcome: Outcome
    replaces: datetime | None
    modifies: datetime | None
    late: bool


@dataclass(frozen=True, slots=True)
class Content:
    """Entries by child, in order of date; ``late`` ones apart; counts over both.

    ``families`` are those of the children, in order.
    """

    families: Sequence[str]
    children: Mapping[str, Sequence[Entry]]
    late: Sequence[Entry]
    refused_first: Sequence[Entry]
    accepted: int
    refused: int


def compose(outcomes: Iterable[Outcome], window: Window) -> Content:
    """The content of a digest over ``outcomes``, all of them decided before ``window.end``."""
    by_line: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda one: (one.decided_at, one.id)):
        by_line.setdefault((outcome.request, outcome.line), []).append(outcome)
    entries = sorted(
        (_entry(decisions, window) for decisions in by_line.values()),
        key=lambda entry: (entry.outcome.date, entry.outcome.activity, entry.outcome.unit),
    )
    children: dict[str, list[Entry]] = {}
    for entry in entries:
        if not entry.late:
            children.setdefault(entry.outcome.child, []).append(entry)
    refused = [entry for entry in entries if not entry.outcome.accepted]
    in_force = [entry.outcome.family for entry in entries if not entry.late]
    return Content(
        families=sorted(set(in_force)),
        children=children,
        late=[entry for entry in entries if entry.late],
        refused_first=refused if len(entries) > _MANY else [],
        accepted=len(entries) - len(refused),
        refused=len(refused),
    )


def told_now(outcome: Outcome) -> Entry:
    """The entry of an outcome that is told in a mail of its own, before its digest."""
    fresh = replace(outcome, told=False)
    return Entry(outcome=fresh, replaces=None, modifies=outcome.replaces_at, late=False)


def _entry(decisions: Sequence[Outcome], window: Window) -> Entry:
    last = decisions[-1]
    replaces = decisions[-2].decided_at if len(decisions) > 1 else None
    return Entry(
        outcome=last,
        replaces=replaces,
        modifies=last.replaces_at if replaces is None else None,
        late=last.decided_at < window.start,
    )
