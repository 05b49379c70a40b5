"""A family's request: its lines, what settles them, and what an agent may decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal

from shared.contracts.booking import (
    DecidedLine,
    LineState,
    NotRetained,
    Period,
    Reason,
    Replaced,
)

State = Literal["asked", "requested", "accepted", "refused"]
LineResult = Literal["accepted", "refused", "already-decided", "full", "not-found", "not-settled"]


@dataclass(frozen=True, slots=True)
class Line:
    """One child, one session, one unit.

    ``hold`` numbers the places this line has held: a freed one is never taken again. ``held``
    says whether the current one may be in the session. ``receipt`` is what the acknowledgement
    said, kept once a later decision says otherwise.
    """

    id: str
    child: str
    activity: str
    date: date
    unit: str
    state: State = "asked"
    reason: Reason | None = None
    decided_at: datetime | None = None
    decided_by: Literal["rule", "agent"] | None = None
    agent: str | None = None
    batch: str | None = None
    cancel_until: datetime | None = None
    hold: int = 1
    held: bool = False
    receipt: tuple[LineState, Reason | None] | None = None

    def hold_id(self, request: str) -> str:
        """What the session knows this line's place by."""
        return f"{request}-{self.id}-{self.hold}"

    @property
    def receipted(self) -> tuple[State, Reason | None]:
        """State and reason as the acknowledgement gave them."""
        return self.receipt or (self.state, self.reason)


@dataclass(frozen=True, slots=True)
class Mode:
    """How an activity decides: by itself within places, or by an agent with or without a hold."""

    automatic: bool
    holds: bool

    @property
    def needs_place_at_once(self) -> bool:
        """Whether a line takes its place when it is asked."""
        return self.automatic or self.holds


FULL = Reason(code="full", text="Il n'y a plus de place ce jour-là.")
TAKEN = Reason(code="already-booked", text="Cet enfant a déjà une réservation pour ce moment.")


def settle(line: Line, mode: Mode, granted: Reason | None, now: datetime) -> Line:
    """What becomes of a line once its place was tried for; ``granted`` is why not, or None."""
    if line.state != "asked":
        return line
    if mode.needs_place_at_once and granted is not None:
        return replace(line, state="refused", reason=granted, decided_at=now, decided_by="rule")
    if mode.automatic:
        return replace(line, state="accepted", held=True, decided_at=now, decided_by="rule")
    return replace(line, state="requested", held=mode.holds)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an agent wants of one line; a refusal has its reason."""

    line: str
    accept: bool
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The lines after a decision, each wish's result, and the outcomes to be said."""

    lines: tuple[Line, ...]
    results: Mapping[str, LineResult]
    accepted: tuple[DecidedLine, ...]
    refused: tuple[DecidedLine, ...]

    @property
    def changed(self) -> bool:
        """Whether anything is to be saved."""
        return bool(self.accepted or self.refused)

    @property
    def to_free(self) -> bool:
        """Whether a refused line still holds its place."""
        return any(line.state == "refused" and line.held for line in self.lines)


def lines_needing_place(lines: Sequence[Line], wishes: Sequence[Wish]) -> list[Line]:
    """The lines that an agent accepts and that hold no place yet, ready for a fresh one."""
    wanted = {wish.line for wish in wishes if wish.accept}
    return [
        line
        for line in lines
        if line.id in wanted and line.state in ("requested", "refused") and not line.held
    ]


def decide(
    lines: Sequence[Line],
    wishes: Sequence[Wish],
    full: Mapping[str, Reason],
    *,
    agent: str,
    batch: str,
    now: datetime,
) -> Verdict:
    """An agent's decision on some lines of one request.

    ``full`` says for which accepted lines no place was to be had. A line decided before by the
    same ``batch`` keeps its result, so a repeated command changes nothing; one decided the same
    way by another is ``already-decided``; one decided the other way is decided anew.
    """
    by_id = {line.id: line for line in lines}
    results: dict[str, LineResult] = {}
    accepted: list[DecidedLine] = []
    refused: list[DecidedLine] = []
    for wish in wishes:
        line = by_id.get(wish.line)
        result = _result(line, wish, full, batch)
        results[wish.line] = result
        if line is None or result not in ("accepted", "refused") or _done(line, wish, batch):
            continue
        after = _decided(line, wish, agent, batch, now)
        by_id[line.id] = after
        (accepted if wish.accept else refused).append(outcome_of(after, before=line))
    return Verdict(
        tuple(by_id[line.id] for line in lines), results, tuple(accepted), tuple(refused)
    )


def _result(line: Line | None, wish: Wish, full: Mapping[str, Reason], batch: str) -> LineResult:
    if line is None:
        return "not-found"
    if line.state == "asked":
        return "not-settled"
    if line.state == ("accepted" if wish.accept else "refused") and line.batch != batch:
        return "already-decided"
    if wish.accept and line.id in full:
        return "full"
    return "accepted" if wish.accept else "refused"


def _done(line: Line, wish: Wish, batch: str) -> bool:
    return line.batch == batch and line.state == ("accepted" if wish.accept else "refused")


def _decided(line: Line, wish: Wish, agent: str, batch: str, now: datetime) -> Line:
    receipt = line.receipt or (_as_said(line.state), line.reason)
    common = replace(
        line, decided_at=now, decided_by="agent", agent=agent, batch=batch, receipt=receipt
    )
    if wish.accept:
        return replace(common, state="accepted", reason=None, held=True)
    return replace(common, state="refused", reason=wish.reason)


def _as_said(state: State) -> LineState:
    if state == "asked":
        raise ValueError("a line is settled before it is said")
    return state


def outcome_of(line: Line, before: Line | None = None) -> DecidedLine:
    """The outcome to be said; ``before`` is the line as an earlier decision left it."""
    replaced = None
    if before is not None and before.decided_at is not None:
        replaced = Replaced(decided_at=before.decided_at, accepted=before.state == "accepted")
    return DecidedLine(
        line=line.id,
        child=line.child,
        activity=line.activity,
        date=line.date,
        unit=line.unit,
        receipted=before is None,
        reason=line.reason,
        replaces=replaced,
    )


def freed(line: Line) -> Line:
    """A refused line after its place was given back: the next place it holds is another."""
    return replace(line, held=False, hold=line.hold + 1)


@dataclass(frozen=True, slots=True)
class Request:
    """One act of a family; ``v`` is the version read, the guard of the next write.

    ``unfinished``: places are still to be taken or given back.
    """

    id: str
    town: str
    family: str
    account: str
    channel: str
    number: str
    requested_at: datetime
    body_hash: str
    periods: tuple[Period, ...]
    lines: tuple[Line, ...]
    not_retained: tuple[NotRetained, ...]
    unfinished: bool
    v: int

    def only(self, children: set[str]) -> Request:
        """The request as far as it concerns these children."""
        return replace(
            self,
            lines=tuple(line for line in self.lines if line.child in children),
            not_retained=tuple(one for one in self.not_retained if one.child in children),
        )


@dataclass(frozen=True, slots=True)
class Session:
    """What a recap needs of a session: places left and who among some children is in."""

    id: str
    left: Mapping[str, int]
    capacity: Mapping[str, int]
    version: int
    holders: Mapping[str, Mapping[str, str]]
