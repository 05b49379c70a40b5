"""What the town tells families, and what it puts at everybody's disposal. Pure."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token
from pydantic import BaseModel, ConfigDict

from services.family.domain.uploads import KeptFile

#: ``families``: accounts linked to a family; ``everybody``: every account of the town.
NewsAudience = Literal["families", "everybody"]

_SUMMARY = 280
#: Paragraphs, emphasis, lists, links: what HTML the source holds is shown as it is written.
_MARKUP = MarkdownIt("zero", {"html": False}).enable(
    ["emphasis", "list", "link", "newline", "escape", "autolink"]
)
_SCHEMES = ("https://", "http://", "mailto:", "tel:")
_MARKUP.validateLink = lambda url: url.strip().lower().startswith(_SCHEMES)  # type: ignore[method-assign]
_PARTING = {"softbreak": " ", "hardbreak": " "}


class NewsItem(BaseModel):
    """Something to read on the first page, from ``starts`` to ``ends``; ``schools`` and ``sites``:
    for families that have a child at one of them only. ``text`` is in the small markup of
    ``html``."""

    model_config = ConfigDict(frozen=True)

    id: str
    town: str
    title: str
    text: str
    files: tuple[KeptFile, ...]
    starts: datetime
    ends: datetime | None
    audience: NewsAudience
    schools: tuple[str, ...]
    sites: tuple[str, ...] = ()

    def shown(self, now: datetime) -> bool:
        """Whether it is on the page now."""
        return self.starts <= now and (self.ends is None or now < self.ends)

    def is_for(self, *, linked: bool, at: Collection[str]) -> bool:
        """Whether it is for somebody linked to a family or not, with children at these schools
        and sites."""
        if self.schools or self.sites:
            return not {*self.schools, *self.sites}.isdisjoint(at)
        return linked or self.audience == "everybody"

    def file(self, file: str) -> KeptFile | None:
        """An attachment, or None."""
        return next((one for one in self.files if one.id == file), None)


class PublishedDocument(BaseModel):
    """A document that everybody may download, under a heading of the town's own."""

    model_config = ConfigDict(frozen=True)

    id: str
    town: str
    heading: str
    title: str
    file: KeptFile
    published_at: datetime


def html(text: str) -> str:
    """The markup as HTML: paragraphs, lists, emphasis and links, and nothing else."""
    rendered: str = _MARKUP.render(text)
    return rendered


def summary(text: str) -> str:
    """The beginning, without markup, to be read before "lire plus"."""
    words = " ".join(_words(_MARKUP.parse(text))).split()
    short = ""
    for word in words:
        if len(short) + len(word) + 1 > _SUMMARY:
            return f"{short} …"
        short = f"{short} {word}".strip()
    return short


def _words(tokens: list[Token]) -> list[str]:
    """The text of each block; emphasis within one parts no word from what follows it."""
    return [
        "".join(child.content if child.type == "text" else _PARTING.get(child.type, "")
                for child in token.children or ())
        for token in tokens
    ]  # fmt: skip
