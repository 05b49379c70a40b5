"""A family's request: its lines, what settles them, and what an agent may decide."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from services.booking.domain.acts import Act, Origin
from services.booking.domain.allowances import Claim
from services.booking.domain.given import Given
from services.booking.domain.proving import Proving
from shared.contracts.booking import (
    Answered,
    ContactChannel,
    DecidedLine,
    Effect,
    GiveBack,
    LineKind,
    NotRetained,
    Override,
    Period,
    Reason,
    Replaced,
    Surcharged,
)
from shared.errors import Refused

State = Literal["asked", "requested", "to_pay", "accepted", "refused", "withdrawn"]
#: States of lines that are settled.
SettledState = Literal["requested", "to_pay", "accepted", "refused", "withdrawn"]
#: Kinds of lines that are bookings once accepted, and states in which a family counts on them.
BOOKS: frozenset[LineKind] = frozenset(("book", "change"))
STANDS: frozenset[State] = frozenset(("requested", "to_pay", "accepted"))
#: Nothing came of it, and nothing will.
_OUT: tuple[State, ...] = ("refused", "withdrawn")


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is said of a line that is settled; ``proofs`` are the kinds that would prove it."""

    state: SettledState
    reason: Reason | None
    decided_at: datetime | None
    effect: Effect | None = None
    surcharge: Surcharged | None = None
    give_back: GiveBack | None = None
    proofs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """What is booked of an activity: units, times where the family chooses them, how many."""

    units: tuple[str, ...]
    starts: time | None = None
    ends: time | None = None
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Line:
    """One participant (``child``: of a child or an adult the id), one session, the units booked in
    it; ``starts`` and ``ends`` where the family chooses its times, ``quantity`` where it is a
    number. Lines of one ``tie`` are granted all or none.

    A line of another ``kind`` is about a booking, the one that ``of`` names (``request-line``),
    whose units it ``was``: it changes its units, or ends it. ``frees``: its place is given back
    when accepted, or stays taken (an absence told too late), with its ``effect`` on the bill by
    the rule ``settled_by``; ``by_agent``: an agent decides; ``closed`` once the booking knows. The
    booking has ``ending`` while such a line waits, then ``ended`` or ``absent``.

    A line that is ``to_pay`` holds its place: for sure until ``pay_until``, and until
    ``hold_until`` where nobody says what became of the payment.

    ``effect: to_prove``: what it comes to hangs on a ``proof`` that has to be there by
    ``proof_until``; ``given`` is what came. ``give_back``: what becomes of a price paid already
    for a cancelled day; ``give_back_asked``: the agent who decides has to say. ``answer``: the
    town's own.
    """

    id: str
    child: str
    activity: str
    date: date
    units: tuple[str, ...]
    starts: time | None = None
    ends: time | None = None
    quantity: int = 1
    tie: str | None = None
    kind: LineKind = "book"
    of: str | None = None
    was: tuple[str, ...] = ()
    surcharge: Surcharged | None = None
    overridden: tuple[Override, ...] = ()
    claims: tuple[Claim, ...] = ()
    frees: bool = False
    by_agent: bool = False
    effect: Effect | None = None
    settled_by: str | None = None
    proof: Proving | None = None
    proof_until: datetime | None = None
    given: Given | None = None
    give_back: GiveBack | None = None
    give_back_asked: bool = False
    closed: bool = False
    ending: str | None = None
    ended: str | None = None
    absent: str | None = None
    state: State = "asked"
    reason: Reason | None = None
    decided_at: datetime | None = None
    decided_by: Literal["rule", "agent"] | None = None
    agent: str | None = None
    answer: Answered | None = None
    batch: str | None = None
    cancel_until: datetime | None = None
    cancel_from: datetime | None = None
    cancel_always: bool = False
    pay_until: datetime | None = None
    hold_until: datetime | None = None
    hold: int = 1
    held: bool = False
    trying: bool = False
    receipt: Receipt | None = None

    def hold_id(self, request: str) -> str:
        """What the session knows this line's place by."""
        return f"{request}-{self.id}-{self.hold}"

    @property
    def choice(self) -> Choice:
        """What is booked of the activity."""
        return Choice(self.units, self.starts, self.ends, self.quantity)

    @property
    def booked(self) -> dict[str, Any]:
        """What is booked, as events and answers name it."""
        return {
            "child": self.child, "activity": self.activity, "date": self.date,
            "units": self.units, "starts": self.starts, "ends": self.ends,
            "quantity": self.quantity,
        }  # fmt: skip

    @property
    def books(self) -> bool:
        """Whether it is a booking once accepted: a new one, or a changed one."""
        return self.kind in BOOKS

    @property
    def fresh(self) -> tuple[str, ...]:
        """The units to be granted: those that a changed booking keeps are held already."""
        return tuple(unit for unit in self.units if unit not in self.was)

    @property
    def gone(self) -> frozenset[str]:
        """The units that a changed booking gives up."""
        return frozenset(self.was) - frozenset(self.units)

    @property
    def active(self) -> bool:
        """Whether the family counts on it: it waits for an answer or to be paid, or is accepted,
        and stands."""
        return self.state in STANDS and self.ended is None

    @property
    def gives_back(self) -> bool:
        """Whether its place, if it has one, has to be given back."""
        return self.trying or (self.state in _OUT and self.held)

    @property
    def gives_up(self) -> tuple[Claim, ...]:
        """What it may have claimed of the family's allowance and is to be free again: nothing came
        of it, or the day is no longer booked."""
        return tuple(
            claim
            for claim in self.claims
            if (not claim.given_up or self.trying)
            and (self.state in _OUT or (claim.kept and self.ended is not None))
        )

    @property
    def to_close(self) -> bool:
        """Whether the booking that it ends, or was to end, has to learn what came of it."""
        return self.of is not None and not self.closed and self.state in ("accepted", *_OUT)

    @property
    def to_finish(self) -> bool:
        """Whether something is to be given back, or to be told to a booking."""
        return self.gives_back or self.to_close or bool(self.gives_up)

    @property
    def receipted(self) -> Receipt:
        """What the acknowledgement said."""
        return self.receipt or self.said

    @property
    def said(self) -> Receipt:
        """What there is to say of the line as it is."""
        return Receipt(
            _as_said(self.state), self.reason, self.decided_at, self.effect, self.surcharge,
            self.give_back, tuple(self.proof.kinds) if self.proof else (),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mode:
    """How an activity decides: by itself within places, or by an agent with or without a hold;
    ``pays``: how long a place is held for whoever has to pay first, where it is paid at booking."""

    automatic: bool
    holds: bool
    pays: timedelta | None = None

    def pays_first(self, line: Line) -> bool:
        """Whether the line is accepted once it is paid, and no sooner."""
        return self.automatic and self.pays is not None and line.kind == "book"

    def of(self, line: Line) -> Mode:
        """How this line is decided: by an agent where its rule says so."""
        return replace(self, automatic=False) if line.by_agent else self

    @property
    def needs_place_at_once(self) -> bool:
        """Whether a line takes its place when it is asked."""
        return self.automatic or self.holds


FULL = Reason(code="full", text="Il n'y a plus de place ce jour-là.")
TAKEN = Reason(code="already-booked", text="Une réservation existe déjà pour ce moment.")
ASKED = Reason(code="already-asked", text="Une demande attend déjà sa réponse pour ce moment.")
TIED = Reason(
    code="tied", text="Réservation en bloc : l'une de ces journées n'est plus disponible."
)
TOO_OFTEN = Reason(
    code="too-often", text="Le nombre autorisé est atteint ; une autre demande vient d'être faite."
)
NOT_BOOKED = Reason(
    code="not-booked", text="Cette réservation n'existe plus, ou une demande la concerne déjà."
)
NOT_OFFERED = Reason(code="not-offered", text="Cette activité n'est plus proposée.")


def settle(
    line: Line, mode: Mode, granted: Reason | None, now: datetime, *, may_hold: bool = False
) -> Line:
    """What becomes of a line once its place was tried for; ``granted`` is why not, or None.

    ``may_hold``: refused, or to wait without a hold, it may hold the place all the same (another
    process may have tried as well, perhaps by an earlier file, and taken it; its tie is broken),
    and gives it back.
    """
    if line.state != "asked":
        return line
    mode = mode.of(line)
    if not line.books:
        return _settle_end(line, granted, now)
    if granted is not None:
        return replace(
            line, state="refused", reason=granted, decided_at=now, decided_by="rule",
            held=may_hold,
        )  # fmt: skip
    if mode.pays is not None and mode.pays_first(line):
        return to_be_paid(line, mode.pays, now)
    if mode.automatic:
        return replace(line, state="accepted", held=True, decided_at=now, decided_by="rule")
    taken = may_hold and not mode.holds
    return replace(line, state="requested", held=mode.holds, trying=taken)


#: How long a place is held at least for whoever has to pay: as long as the provider's page takes
#: money, and its answer may take; and how long on where billing says nothing of the payment.
PAY_WITHIN, SILENCE = timedelta(minutes=20), timedelta(hours=2)


def to_be_paid(line: Line, hold: timedelta, now: datetime) -> Line:
    """The line with its place held until it is paid, as long as the town lets it wait."""
    until = now + max(hold, PAY_WITHIN)
    return replace(
        line, state="to_pay", held=True, trying=False, reason=None, pay_until=until,
        hold_until=until + SILENCE,
    )  # fmt: skip


def tied(
    lines: Sequence[Line], granted: Mapping[str, Reason | None]
) -> tuple[dict[str, Reason | None], set[str]]:
    """``granted`` (why not, by line) with the lines of a broken tie refused too; and those of
    them that hold a place, to be given back."""
    broken = {line.tie for line in lines if line.tie and granted.get(line.id) is not None}
    answers = dict(granted)
    held: set[str] = set()
    for line in lines:
        if line.tie in broken and granted.get(line.id) is None:
            answers[line.id] = TIED
            if line.id in granted:
                held.add(line.id)
    return answers, held


def _settle_end(line: Line, why_not: Reason | None, now: datetime) -> Line:
    """A cancellation or an absence: refused when there is no such booking any more."""
    if why_not is not None:
        return replace(line, state="refused", reason=why_not, decided_at=now, decided_by="rule")
    if line.by_agent:
        return replace(line, state="requested")
    return replace(line, state="accepted", decided_at=now, decided_by="rule")


def withdraw(lines: Sequence[Line], wanted: Collection[str], now: datetime) -> tuple[Line, ...]:
    """The lines after their family has withdrawn some that wait for an answer, or to be paid; what
    was decided, or withdrawn before, stays.

    Raises ``Refused`` where they name some lines and leave others: ``paid-together`` of those to
    pay, ``booked-together`` of those that wait for an answer all or none.
    """
    to_pay = {line.id for line in lines if line.state == "to_pay"}
    if to_pay & set(wanted) and not to_pay <= set(wanted):
        raise Refused(
            "paid-together",
            "Ces réservations se paient ensemble : retirez-les toutes, ou payez-les toutes.",
            field="/lines",
        )
    ties = {line.id: line.tie for line in lines if line.tie and line.state == "requested"}
    named = {ties[one] for one in wanted if one in ties}
    if any(tie in named and one not in wanted for one, tie in ties.items()):
        raise Refused(
            "booked-together",
            "Ces jours se réservent ensemble : retirez-les tous, ou gardez-les tous.",
            field="/lines",
        )
    return tuple(
        replace(
            line, state="withdrawn", decided_at=now, receipt=line.receipted, pay_until=None,
            hold_until=None,
        )
        if line.id in wanted and line.state in ("requested", "to_pay")
        else line
        for line in lines
    )  # fmt: skip


def _as_said(state: State) -> SettledState:
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
        **line.booked,
        kind=line.kind,
        of=line.of,
        was=line.was,
        surcharge=line.surcharge,
        overridden=line.overridden,
        effect=line.effect,
        settled_by=line.settled_by,
        give_back=line.give_back if line.state == "accepted" else None,
        answer=line.answer,
        receipted=before is None,
        reason=line.reason,
        replaces=replaced,
    )


