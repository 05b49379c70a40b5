"""Request and response models of booking's routes."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from services.booking.domain.acts import By, What
from services.booking.domain.agenda import Status
from services.booking.domain.deciding import LineResult
from services.booking.domain.request import SettledState
from shared.contracts.booking import (
    Answered,
    ContactChannel,
    Effect,
    GiveBack,
    LineKind,
    NotRetained,
    Override,
    Reason,
    Surcharged,
)
from shared.contracts.family import DocumentState
from shared.contracts.town_file import ClockTime, Slug, Weekday
from shared.web.routes import Input, Output, Page, PageQuery

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
LineId = Annotated[str, Field(pattern=r"^[0-9a-f]{1,4}$")]
Sentence = Annotated[str, Field(min_length=1, max_length=500)]

#: The first day an activity can be asked for: guards date arithmetic, not a rule of any town.
_EARLIEST, _LATEST = date(2000, 1, 1), date(2100, 12, 31)
Day = Annotated[date, Field(ge=_EARLIEST, le=_LATEST)]
MAX_PERIOD_DAYS = 400


def _in_order(first: date, last: date) -> None:
    if last < first:
        raise ValueError("la fin précède le début.")
    if (last - first).days > MAX_PERIOD_DAYS:
        raise ValueError(f"au plus {MAX_PERIOD_DAYS} jours.")


class Period(Input):
    """The chosen weekdays from ``first`` to ``last``, both included."""

    first: Day
    last: Day
    weekdays: Annotated[list[Weekday], Field(min_length=1, max_length=7)]

    @model_validator(mode="after")
    def _ordered(self) -> Period:
        _in_order(self.first, self.last)
        return self


class ChoiceIn(Input):
    """What of an activity. ``units``: one or more; or ``starts`` and ``ends`` alone, where the
    times say which. Both where a unit leaves its times to the family."""

    activity: Slug
    units: Annotated[tuple[Slug, ...], Field(max_length=20)] = ()
    starts: ClockTime | None = None
    ends: ClockTime | None = None

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if (self.starts is None) != (self.ends is None):
            raise ValueError("donnez l'arrivée (starts) et le départ (ends), ou aucun des deux.")
        if not self.units and self.starts is None:
            raise ValueError("dites ce qui est demandé (units), ou les heures (starts et ends).")
        if len(set(self.units)) < len(self.units):
            raise ValueError("une unité n'est demandée qu'une fois.")
        return self


class Asked(ChoiceIn):
    """One participant (``child``: of a child or an adult of the household the id), one activity,
    what of it, for one day or over a period: give one of the two; ``quantity`` where it is a
    number."""

    child: Id
    quantity: Annotated[int, Field(ge=1, le=100)] = 1
    day: Day | None = None
    period: Period | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Asked:
        if (self.day is None) == (self.period is None):
            raise ValueError("donnez soit un jour (day), soit une période (period).")
        return self


class ChangeIn(ChoiceIn):
    """Another choice instead of what is booked on a day: the old place is kept until the new one
    is granted. ``from_units`` says which booking, where the child has several that day."""

    child: Id
    day: Day
    from_units: Annotated[tuple[Slug, ...], Field(max_length=20)] = ()


class ProofIn(Input):
    """What justifies something: its ``kind``, one of those that the town's rule asks for, and ids
    of supporting documents that family keeps."""

    kind: Slug
    documents: Annotated[tuple[Id, ...], Field(max_length=10)] = ()


class EndIn(Input):
    """Bookings of a child to be ended: of one day, or from ``first`` to ``last``, on some days of
    the week where given; of one activity or of all, and where ``units`` are given, those that one
    of them is part of: a booking of several units ends whole, or is changed.

    ``cancel`` is possible in time only; an ``absence`` may always be reported, and is a
    cancellation as long as that is possible. ``reason`` is one of the activity's own; ``proof``
    may be given at once, where one is asked for, or later.
    """

    kind: Literal["cancel", "absence"]
    child: Id
    first: Day
    last: Day | None = None
    weekdays: Annotated[tuple[Weekday, ...] | None, Field(min_length=1, max_length=7)] = None
    activity: Slug | None = None
    units: Annotated[tuple[Slug, ...], Field(max_length=20)] = ()
    reason: Slug | None = None
    proof: ProofIn | None = None

    @model_validator(mode="after")
    def _ordered(self) -> EndIn:
        if self.last:
            _in_order(self.first, self.last)
        if self.units and not self.activity:
            raise ValueError("dites de quelle activité (activity) sont ces unités.")
        return self


class OverrideIn(Input):
    """What an agent sets aside for a family, and why: deadlines, places (one more is declared),
    eligibility, what a week has to come to, enrolment; for an enrolment, missing documents. Never
    a day without service."""

    rules: Annotated[tuple[Override, ...], Field(min_length=1, max_length=6)]
    reason: Sentence


class OnBehalfIn(Input):
    """Where an act comes from that an agent does for a family: how it was asked for, and by which
    guardian, if the agent says."""

    channel: Literal["phone", "desk", "paper"] = "desk"
    guardian: Id | None = None


class RequestIn(Input):
    """A family's basket: what it books, changes, cancels or reports, over children and
    activities. ``attachments`` are ids of supporting documents that family keeps for the family
    or one of these children. ``on_behalf`` and ``override`` are for agents."""

    family: Id
    asked: Annotated[tuple[Asked, ...], Field(max_length=20)] = ()
    changes: Annotated[tuple[ChangeIn, ...], Field(max_length=20)] = ()
    ends: Annotated[tuple[EndIn, ...], Field(max_length=20)] = ()
    on_behalf: OnBehalfIn | None = None
    override: OverrideIn | None = None
    comment: Sentence | None = None
    attachments: Annotated[tuple[Id, ...], Field(max_length=10)] = ()

    @model_validator(mode="after")
    def _something(self) -> RequestIn:
        if not self.asked and not self.changes and not self.ends:
            raise ValueError("le panier est vide.")
        return self


class BookedOut(Output):
    """What is booked: a child, an activity's units on a date, times and number where chosen."""

    child: str
    activity: str
    date: date
    units: tuple[str, ...]
    starts: time | None
    ends: time | None
    quantity: int


