"""Requests and answers about supporting documents."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from services.family.domain.documents import Channel, Decision, VersionState
from services.family.schemas.uploads import FileOut, Id
from shared.contracts.family import DocumentState
from shared.contracts.town_file import Slug
from shared.web.routes import Input, Output, Page, PageQuery

Sentence = Annotated[str, Field(min_length=1, max_length=500)]


class DocumentIn(Input):
    """A document of a type of the town's, about a child, a guardian or (neither) the family;
    ``files`` were sent before (``POST /files``)."""

    family: Id
    type: Slug
    child: Id | None = None
    guardian: Id | None = None
    files: Annotated[tuple[Id, ...], Field(min_length=1, max_length=10)]


class WithdrawalIn(Input):
    """Nothing but the act."""


class FamilyQuery(Input):
    """Which family."""

    family: Id


class WaitingQuery(PageQuery):
    """What waits for an agent, of one type where given."""

    type: Slug | None = None


class VersionOut(Output):
    """What was sent at once and what became of it. ``agent`` is shown to agents only; ``files``
    are those that the reader may open."""

    version: str
    state: VersionState
    sent_at: datetime
    channel: Channel
    files: tuple[FileOut, ...]
    decided_at: datetime | None
    agent: str | None
    reason: str | None
    valid_until: date | None


class DocumentOut(Output):
    """A document and where it stands for whatever asks for it; the newest version last."""

    document: str
    family: str
    child: str | None
    guardian: str | None
    type: str
    title: str
    state: DocumentState
    valid_until: date | None
    versions: tuple[VersionOut, ...]


class AskedOut(Output):
    """What the town asks for: ``starred`` is compulsory, ``activities`` and ``enrolments`` name
    what for. ``documents`` are those there are already."""

    type: str
    title: str
    explanation: str | None
    about: Literal["family", "child", "guardian"]
    starred: bool
    activities: tuple[str, ...]
    enrolments: tuple[str, ...]
    documents: tuple[str, ...]


class DocumentsOut(Output):
    """What the town asks of a family, and what it has."""

    asked: tuple[AskedOut, ...]
    items: tuple[DocumentOut, ...]


class DocumentPage(Page[DocumentOut]):
    """Documents that wait for an agent, oldest first."""


class DocumentDecisionIn(Input):
    """What an agent decides of one version; a refusal says why; ``valid_until`` where the
    document itself says until when it counts."""

    document: Id
    version: Id
    accept: bool
    reason: Sentence | None = None
    valid_until: date | None = None

    @model_validator(mode="after")
    def _consistent(self) -> DocumentDecisionIn:
        if not self.accept and not self.reason:
            raise ValueError("un refus dit pourquoi (reason).")
        if self.valid_until and not self.accept:
            raise ValueError("valid_until va avec accept.")
        return self


class DocumentDecisionsIn(Input):
    """One or many decisions."""

    decisions: Annotated[tuple[DocumentDecisionIn, ...], Field(min_length=1, max_length=200)]


class DocumentDecisionOut(Output):
    """What became of one decision."""

    document: str
    result: Decision


class DocumentDecisionsOut(Output):
    """Each result, in the order asked. Sending the same again changes nothing."""

    results: tuple[DocumentDecisionOut, ...]
