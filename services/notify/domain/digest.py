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
    """One accepted or refused line, as booking said it. Instants are aware; ``starts`` and
    ``ends`` are times of day, where the family chose them; ``answer`` is the label of the town's
    own, where an agent gave one."""

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
    units: tuple[str, ...]
    starts: str | None
    ends: str | None
    kind: str
    effect: str | None
    answer: str | None
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
    digest; ``late`` when it was decided before the window began, ``replaced_since`` when an
    earlier digest told of a later decision already.
    """

    outcome: Outcome
    replaces: datetime | None
    modifies: datetime | None
    late: bool
    replaced_since: datetime | None = None


#: The last decision of lines, by request and line.
LastDecisions = Mapping[tuple[str, str], datetime]


@dataclass(frozen=True, slots=True)
class Content:
    """Entries by child, in order of date; ``late`` ones apart; counts over what is in force.

    ``families`` are those of the children, in order.
    """

    families: Sequence[str]
    children: Mapping[str, Sequence[Entry]]
    late: Sequence[Entry]
    refused_first: Sequence[Entry]
    accepted: int
    refused: int


def compose(outcomes: Iterable[Outcome], window: Window, known: LastDecisions) -> Content:
    """The content of a digest over ``outcomes``, all of them decided before ``window.end``.

    ``known`` tells of lines decided again since, in digests that went before this one.
    """
    by_line: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in sorted(outcomes, key=lambda one: (one.decided_at, one.id)):
        by_line.setdefault((outcome.request, outcome.line), []).append(outcome)
    entries = sorted(
        (_entry(decisions, window, known.get(line)) for line, decisions in by_line.items()),
        key=lambda entry: (entry.outcome.date, entry.outcome.activity, entry.outcome.units),
    )
    children: dict[str, list[Entry]] = {}
    for entry in entries:
        if not entry.late:
            children.setdefault(entry.outcome.child, []).append(entry)
    in_force = [entry for entry in entries if entry.replaced_since is None]
    refused = [entry for entry in in_force if not entry.outcome.accepted]
    return Content(
        families=sorted({entry.outcome.family for entry in entries if not entry.late}),
        children=children,
        late=[entry for entry in entries if entry.late],
        refused_first=refused if len(entries) > _MANY else [],
        accepted=len(in_force) - len(refused),
        refused=len(refused),
    )


def told_now(outcome: Outcome) -> Entry:
    """The entry of an outcome that is told in a mail of its own, before its digest."""
    fresh = replace(outcome, told=False)
    return Entry(outcome=fresh, replaces=None, modifies=outcome.replaces_at, late=False)


def _entry(decisions: Sequence[Outcome], window: Window, known: datetime | None) -> Entry:
    last = decisions[-1]
    replaces = decisions[-2].decided_at if len(decisions) > 1 else None
    return Entry(
        outcome=last,
        replaces=replaces,
        modifies=last.replaces_at if replaces is None else None,
        late=last.decided_at < window.start,
        replaced_since=known if known and known > last.decided_at else None,
    )
