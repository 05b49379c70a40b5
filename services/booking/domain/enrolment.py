"""A child's or adult's enrolment in a group of services: what was sent, what became of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.booking.domain.acts import By, Origin, by_of
from services.booking.domain.planning import Offer
from services.booking.domain.request import Choice
from services.booking.domain.rules.cutoffs import wall_instant
from shared.contracts.booking import Answered, ContactChannel, EnrolmentState, Override, Reason
from shared.contracts.family import Participant
from shared.contracts.town_file import EnrolmentGroup, EnrolmentPattern
from shared.days import days_between
from shared.ids import derived_id

EnrolmentResult = Literal[
    "accepted", "refused", "already-decided", "not-offered", "not-found", "answer-unknown"
]

ALREADY_ASKED = Reason(
    code="already-asked", text="Cette inscription est déjà demandée et attend sa réponse."
)
ALREADY_ENROLLED = Reason(code="already-enrolled", text="Cette inscription est déjà faite.")
DECIDED = Reason(code="already-decided", text="Cette demande d'inscription a déjà reçu sa réponse.")


class WeeklyChoice(BaseModel):
    """What is booked of an activity on some weekdays (ISO numbers) of every week."""

    model_config = ConfigDict(frozen=True)

    activity: str
    weekdays: tuple[int, ...]
    units: tuple[str, ...]
    starts: time | None = None
    ends: time | None = None
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Sent:
    """What a family, or an agent for it, sends.

    ``guardian`` is who asked: the account's holder on line, else who an agent acts for (None: not
    said); ``regulations`` is the version accepted; ``documents`` are ids of supporting documents
    that family keeps, by what was asked; ``overridden`` what an agent set aside, and ``override``
    why; ``version`` is that of the town file that answered. ``command`` and ``body_hash`` tell a
    repetition.
    """

    account: str
    guardian: str | None
    channel: ContactChannel
    pattern: EnrolmentPattern
    weekly: tuple[WeeklyChoice, ...]
    regulations: str | None
    documents: Mapping[str, tuple[str, ...]]
    comment: str | None
    overridden: tuple[Override, ...]
    override: str | None
    version: int
    command: str
    body_hash: str

    @property
    def origin(self) -> Origin:
        """Where it comes from."""
        return Origin(self.account, self.channel, self.guardian)


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that happened: ``by`` an account, or by the town's rule (None); by which
    ``channel`` the family did it, and which ``guardian``. ``command`` is that of what was sent,
    with ``body_hash``."""

    at: datetime
    what: EnrolmentState
    by: str | None
    channel: ContactChannel | None = None
    reason: str | None = None
    command: str | None = None
    body_hash: str | None = None
    guardian: str | None = None


