"""Supporting documents that a town asks of its families (FA6)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from shared.contracts.town_file.parts import Part, Slug, Text

#: The last day of a school year: the next one begins on 1 September (education code L521-1).
_SCHOOL_YEAR_ENDS = (8, 31)


class Validity(Part):
    """Until when a document counts: so many ``months`` after it was sent, the end of the
    ``school_year`` in which it was sent, or a date (``until``); that day included."""

    months: Annotated[int, Field(ge=1, le=120)] | None = None
    school_year: bool = False
    until: date | None = None

    @model_validator(mode="after")
    def _one_of_three(self) -> Validity:
        if [self.months is not None, self.school_year, self.until is not None].count(True) != 1:
            raise ValueError("donnez l'un de `months`, `school_year` et `until`.")
        return self

    def last_day(self, sent: date) -> date:
        """The last day on which a document sent that day counts."""
        if self.until is not None:
            return self.until
        if self.months is not None:
            return _months_later(sent, self.months)
        end = date(sent.year, *_SCHOOL_YEAR_ENDS)
        return end if sent <= end else end.replace(year=sent.year + 1)


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


class DocumentType(Part):
    """A kind of document that families provide, once for everything that asks for it.

    ``about``: of the family, of each child or of each guardian. ``required`` ones are starred;
    ``activities`` are those that ask for it, besides the enrolment groups that name its id.
    ``decision: automatic``: accepted as it is sent. ``health``: read by who deals with health
    only, never named in a mail. ``warn_days``: how long before its end families are told.
    """

    id: Slug
    name: Text
    explanation: Text | None = None
    about: Literal["family", "child", "guardian"] = "child"
    required: bool = False
    activities: Annotated[tuple[Slug, ...], Field(max_length=40)] = ()
    validity: Validity | None = None
    decision: Literal["agent", "automatic"] = "agent"
    health: bool = False
    warn_days: Annotated[int, Field(ge=1, le=120)] = 30


#: What goes with a request, an absence first of all, by whom it is about: every town takes it, none
#: declares it. Each is a document of its own, looked at with its request; it may tell of health.
REQUEST_PROOFS: Final[Mapping[str, DocumentType]] = MappingProxyType({
    "child": DocumentType(
        id="request-proof", name="Justificatif d'une demande", about="child",
        decision="automatic", health=True,
    ),
    "guardian": DocumentType(
        id="adult-request-proof", name="Justificatif d'une demande", about="guardian",
        decision="automatic", health=True,
    ),
})  # fmt: skip


def is_request_proof(kind: str) -> bool:
    """Whether documents of that type each go with a request."""
    return any(one.id == kind for one in REQUEST_PROOFS.values())
