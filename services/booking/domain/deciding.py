"""What an agent may decide of a request's lines, and what becomes of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from services.booking.domain.request import FULL, NOT_OFFERED, TAKEN, Line, outcome_of
from shared.contracts.booking import Answered, DecidedLine, GiveBack, Reason

LineResult = Literal[
    "accepted",
    "refused",
    "already-decided",
    "full",
    "already-booked",
    "not-offered",
    "not-possible",
    "not-found",
    "answer-unknown",
    "give-back-missing",
    "booked-together",
]


@dataclass(frozen=True, slots=True)
class Wish:
    """What an agent wants of one line; a refusal has its reason. ``answer``: the town's own;
    ``give_back``: what a cancelled day gives back. ``invalid``: why it cannot be carried out."""

    line: str
    accept: bool
    reason: Reason | None = None
    answer: Answered | None = None
    give_back: GiveBack | None = None
    invalid: LineResult | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The lines after a decision, each wish's result, and the outcomes to be said."""

    lines: tuple[Line, ...]
    results: Mapping[str, LineResult]
    accepted: tuple[DecidedLine, ...]
    refused: tuple[DecidedLine, ...]

    @property
    def to_free(self) -> bool:
        """Whether a place is to be given back, or a booking to be told of its end."""
        return any(line.to_finish for line in self.lines)


def together(lines: Sequence[Line], wishes: Sequence[Wish]) -> list[Wish]:
    """The wishes, of which those are not valid that would part a whole week that waits."""
    wanted = {wish.line: wish.accept for wish in wishes}
    verdicts: dict[str, set[bool | None]] = defaultdict(set)
    for line in lines:
        if line.tie and line.state == "requested":
            verdicts[line.tie].add(wanted.get(line.id))
    parted = {
        line.id
        for line in lines
        if line.tie and line.state == "requested" and len(verdicts[line.tie]) > 1
    }
    return [
        replace(wish, invalid=wish.invalid or "booked-together") if wish.line in parted else wish
        for wish in wishes
    ]


def tried(
    lines: Sequence[Line], wishes: Sequence[Wish], *, batch: str, now: datetime
) -> tuple[Line, ...]:
    """The lines with ``trying`` on those that an agent accepts and that hold no place yet."""
    accepting = {wish.line: wish for wish in wishes if wish.accept}
    return tuple(
        replace(line, trying=True)
        if line.id in accepting
        and not line.held
        and line.books
        and _result(line, accepting[line.id], {}, batch, now) == "accepted"
        else line
        for line in lines
    )


def decide(
    lines: Sequence[Line],
    wishes: Sequence[Wish],
    full: Mapping[str, Reason],
    to_give_back: Collection[str] = (),
    *,
    agent: str,
    batch: str,
    now: datetime,
) -> Verdict:
    """An agent's decision on some lines of one request.

    ``full`` says for which accepted lines no place was to be had; those ``to_give_back`` have one
    all the same (a day they are tied to is gone), until it is given back. A line decided before by
    the same ``batch`` keeps its result, so a repeated command changes nothing; one decided the same
    way by another, or not before ``now`` (the instant of this decision, which may be resumed
    late), is ``already-decided``; one decided the other way earlier is decided anew.
    """
    by_id = {line.id: line for line in lines}
    results: dict[str, LineResult] = {}
    accepted: list[DecidedLine] = []
    refused: list[DecidedLine] = []
    for wish in wishes:
        line = by_id.get(wish.line)
        result = _result(line, wish, full, batch, now)
        results[wish.line] = result
        if line is None or result not in ("accepted", "refused") or line.batch == batch:
            continue
        after = _decided(line, wish, agent, batch, now)
        by_id[line.id] = after
        (accepted if wish.accept else refused).append(outcome_of(after, before=line))
    after_all = tuple(
        replace(by_id[line.id], trying=False)
        if line.id in full and line.id not in to_give_back
        else by_id[line.id]
        for line in lines
    )
    return Verdict(after_all, results, tuple(accepted), tuple(refused))


#: What an agent is told of a place that was not to be had.
_NO_PLACE: dict[str, LineResult] = {
    FULL.code: "full", TAKEN.code: "already-booked", NOT_OFFERED.code: "not-offered",
}  # fmt: skip


def _result(
    line: Line | None, wish: Wish, full: Mapping[str, Reason], batch: str, now: datetime
) -> LineResult:
    if line is None:
        return "not-found"
    wanted: LineResult = "accepted" if wish.accept else "refused"
    if line.batch == batch:
        return wanted
    if wish.invalid is not None:
        return wish.invalid
    if line.ending or line.state == "to_pay":  # what waits about it is decided first
        return "not-possible"
    over = line.state == "refused" if line.books else line.state != "requested"
    if line.ended or line.state == "withdrawn" or (line.of is not None and over):
        return "already-decided"
    if line.state == wanted or (line.decided_at is not None and line.decided_at >= now):
        return "already-decided"
    if (wrong := _wrong(line, wish)) is not None:
        return wrong
    if wish.accept and line.id in full:
        return _NO_PLACE.get(full[line.id].code, "not-possible")
    return wanted


def _wrong(line: Line, wish: Wish) -> LineResult | None:
    """Why an agent's wish does not go with a line, or None: only a cancelled day gives something
    back, and where the town leaves that to an agent it has to be said."""
    if wish.give_back is not None and not line.frees:
        return "not-possible"
    if wish.accept and line.give_back_asked and wish.give_back is None:
        return "give-back-missing"
    return None


def _decided(line: Line, wish: Wish, agent: str, batch: str, now: datetime) -> Line:
    common = replace(
        line, decided_at=now, decided_by="agent", agent=agent, batch=batch,
        receipt=line.receipted, answer=wish.answer,
    )  # fmt: skip
    if wish.accept:
        common = replace(
            common, state="accepted", reason=None, held=line.books, trying=False,
            claims=tuple(claim.anew for claim in line.claims),
        )  # fmt: skip
        return _given_back(common, wish.give_back) if wish.give_back else common
    return replace(common, state="refused", reason=wish.reason)


def _given_back(line: Line, choice: GiveBack) -> Line:
    """A cancellation by what an agent chose to give back; with nothing the day stays due, and no
    proof is waited for."""
    if choice != "nothing":
        return replace(line, give_back=choice)
    return replace(line, give_back=choice, effect="billed", proof=None)
