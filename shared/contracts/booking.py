"""What booking says."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.contracts.erasure import HoldsBack
from shared.contracts.requests import RequestCard
from shared.events import Event

LineState = Literal["requested", "accepted", "refused", "withdrawn"]
#: How a family asked: by itself, or it called, visited or wrote to an agent who did it for it.
ContactChannel = Literal["online", "phone", "desk", "paper"]
#: Where a child's enrolment in a group of services stands.
EnrolmentState = Literal["requested", "accepted", "refused", "withdrawn"]
#: What a line asks for: a booking, another instead of one, or the end of one (``of`` names it:
#: ``request-line``, and ``was`` its units).
LineKind = Literal["book", "change", "cancel", "absence"]
#: What the end of a booking comes to: in time (``cancelled``, the place is free again), or by the
#: town's rules on absences; ``to_prove`` is free once justified.
Effect = Literal[
    "cancelled", "free", "to_prove", "billed", "keep_percent", "price", "surcharge", "credit",
    "refund", "carry_over", "collect",
]  # fmt: skip


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Reason(_Part):
    """Why a line was refused: a stable code and a sentence in French."""

    code: str
    text: str


class Surcharged(_Part):
    """What coming late costs besides the price, by the rule of that id; the amounts a family's own
    price decides are billing's to reckon (``town_file.rules``). ``total_cents`` is the price
    instead of the family's own, where the rule says one."""

    rule: str
    kind: str
    cents: int | None = None
    percent: int | None = None
    per: str = "item"
    once_for: str = "child"
    also_following: int = 0
    total_cents: int | None = None
    rounding: str = "half_up"


#: What becomes of a price paid already for a cancelled day, by the town's rule or as an agent
#: chose; ``nothing``: the day stays due.
GiveBack = Literal["credit", "refund", "carry_over", "nothing"]


class Answered(_Part):
    """The town's own answer, by which an agent accepted or refused: as its file said it then."""

    code: str
    label: str
    colour: str


#: What an agent may set aside, with a reason: a stored fact.
Override = Literal["deadline", "places", "eligibility", "week", "enrolment", "documents"]


class _Booked(_Part):
    """One child, one session (activity and date) and what is booked in it: its units; from when
    to when where the family chooses (on the town's clock); how many where it is a number."""

    child: str
    activity: str
    date: date
    units: tuple[str, ...]
    starts: time | None = None
    ends: time | None = None
    quantity: int = 1


class _Asked(_Part):
    """By which ``channel`` an act came (``desk``: an agent did it), how the family had asked the
    agent (``contact_channel``), and which ``guardian`` did: None where the agent did not say."""

    channel: Literal["online", "desk"]
    contact_channel: ContactChannel | None = None
    guardian: str | None = None


class RequestedLine(_Booked):
    """One line of a request; ``line`` is unique within it.

    ``cancel_until`` and ``cancel_from`` are the instants between which it may be cancelled,
    ``cancel_always``: whenever before the day is over; never without any of them.
    ``proof_until`` is an instant, or None for never. A line that waits to be
    paid is ``requested`` with ``pay_until``: its place is held until then for sure. ``give_back``:
    what becomes of a price paid already, where the line cancels a day.
    """

    line: str
    kind: LineKind = "book"
    of: str | None = None
    was: tuple[str, ...] = ()
    surcharge: Surcharged | None = None
    overridden: tuple[Override, ...] = ()
    effect: Effect | None = None
    give_back: GiveBack | None = None
    proof_until: datetime | None = None
    state: LineState
    reason: Reason | None = None
    cancel_until: datetime | None = None
    cancel_from: datetime | None = None
    cancel_always: bool = False
    pay_until: datetime | None = None


class Period(_Part):
    """The days a family asked for: ``weekdays`` are ISO numbers (Monday = 1)."""

    first: date
    last: date
    weekdays: tuple[int, ...]


class NotRetained(_Booked):
    """A date of a period that could not become a line, and why."""

    reason: Reason


class BookingRequested(
    _Asked, Event, service="booking", name="booking-requested", kind="fact", public=True
):
    """A family asked; the lines say what became of each at once.

    ``periods`` is empty when days were named one by one. ``comment`` says whether the family
    wrote one (its words stay with booking); ``attachments`` are ids of supporting documents that
    family keeps. ``version`` is that of the town file that answered.
    """

    request: str
    number: str
    family: str
    account: str
    requested_at: datetime
    periods: tuple[Period, ...]
    lines: tuple[RequestedLine, ...]
    not_retained: tuple[NotRetained, ...]
    comment: bool = False
    attachments: tuple[str, ...] = ()
    version: int = 0


class Replaced(_Part):
    """The decision that this one replaces."""

    decided_at: datetime
    accepted: bool


class DecidedLine(_Booked):
    """One line's outcome; ``line`` is unique within its request.

    ``settled_by``: the town's rule on absences that gave the ``effect``. ``give_back``: what
    becomes of a price paid already for a day that is ``cancelled``; None where nothing is said of
    it. ``answer``: the town's own, where an agent gave one. ``receipted``: the acknowledgement said
    it already.
    """

    line: str
    kind: LineKind = "book"
    of: str | None = None
    was: tuple[str, ...] = ()
    surcharge: Surcharged | None = None
    overridden: tuple[Override, ...] = ()
    effect: Effect | None = None
    settled_by: str | None = None
    give_back: GiveBack | None = None
    answer: Answered | None = None
    receipted: bool
    reason: Reason | None = None
    replaces: Replaced | None = None


