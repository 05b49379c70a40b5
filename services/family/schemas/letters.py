"""Requests and answers about letters to the town."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StrictBool

from services.family.domain.letters import LetterState, Side
from services.family.schemas.uploads import FileIds, FileOut, Id
from shared.contracts.town_file import LetterCategory, Slug
from shared.web.routes import Input, Output, Page, PageQuery


class MessageIn(Input):
    """A message; ``files`` were sent before (``POST /files``)."""

    text: Annotated[str, Field(min_length=1, max_length=4000)]
    files: FileIds = ()


class LetterIn(MessageIn):
    """A letter; ``fields`` are those of its category. ``shared``: the other guardians who may see
    the child concerned may read it."""

    family: Id
    category: Slug
    fields: Annotated[
        dict[Slug, StrictBool | Annotated[str, Field(max_length=4000)]], Field(max_length=20)
    ] = Field(default_factory=dict)
    shared: bool = False


class LetterStateIn(Input):
    """Take up, or settle."""

    state: Literal["in_progress", "closed"]


class ReadingIn(Input):
    """Nothing but the act."""


class LetterDocumentIn(Input):
    """An attachment to keep as a supporting document, about a child, a guardian or the family."""

    file: Id
    type: Slug
    child: Id | None = None
    guardian: Id | None = None


class LettersQuery(PageQuery):
    """Which letters; ``category`` and ``unread`` are for agents, ``family`` is one of a
    guardian's own."""

    state: LetterState | None = None
    category: Slug | None = None
    family: Id | None = None
    unread: bool | None = None


class CategoriesOut(Output):
    """What families may write about, with the form of each."""

    items: tuple[LetterCategory, ...]


class MessageOut(Output):
    """A message; ``agent`` is shown to agents only."""

    message: str
    side: Side
    at: datetime
    text: str
    files: tuple[FileOut, ...]
    agent: str | None


class LetterLine(Output):
    """A letter in a list; ``unread`` by whoever asks: the town, or this account."""

    letter: str
    family: str
    child: str | None
    category: str
    subject: str
    state: LetterState
    sent_at: datetime
    last_at: datetime
    unread: bool
    messages: int


class LetterOut(LetterLine):
    """A letter with its thread, oldest message first."""

    guardian: str | None
    shared: bool
    fields: dict[str, bool | str]
    thread: tuple[MessageOut, ...]


class LetterPage(Page[LetterLine]):
    """Letters, the last written in first."""