def freed(line: Line) -> Line:
    """A line after its place was given back: the next place it holds is another."""
    return replace(line, held=False, trying=False, hold=line.hold + 1)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The lines of the request of that id that matter to a question."""

    request: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One act of a family; ``v`` is the version read, the guard of the next write.

    ``guardian`` is who asked, by that ``channel``: None where an agent did not say.
    ``version`` is that of the town file that answered; ``override`` the reason for which an agent
    set rules aside. ``unfinished``: since when (machine's clock) places are being taken or given
    back.
    """

    id: str
    town: str
    family: str
    account: str
    channel: ContactChannel
    number: str
    requested_at: datetime
    body_hash: str
    periods: tuple[Period, ...]
    lines: tuple[Line, ...]
    not_retained: tuple[NotRetained, ...]
    unfinished: datetime | None
    v: int
    guardian: str | None = None
    comment: str | None = None
    attachments: tuple[str, ...] = ()
    version: int = 0
    override: str | None = None
    history: tuple[Act, ...] = ()

    @property
    def origin(self) -> Origin:
        """Where it comes from."""
        return Origin(self.account, self.channel, self.guardian)

    def only_at(self, activities: Set[str]) -> Request:
        """The request as far as it concerns these activities."""
        return replace(
            self,
            lines=tuple(line for line in self.lines if line.activity in activities),
            not_retained=tuple(one for one in self.not_retained if one.activity in activities),
        )

    def only(self, children: set[str]) -> Request:
        """The request as far as it concerns these children."""
        return replace(
            self,
            lines=tuple(line for line in self.lines if line.child in children),
            not_retained=tuple(one for one in self.not_retained if one.child in children),
        )
