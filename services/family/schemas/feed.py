"""Request and response models of the feed (*Mes demandes*)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from services.family.domain.feed import Found, Overall
from shared.contracts.requests import RequestAct, RequestKind, RequestPart
from shared.web.routes import Input, Output, Page, PageQuery

_Id = Annotated[str, Field(min_length=1, max_length=64)]


class FeedQuery(PageQuery):
    """``family``: one of the bearer's; an agent names it. ``unread``: with something new;
    ``to_pay`` waits too."""

    family: _Id | None = None
    kind: RequestKind | None = None
    child: _Id | None = None
    state: Found | None = None
    unread: bool | None = None


class CountersQuery(Input):
    """``family``: one of the bearer's, all of them without."""

    family: _Id | None = None


class FeedLine(Output):
    """A request as far as the bearer may see it. ``unread``: how many answers and messages of the
    town are new to them; ``changed_at`` is what to mark it read until."""

    request: str
    kinds: tuple[RequestKind, ...]
    number: str | None
    family: str
    channel: Literal["online", "desk"]
    requested_at: datetime
    changed_at: datetime
    state: Overall
    parts: tuple[RequestPart, ...]
    unread: int


class FeedPage(Page[FeedLine]):
    """Requests, newest first."""


class FeedEntry(FeedLine):
    """A request with all that happened to it, the town's words included."""

    history: tuple[RequestAct, ...]


class FeedCounters(Output):
    """For the portal's bubbles: requests with something new, requests that wait for the town."""

    unread: int
    waiting: int


class ReadIn(Input):
    """Read until this instant: the ``changed_at`` that was shown."""

    until: AwareDatetime
