"""Enrolment: the step before booking, over a group of services and a period (BO2)."""

from __future__ import annotations

import re
from datetime import date, datetime
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, NaiveDatetime, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from shared.contracts.town_file.parts import Part, Slug, Text, unique

#: A year and a month: what one enrolment with a weekly pattern may book.
_LONGEST_WEEKLY = 400


_INSTANT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:00)?$"


def _local(value: object) -> object:
    """Only a whole minute, and both date and time: a bare date would be read as its midnight."""
    if isinstance(value, datetime) or (isinstance(value, str) and re.match(_INSTANT, value)):
        return value
    raise PydanticCustomError("local_instant", "a date and a time are expected (2026-06-01T08:00)")


#: A date and a time on the town's clock.
LocalInstant = Annotated[
    NaiveDatetime,
    BeforeValidator(_local),
    WithJsonSchema({"type": "string", "pattern": _INSTANT}),
]
Address = Annotated[str, Field(pattern=r"^(https://|/)\S+$", max_length=500)]


class EnrolmentWindow(Part):
    """From when to when families may enrol, both minutes included; ``audiences``: those of one of
    these only (everybody when left out)."""

    opens: LocalInstant
    closes: LocalInstant
    audiences: tuple[Slug, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> EnrolmentWindow:
        if self.closes <= self.opens:
            raise ValueError("`closes` précède `opens`.")
        return self


class AskedDocument(Part):
    """A document that families provide; ``required`` ones are starred, and nothing is sent
    without them."""

    id: Slug
    name: Text
    required: bool = True


class Download(Part):
    """A document that the town puts at families' disposal."""

    name: Text
    url: Address


class Regulations(Part):
    """What families accept, by its ``version``: a ``text``, or where it is to be read."""

    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z._-]{0,40}$")]
    text: Annotated[str, Field(min_length=1, max_length=20_000)] | None = None
    url: Address | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Regulations:
        if (self.text is None) == (self.url is None):
            raise ValueError("donnez `text` ou `url`.")
        return self


#: What families look through, and bring up to date, before they send.
ReviewStep = Literal["household", "guardians", "children", "complements"]
#: "Je réserverai ponctuellement", or the same days every week.
EnrolmentPattern = Literal["casual", "weekly"]


class EnrolmentGroup(Part):
    """Services that a child is enrolled in together, for the days from ``first`` to ``last``.

    ``name`` is the group's, ``period`` what families call its days. ``compulsory``: these
    activities are booked only by who is enrolled. ``decision: automatic``: enrolled at once.
    """

    id: Slug
    name: Text
    period: Text | None = None
    activities: Annotated[tuple[Slug, ...], Field(min_length=1, max_length=40)]
    first: date
    last: date
    windows: Annotated[tuple[EnrolmentWindow, ...], Field(min_length=1, max_length=20)]
    compulsory: bool = True
    steps: tuple[ReviewStep, ...] = ("household", "children", "complements")
    documents: Annotated[tuple[AskedDocument, ...], Field(max_length=20)] = ()
    downloads: Annotated[tuple[Download, ...], Field(max_length=20)] = ()
    regulations: Regulations | None = None
    patterns: Annotated[tuple[EnrolmentPattern, ...], Field(min_length=1)] = ("casual",)
    decision: Literal["agent", "automatic"]
    source: Text

    @model_validator(mode="after")
    def _consistent(self) -> EnrolmentGroup:
        if self.last < self.first:
            raise ValueError("`last` précède `first`.")
        if "weekly" in self.patterns and (self.last - self.first).days > _LONGEST_WEEKLY:
            raise ValueError(f"`patterns: weekly` couvre au plus {_LONGEST_WEEKLY} jours.")
        for name in ("activities", "steps", "patterns"):
            unique(name, getattr(self, name))
        unique("documents", (document.id for document in self.documents))
        _check_windows(self.windows, self.last)
        return self

    def holds(self, day: date) -> bool:
        """Whether the day is one that it counts for."""
        return self.first <= day <= self.last

    @property
    def title(self) -> str:
        """``Cantine et garderie, année 2026-2027``."""
        return f"{self.name}, {self.period}" if self.period else self.name


def _check_windows(windows: tuple[EnrolmentWindow, ...], last: date) -> None:
    """Refuse two windows that are open at once for the same families, and one that opens when
    there is nothing left to enrol for."""
    ordered = sorted(windows, key=lambda one: (sorted(one.audiences), one.opens))
    for earlier, later in pairwise(ordered):
        if sorted(earlier.audiences) == sorted(later.audiences) and later.opens <= earlier.closes:
            raise ValueError(
                f"windows: deux sont ouvertes le {later.opens:%Y-%m-%dT%H:%M} pour les mêmes"
                " familles."
            )
    for window in windows:
        if window.opens.date() > last:
            raise ValueError(
                f"windows: l'une ouvre le {window.opens:%Y-%m-%dT%H:%M}, après le dernier jour"
                f" ({last})."
            )
