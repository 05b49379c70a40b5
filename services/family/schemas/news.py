"""Requests and answers about news and published documents."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field, model_validator

from services.family.domain.news import NewsAudience, NewsItem, PublishedDocument, html, summary
from services.family.schemas.uploads import FileIds, FileOut, Id
from shared.contracts.town_file import Slug
from shared.web.routes import Input, Output, Page, PageQuery

Title = Annotated[str, Field(min_length=1, max_length=200)]


class NewsIn(Input):
    """A news item: ``text`` in a small markup (paragraphs, ``*emphasis*``, lists, links), shown
    from ``starts`` (now) to ``ends`` (left out: until it is removed). ``schools`` and ``sites``
    (as activities name them): only families with a child at one of them. ``files`` were sent
    before, or are those it has already."""

    title: Title
    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    files: FileIds = ()
    starts: AwareDatetime | None = None
    ends: AwareDatetime | None = None
    audience: NewsAudience = "families"
    schools: Annotated[tuple[Slug, ...], Field(max_length=60)] = ()
    sites: Annotated[tuple[Title, ...], Field(max_length=60)] = ()

    @model_validator(mode="after")
    def _in_order(self) -> NewsIn:
        if self.starts and self.ends and self.ends <= self.starts:
            raise ValueError("ends vient après starts.")
        if (self.schools or self.sites) and self.audience == "everybody":
            raise ValueError("schools et sites vont avec audience: families.")
        return self


class NewsQuery(PageQuery):
    """``all``: for agents, also what is not shown yet or no longer."""

    all: bool = False


class NewsLine(Output):
    """A news item in a list; ``summary`` stands before "lire plus"."""

    item: str
    title: str
    summary: str
    starts: datetime
    ends: datetime | None
    audience: NewsAudience
    schools: tuple[str, ...]
    sites: tuple[str, ...]
    attachments: int

    @classmethod
    def line(cls, one: NewsItem) -> NewsLine:
        """The line of an item."""
        return cls(**_line(one))


class NewsOut(NewsLine):
    """A news item whole: ``html`` is its text, safe to show as it is."""

    text: str
    html: str
    files: tuple[FileOut, ...]

    @classmethod
    def of(cls, one: NewsItem) -> NewsOut:
        """The answer for an item."""
        return cls(
            **_line(one), text=one.text, html=html(one.text),
            files=tuple(FileOut.of(file) for file in one.files),
        )  # fmt: skip


def _line(one: NewsItem) -> dict[str, object]:
    return {
        "item": one.id, "summary": summary(one.text), "attachments": len(one.files),
        **one.model_dump(include={"title", "starts", "ends", "audience", "schools", "sites"}),
    }  # fmt: skip


class NewsPage(Page[NewsLine]):
    """News, newest first."""


class PublishedIn(Input):
    """A document for everybody, under a heading (``Tarifs``, ``Formulaires``, ``Règlements``…)."""

    heading: Title
    title: Title
    file: Id


class PublishedOut(Output):
    """A published document; its address stays the same when its file is replaced."""

    document: str
    heading: str
    title: str
    published_at: datetime
    file: FileOut

    @classmethod
    def of(cls, one: PublishedDocument) -> PublishedOut:
        """The answer for a document."""
        return cls(
            document=one.id, heading=one.heading, title=one.title,
            published_at=one.published_at, file=FileOut.of(one.file),
        )  # fmt: skip


class PublishedList(Output):
    """The town's published documents, by heading and title."""

    items: tuple[PublishedOut, ...]