class _Decided(_Part):
    """``batch`` names the command when it decided several requests (*decisions-completed*)."""

    request: str
    number: str
    requested_at: datetime
    family: str
    account: str
    decided_at: datetime
    decided_by: Literal["rule", "agent"]
    agent: str | None = None
    batch: str | None = None
    lines: tuple[DecidedLine, ...]


class BookingAccepted(
    _Decided, Event, service="booking", name="booking-accepted", kind="fact", public=True
):
    """These lines of a request are accepted."""


class BookingRefused(_Decided, Event, service="booking", name="booking-refused", kind="fact"):
    """These lines of a request are refused, each with its reason.

    Internal: an agent writes the reason freely, and may name or describe somebody in it.
    """


class PaymentAwaited(Event, service="booking", name="payment-awaited", kind="fact", public=True):
    """The places of these lines are held until they are paid: until ``pay_until`` at least.

    ``attempt`` counts from 1: how often places were held for lines of this request.
    """

    request: str
    number: str
    family: str
    account: str
    attempt: int
    asked_at: datetime
    pay_until: datetime
    lines: tuple[DecidedLine, ...]


class BookingWithdrawn(
    _Asked, Event, service="booking", name="booking-withdrawn", kind="fact", public=True
):
    """A family, or an agent for it, has taken back lines of a request that waited for an answer,
    or to be paid."""

    channel: Literal["online", "desk"] = "online"

    request: str
    number: str
    family: str
    account: str
    withdrawn_at: datetime
    lines: tuple[str, ...]


class ProofGiven(_Asked, Event, service="booking", name="proof-given", kind="fact", public=True):
    """A family, or an agent for it, justified these lines of a request, with so many documents.

    Which kind of proof it is, is not said: it may tell of health. The answer is a decision on each
    line.
    """

    request: str
    number: str
    family: str
    account: str
    given_at: datetime
    lines: tuple[str, ...]
    documents: int


class RequestChanged(RequestCard, Event, service="booking", name="request-changed", kind="state"):
    """A request for bookings, changes, cancellations or absences, or an enrolment, as its family
    reads it: whole, said at each change.

    Internal: an agent writes the reasons freely, and may name or describe somebody in them.
    """


class EnrolmentDocument(_Part):
    """What a family provided: ``asked`` is the town's name for it, ``files`` ids that family
    keeps."""

    asked: str
    files: tuple[str, ...]


class _Enrolment(_Part):
    """A child and a group of services of the town file (which counts for the days from ``first``
    to ``last``); ``account`` is who sent it."""

    enrolment: str
    number: str
    family: str
    account: str
    child: str
    group: str
    requested_at: datetime


class EnrolmentRequested(
    _Asked,
    _Enrolment,
    Event,
    service="booking",
    name="enrolment-requested",
    kind="fact",
    public=True,
):
    """A family asked for a child's enrolment; ``state`` is what it was told at once.

    ``pattern``: it will book now and then (``casual``), or the same days every week.
    ``regulations`` is the version accepted; ``overridden`` what an agent set aside. ``book_from``
    is an instant, where it is accepted.
    """

    pattern: Literal["casual", "weekly"]
    first: date
    last: date
    state: Literal["requested", "accepted"]
    book_from: datetime | None = None
    regulations: str | None = None
    documents: tuple[EnrolmentDocument, ...] = ()
    overridden: tuple[Override, ...] = ()
    comment: bool = False


class EnrolmentAccepted(
    _Enrolment, Event, service="booking", name="enrolment-accepted", kind="fact", public=True
):
    """The child is enrolled: its days may be booked, on line from ``book_from`` on (None: never).

    ``receipted``: the acknowledgement said it already.
    """

    pattern: Literal["casual", "weekly"]
    first: date
    last: date
    decided_at: datetime
    decided_by: Literal["rule", "agent"]
    agent: str | None = None
    book_from: datetime | None = None
    receipted: bool
    answer: Answered | None = None


class EnrolmentRefused(_Enrolment, Event, service="booking", name="enrolment-refused", kind="fact"):
    """The child is not enrolled, or no longer.

    Internal: an agent writes the reason freely, and may name or describe somebody in it.
    """

    decided_at: datetime
    agent: str
    reason: Reason
    answer: Answered | None = None


class EnrolmentWithdrawn(
    _Asked,
    _Enrolment,
    Event,
    service="booking",
    name="enrolment-withdrawn",
    kind="fact",
    public=True,
):
    """What waited for an answer is taken back by ``withdrawn_by``, the family or an agent for
    it."""

    withdrawn_by: str
    withdrawn_at: datetime


class DecisionsCompleted(Event, service="booking", name="decisions-completed", kind="fact"):
    """One command that decided several requests is through; it decided ``lines`` lines."""

    batch: str
    lines: int


class DecidedUpTo(Event, service="booking", name="decided-up-to", kind="state"):
    """Every decision of the town earlier than ``instant`` has been said before this."""

    instant: datetime


class ErasureAnswered(Event, service="booking", name="erasure-answered", kind="fact"):
    """What holds the erasure of a family back here; nothing, when empty."""

    erasure: str
    family: str
    holds: tuple[HoldsBack, ...]
