"""What any service says of a family's request, whatever it asks for: one card, whole.

The list of a family's requests (*Mes demandes*) is made of these and of nothing else.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

RequestKind = Literal[
    "booking", "change", "cancellation", "absence", "enrolment", "record_change", "document",
    "letter",
]  # fmt: skip
#: Where what was asked stands; ``answered``: a letter to which the town has written back.
Standing = Literal["waiting", "accepted", "refused", "withdrawn", "answered"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class RequestPart(_Part):
    """What is asked about one ``child`` (or adult), or about the household (None).

    ``about``: ids of what is asked for (activities, a group, a type of document, fields);
    ``first`` and ``last`` bound the days, where there are days; ``states`` counts what is asked,
    by where it stands; ``to_pay``: how many of what waits wait for the family's payment.
    """

    child: str | None
    about: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    states: dict[Standing, int]
    to_pay: int = 0


class RequestAct(_Part):
    """Something that happened to a request, as its family may read it.

    ``children``: whom it concerns, None being the household; ``count``: how many of the things
    asked; ``reason``: the town's words.
    """

    at: datetime
    what: Literal["asked", "accepted", "refused", "withdrawn", "answered", "message"]
    by: Literal["family", "rule", "agent"]
    children: tuple[str | None, ...]
    count: int = 1
    reason: str | None = None


class RequestCard(_Part):
    """A request as its family reads it. ``guardian``: only this one may read it."""

    request: str
    kinds: tuple[RequestKind, ...]
    number: str | None
    family: str
    account: str | None
    channel: Literal["online", "desk"]
    guardian: str | None = None
    requested_at: datetime
    parts: tuple[RequestPart, ...]
    history: tuple[RequestAct, ...]
