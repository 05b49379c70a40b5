"""Request and response models of the routes about enrolment."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Literal

from pydantic import Field, model_validator

from services.booking.domain.enrolled import WindowState
from services.booking.domain.enrolment import EnrolmentResult
from services.booking.schemas import AnswerIn, ChoiceIn, Id, OnBehalfIn, OverrideIn, Sentence
from shared.contracts.booking import Answered, ContactChannel, EnrolmentState, Override, Reason
from shared.contracts.family import DocumentState
from shared.contracts.town_file import (
    AskedDocument,
    Download,
    EnrolmentPattern,
    Regulations,
    ReviewStep,
    Slug,
    Weekday,
)
from shared.web.routes import Input, Output, Page, PageQuery

#: More dates than a year of three services: keeps a request within the limits of a document.
MAX_PATTERN_DATES = 1500


class WeeklyIn(ChoiceIn):
    """What of an activity on some weekdays of every week; ``quantity`` where it is a number."""

    weekdays: Annotated[tuple[Weekday, ...], Field(min_length=1, max_length=7)]
    quantity: Annotated[int, Field(ge=1, le=100)] = 1


class EnrolmentIn(Input):
    """A child's enrolment in a group of services.

    ``regulations`` is the version accepted; ``documents`` are ids of supporting documents kept by
    family, by what the town asks for. An agent may set aside ``deadline`` (the window),
    ``eligibility`` and ``documents``, with a reason, and says ``on_behalf`` of whom.
    """

    family: Id
    child: Id
    group: Slug
    pattern: EnrolmentPattern = "casual"
    weekly: Annotated[tuple[WeeklyIn, ...], Field(max_length=20)] = ()
    regulations: Annotated[str, Field(max_length=41)] | None = None
    documents: dict[Slug, Annotated[tuple[Id, ...], Field(min_length=1, max_length=10)]] = Field(
        default_factory=dict, max_length=20
    )
    comment: Sentence | None = None
    on_behalf: OnBehalfIn | None = None
    override: OverrideIn | None = None

    @model_validator(mode="after")
    def _consistent(self) -> EnrolmentIn:
        if (self.pattern == "weekly") != bool(self.weekly):
            raise ValueError("les jours de la semaine (weekly) vont avec pattern: weekly.")
        days = [(one.activity, weekday) for one in self.weekly for weekday in one.weekdays]
        if len(set(days)) < len(days):
            raise ValueError("un seul choix par activité et jour de la semaine (weekly).")
        return self


class EnrolmentWithdrawalIn(Input):
    """What waits for an answer is taken back."""

    on_behalf: OnBehalfIn | None = None


class WeeklyOut(Output):
    """What a weekly pattern books; ``weekdays`` are ISO numbers (Monday = 1)."""

    activity: str
    weekdays: tuple[int, ...]
    units: tuple[str, ...]
    starts: time | None
    ends: time | None
    quantity: int


class ActOut(Output):
    """One thing that happened, when, by whom: the family, the town's rule or an agent, whose
    account only agents see; of a family's act by which ``channel``, and which ``guardian``
    asked."""

    at: datetime
    what: EnrolmentState
    by: Literal["family", "rule", "agent"]
    account: str | None
    channel: ContactChannel | None
    guardian: str | None
    reason: str | None


class AcceptedRegulations(Output):
    """Which version was accepted, and when."""

    version: str
    accepted_at: datetime


class EnrolmentOut(Output):
    """An enrolment and where it stands; ``version`` of the town file answered to sending it, which
    ``guardian`` asked for by this ``channel``. ``document_states``: where each of its documents
    stands now (empty in the answer to sending it). ``answer`` is the town's own. ``request`` has
    booked a weekly pattern; ``unbooked`` says why no day of it could be."""

    id: str
    number: str
    family: str
    child: str
    group: str
    state: EnrolmentState
    reason: Reason | None
    answer: Answered | None
    requested_at: datetime
    decided_at: datetime | None
    channel: ContactChannel
    guardian: str | None
    version: int
    pattern: EnrolmentPattern
    weekly: list[WeeklyOut]
    regulations: AcceptedRegulations | None
    documents: dict[str, tuple[str, ...]]
    document_states: dict[str, DocumentState]
    comment: str | None
    overridden: tuple[Override, ...]
    override: str | None
    request: str | None
    unbooked: Reason | None
    history: list[ActOut]


class WindowOut(Output):
    """When families may enrol: the window that is open, else the next one, else the last."""

    state: WindowState
    opens: datetime
    closes: datetime


class CoveredActivity(Output):
    """What a group covers."""

    id: str
    name: str
    site: str


class GroupOut(Output):
    """A group of services as it stands for one child.

    ``allowed``: the family may enrol now, else ``why_not`` says so, with the dates of the next
    window; ``steps`` are to be looked through before, ``documents`` provided, ``regulations``
    accepted. ``enrolment`` is what was sent.
    """

    id: str
    name: str
    period: str | None
    first: date
    last: date
    compulsory: bool
    activities: list[CoveredActivity]
    steps: tuple[ReviewStep, ...]
    documents: tuple[AskedDocument, ...]
    downloads: tuple[Download, ...]
    regulations: Regulations | None
    patterns: tuple[EnrolmentPattern, ...]
    decision: Literal["agent", "automatic"]
    window: WindowOut | None
    allowed: bool
    why_not: Reason | None
    enrolment: EnrolmentOut | None


class GroupsQuery(Input):
    """Which child."""

    family: Id
    child: Id


class Groups(Output):
    """The groups open to a child, and those it was enrolled in; ``version`` of the town file that
    answered."""

    child: str
    version: int
    items: list[GroupOut]


class EnrolmentQuery(PageQuery):
    """Which enrolments; ``state: requested`` is what waits."""

    state: EnrolmentState | None = None
    group: Slug | None = None


class EnrolmentPage(Page[EnrolmentOut]):
    """Enrolments, newest first."""


class EnrolmentDecisionIn(AnswerIn):
    """What an agent decides of one enrolment."""

    enrolment: Id


class EnrolmentDecisionsIn(Input):
    """One or many decisions."""

    decisions: Annotated[list[EnrolmentDecisionIn], Field(min_length=1, max_length=500)]

    @model_validator(mode="after")
    def _once_each(self) -> EnrolmentDecisionsIn:
        if len({one.enrolment for one in self.decisions}) < len(self.decisions):
            raise ValueError("une inscription n'est décidée qu'une fois.")
        return self


class EnrolmentDecisionOut(Output):
    """What became of one decision."""

    enrolment: str
    result: EnrolmentResult


class EnrolmentDecisionsOut(Output):
    """Each enrolment's result, in the order asked, by that ``version`` of the town's file. Sending
    the same command again resumes it."""

    version: int
    decided_at: datetime
    results: list[EnrolmentDecisionOut]