def done_by(act: Act) -> By:
    """Whose act it was: agents decide without a channel."""
    if act.by is None:
        return "rule"
    return by_of(act.channel) if act.channel else "agent"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The one document of a child and a group; ``v`` is the version read, the guard of the next
    write.

    Refused or withdrawn, it may be sent again: ``round`` counts how often, and what follows is of
    the last time. ``receipted`` is what the family was told at once; ``answer`` the town's own,
    where an agent gave one. A weekly pattern that was
    accepted is ``unfinished`` (machine's clock) until its days are booked by ``request``, or
    cannot be (``unbooked``).
    """

    id: str
    town: str
    family: str
    child: str
    group: str
    number: str
    round: int
    sent: Sent
    requested_at: datetime
    state: EnrolmentState
    receipted: EnrolmentState
    history: tuple[Act, ...]
    reason: Reason | None = None
    answer: Answered | None = None
    decided_at: datetime | None = None
    decided_by: Literal["rule", "agent"] | None = None
    agent: str | None = None
    batch: str | None = None
    unfinished: datetime | None = None
    request: str | None = None
    unbooked: Reason | None = None
    v: int = 1

    @property
    def request_id(self) -> str:
        """The id of the request by which a weekly pattern is booked: the same, whoever books."""
        return derived_id("enrolment-request", self.id, str(self.round))

    @property
    def to_book(self) -> bool:
        """Whether a weekly pattern is still to be booked."""
        return self.state == "accepted" and self.sent.pattern == "weekly" and not self.request

    def sent_by(self, command: str) -> Act | None:
        """What a command has sent already, in this round or an earlier one."""
        return next((act for act in self.history if act.command == command), None)


def enrolment_id(town: str, child: str, group: str) -> str:
    """The id of a child's enrolment in a group."""
    return derived_id("enrolment", town, child, group)


def sent_again(
    known: Enrolment | None,
    about: tuple[str, str, str, str],
    sent: Sent,
    number: str,
    *,
    automatic: bool,
    now: datetime,
    machine_now: datetime,
) -> Enrolment | Reason:
    """The enrolment once a family has sent it; ``about``: town, family, child, group."""
    if known is not None and known.state in ("requested", "accepted"):
        return ALREADY_ASKED if known.state == "requested" else ALREADY_ENROLLED
    town, family, child, group = about
    asked = Act(
        now, "requested", sent.account, sent.channel, None, sent.command, sent.body_hash,
        sent.guardian,
    )  # fmt: skip
    acts = (asked, Act(now, "accepted", None)) if automatic else (asked,)
    state: EnrolmentState = "accepted" if automatic else "requested"
    return Enrolment(
        id=enrolment_id(town, child, group),
        town=town,
        family=family,
        child=child,
        group=group,
        number=number,
        round=known.round + 1 if known else 1,
        sent=sent,
        requested_at=now,
        state=state,
        receipted=state,
        history=(*(known.history if known else ()), *acts),
        decided_at=now if automatic else None,
        decided_by="rule" if automatic else None,
        unfinished=machine_now if automatic and sent.pattern == "weekly" else None,
        v=known.v if known else 1,
    )


def withdrawn(known: Enrolment, by: Origin, now: datetime) -> Enrolment | Reason | None:
    """The enrolment once taken back; None when it was already."""
    if known.state == "withdrawn":
        return None
    if known.state != "requested":
        return DECIDED
    act = Act(now, "withdrawn", by.account, by.channel, guardian=by.guardian)
    return replace(known, state="withdrawn", decided_at=now, history=(*known.history, act))


@dataclass(frozen=True, slots=True)
class EnrolmentWish:
    """What an agent wants of an enrolment; a refusal has its reason. ``answer``: the town's own;
    ``invalid``: why it cannot be carried out."""

    accept: bool
    reason: Reason | None = None
    answer: Answered | None = None
    invalid: EnrolmentResult | None = None


def result_of(
    known: Enrolment | None, wish: EnrolmentWish, batch: str, now: datetime, *, offered: bool
) -> EnrolmentResult:
    """What a decision comes to; ``now`` is its instant, which may be resumed late: what was sent
    or decided since stays as it is."""
    wanted: EnrolmentResult = "accepted" if wish.accept else "refused"
    if known is None:
        return "not-found"
    if known.batch == batch:
        return wanted
    if wish.invalid is not None:
        return wish.invalid
    if known.state in (wanted, "withdrawn") or known.requested_at > now:
        return "already-decided"
    if known.decided_at is not None and known.decided_at >= now:
        return "already-decided"
    return wanted if offered or not wish.accept else "not-offered"


def decided(
    known: Enrolment, wish: EnrolmentWish, *, agent: str, batch: str, now: datetime,
    machine_now: datetime,
) -> Enrolment:  # fmt: skip
    """The enrolment as an agent decided it."""
    state: EnrolmentState = "accepted" if wish.accept else "refused"
    label = wish.answer.label if wish.answer else None
    words = wish.reason.text if wish.reason else label
    after = replace(
        known,
        state=state,
        reason=wish.reason,
        answer=wish.answer,
        decided_at=now,
        decided_by="agent",
        agent=agent,
        batch=batch,
        history=(*known.history, Act(now, state, agent, reason=words)),
    )
    return replace(after, unfinished=machine_now if after.to_book else None)


def booked(known: Enrolment, request: str | None, unbooked: Reason | None) -> Enrolment:
    """The enrolment once its weekly pattern is booked, or cannot be."""
    return replace(known, unfinished=None, request=request, unbooked=unbooked)


# -- when booking may begin ------------------------------------------------------------------


def books_from(
    offers: Sequence[Offer], group: EnrolmentGroup, child: Participant, now: datetime
) -> datetime | None:
    """The first instant, from now on, at which some day of the group may be booked on line; None
    when none ever may."""
    begun = [
        _begins(offer, child, group)
        for offer in offers
        if offer.activity.booking == "required" and offer.activity.desk_only is None
    ]
    found = [max(one.astimezone(UTC), now) for one in begun if one is not None]
    return min(found, default=None)


def _begins(offer: Offer, child: Participant, group: EnrolmentGroup) -> datetime | None:
    choice = Choice((offer.activity.units[0].id,))
    asked = offer
    for day in _days(offer, group):
        if not offer.eligible(child, day):
            continue
        answer = asked.answer("book", child, day, choice)
        if answer.code == "too-early":
            asked = replace(offer, now=_horizon_reaches(offer, day))
            answer = asked.answer("book", child, day, choice)
        if answer.allowed:
            return asked.now
        if answer.code == "not-yet-open" and answer.opens is not None:
            return answer.opens
    return None


def _horizon_reaches(offer: Offer, day: date) -> datetime:
    """When a day comes near enough to be booked."""
    first = day - timedelta(days=offer.activity.horizon_days)
    return wall_instant(first, time(0), offer.rules.zone).astimezone(UTC)


def _days(offer: Offer, group: EnrolmentGroup) -> Iterator[date]:
    today = offer.now.astimezone(offer.rules.zone).date()
    return days_between(max(group.first, today), group.last)