class GivenOut(Output):
    """The last proof given: when, by which ``channel``, by which ``guardian``; whether an agent has
    accepted or refused it, and why. ``revision`` counts those of the line."""

    revision: int
    kind: str
    documents: tuple[str, ...]
    given_at: datetime
    channel: ContactChannel
    guardian: str | None
    state: Literal["given", "accepted", "refused"]
    reason: str | None


class LineOut(BookedOut):
    """One line and what became of it. ``cancel_until`` and ``cancel_from``
    say between which instants it may be cancelled, ``cancel_always`` that nothing but the day
    itself limits that; without any of them it never may. ``of`` names
    the booking that a change, a cancellation or an absence is about, ``was`` its units; ``ended``
    and ``absent`` say of a booking that such a line was accepted. ``effect: to_prove`` waits for a
    proof of one of the kinds ``proofs`` until ``proof_until``; ``given`` is the last one that came.
    ``give_back`` is what becomes of a price paid already; ``give_back_asked``: an agent decides it.
    ``answer`` is the town's own."""

    line: str
    kind: LineKind
    of: str | None
    was: tuple[str, ...]
    effect: Effect | None
    surcharge: Surcharged | None
    overridden: tuple[Override, ...]
    proof_until: datetime | None
    proofs: tuple[str, ...]
    given: GivenOut | None
    give_back: GiveBack | None
    give_back_asked: bool
    answer: Answered | None
    ended: bool
    absent: bool
    state: SettledState
    reason: Reason | None
    decided_at: datetime | None
    cancel_until: datetime | None
    cancel_from: datetime | None
    cancel_always: bool
    pay_until: datetime | None


class RequestOut(Output):
    """A request with its lines; ``channel`` and ``guardian`` say how and by whom it was asked for;
    ``not_retained`` are dates that could not become lines; ``version`` is that of the town's rules
    that answered; ``override`` why an agent set some aside."""

    id: str
    number: str
    family: str
    channel: ContactChannel
    guardian: str | None
    requested_at: datetime
    lines: list[LineOut]
    not_retained: list[NotRetained]
    comment: str | None
    attachments: tuple[str, ...]
    version: int
    override: str | None


class RequestActOut(Output):
    """One thing that happened to some lines: when, and by whom: the family, the town's rule or an
    agent, whose account only agents see; of a family's act by which ``channel``, and which
    ``guardian`` asked. ``request`` and ``number`` name the other request by which a booking was
    changed or ended."""

    at: datetime
    what: Literal["asked"] | What
    lines: tuple[str, ...]
    by: By
    account: str | None
    channel: ContactChannel | None
    guardian: str | None
    reason: str | None
    request: str | None
    number: str | None


class RequestSeen(RequestOut):
    """A request and all that happened to it, oldest first; ``document_states`` say where its
    documents stand now."""

    document_states: dict[str, DocumentState]
    history: list[RequestActOut]


class RequestPage(Page[RequestSeen]):
    """Requests, newest first."""


class RequestQuery(PageQuery):
    """Which requests: with a line in this state, about this child (one line for both); with a
    proof in this state (``given``: an agent has not looked at it yet)."""

    state: SettledState | None = None
    child: Id | None = None
    proof: Literal["given", "accepted", "refused"] | None = None


class PriceToCome(Output):
    """What a line will cost is billing's to say: its quote, for the same lines, holds."""

    state: Literal["to_come"] = "to_come"
    text: str = "Prix à venir"


class RecapLine(BookedOut):
    """What would happen to one date; ``warning`` when it could not be cancelled afterwards, or has
    to be justified; ``of`` and ``was`` name the booking that is changed or ended, and its units.
    ``pay_minutes``: it is accepted once it is paid, for which the place is held that long."""

    kind: LineKind
    of: str | None
    was: tuple[str, ...]
    effect: Effect | None
    surcharge: Surcharged | None
    proof_until: datetime | None
    proofs: tuple[str, ...]
    give_back: GiveBack | None
    give_back_asked: bool
    price: PriceToCome = PriceToCome()
    would: Literal["accepted", "requested", "refused"]
    pay_minutes: int | None = None
    reason: Reason | None
    book_until: datetime | None
    warning: str | None


class Recap(Output):
    """What validating would do, line by line; nothing is stored."""

    version: int
    lines: list[RecapLine]
    not_retained: list[NotRetained]


class WithdrawalIn(Input):
    """Lines to be taken back; all that wait for an answer or to be paid when left out. Lines to
    pay are paid together, and taken back together."""

    lines: Annotated[tuple[LineId, ...], Field(max_length=400)] = ()
    on_behalf: OnBehalfIn | None = None


class VerdictIn(Input):
    """What an agent decides; a refusal says why."""

    outcome: Literal["accepted", "refused"]
    reason: Sentence | None = None

    @model_validator(mode="after")
    def _refusal_has_reason(self) -> Self:
        if self.outcome == "refused" and not self.reason:
            raise ValueError("un refus doit donner son motif (reason).")
        return self


class AnswerIn(Input):
    """What an agent answers: accepted, or refused with a ``reason``; or one of the town's own
    answers (its ``answer`` code), which says which of the two it is."""

    outcome: Literal["accepted", "refused"] | None = None
    answer: Slug | None = None
    reason: Sentence | None = None

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if (self.outcome is None) == (self.answer is None):
            raise ValueError("dites la décision (outcome) ou la réponse de la commune (answer).")
        if self.outcome == "refused" and not self.reason:
            raise ValueError("un refus doit donner son motif (reason).")
        return self


class DecisionIn(AnswerIn):
    """What an agent decides of one line; ``give_back`` is what an accepted cancellation gives
    back."""

    request: Id
    line: LineId
    give_back: Literal["credit", "refund", "nothing"] | None = None

    @model_validator(mode="after")
    def _gives_back(self) -> Self:
        if self.outcome == "refused" and self.give_back:
            raise ValueError("seule une annulation acceptée rend quelque chose (give_back).")
        return self


class DecisionsIn(Input):
    """One or many decisions."""

    decisions: Annotated[list[DecisionIn], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _once_each(self) -> DecisionsIn:
        if len({(one.request, one.line) for one in self.decisions}) < len(self.decisions):
            raise ValueError("une ligne n'est décidée qu'une fois.")
        return self


class DecisionOut(Output):
    """What became of one decision."""

    request: str
    line: str
    result: LineResult


class DecisionsOut(Output):
    """Each line's result, in the order asked, by the rules of that ``version`` of the town's
    file. Sending the same command again resumes it."""

    version: int
    decided_at: datetime
    results: list[DecisionOut]


class FamilyPlanningQuery(Input):
    """Which family, which days (at most 62)."""

    family: Id
    first: Day
    last: Day

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not 0 <= (self.last - self.first).days <= 61:
            raise ValueError("donnez au plus 62 jours, dans l'ordre.")
        return self


class PlanningQuery(FamilyPlanningQuery):
    """Which child, which days (at most 62)."""

    child: Id


class Possible(Output):
    """Whether an action is possible now, until when (instant), and the reason in words."""

    allowed: bool
    until: datetime | None
    rule: str | None
    explanation: str


class PlanningEntry(Output):
    """One activity, one unit, one day of the child.

    ``status`` is where the day stands, ``words`` the same for families, or the town's own
    ``answer``; ``state`` is the booking's own, null where nothing was asked, and ``units`` what was
    booked with this one. ``change`` is null where nothing is booked that could be changed.
    ``booking_locked`` is the no-entry sign, ``cancel_locked`` the padlock.
    """

    activity: str
    unit: str
    date: date
    status: Status
    words: str
    answer: Answered | None
    units: tuple[str, ...]
    state: SettledState | None
    request: str | None
    line: str | None
    places_left: int | None
    book: Possible
    cancel: Possible
    change: Possible | None
    booking_locked: bool
    cancel_locked: bool


class ToEnrol(Output):
    """A group in which the child is not enrolled on all these days, and when it may be."""

    group: str
    name: str
    explanation: str


class Planning(Output):
    """The child's days with service, in order; ``version`` of the town file that answered.

    Activities for which the child is enrolled on none of these days are left out: ``to_enrol``
    says in what groups.
    """

    child: str
    version: int
    entries: list[PlanningEntry]
    to_enrol: list[ToEnrol]


class FamilyPlanning(Output):
    """The planning of each child and adult of the family whose bookings the bearer may see."""

    participants: list[Planning]
