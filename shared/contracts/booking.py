"""What booking says."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from shared.events import Event

LineState = Literal["requested", "accepted", "refused"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Reason(_Part):
    """Why a line was refused: a stable code and a sentence in French."""

    code: str
    text: str


class RequestedLine(_Part):
    """One child, one session, one unit. ``cancel_until`` is an instant, or None for never."""

    line: str
    child: str
    activity: str
    date: date
    unit: str
    state: LineState
    reason: Reason | None = None
    cancel_until: datetime | None = None


class Period(_Part):
    """The days a family asked for: ``weekdays`` are ISO numbers (Monday = 1)."""

    first: date
    last: date
    weekdays: tuple[int, ...]


class BookingRequested(
    Event, service="booking", name="booking-requested", kind="fact", public=True
):
    """A family asked; the lines say what became of each at once."""

    request: str
    number: str
    family: str
    account: str
    channel: Literal["online", "desk"]
    requested_at: datetime
    period: Period | None
    lines: tuple[RequestedLine, ...]


class Replaced(_Part):
    """The decision that this one replaces."""

    decided_at: datetime
    accepted: bool


class Batch(_Part):
    """Lines decided together: the digest waits for all ``size`` of them."""

    id: str
    size: int


class DecidedLine(_Part):
    """One line's outcome. ``receipted``: the acknowledgement said it already."""

    line: str
    child: str
    activity: str
    date: date
    unit: str
    receipted: bool
    reason: Reason | None = None
    replaces: Replaced | None = None


class _Decided(_Part):
    request: str
    number: str
    requested_at: datetime
    family: str
    account: str
    decided_at: datetime
    decided_by: Literal["rule", "agent"]
    agent: str | None = None
    batch: Batch | None = None
    lines: tuple[DecidedLine, ...]


class BookingAccepted(
    _Decided, Event, service="booking", name="booking-accepted", kind="fact", public=True
):
    """These lines of a request are accepted."""


class BookingRefused(
    _Decided, Event, service="booking", name="booking-refused", kind="fact", public=True
):
    """These lines of a request are refused, each with its reason."""


class DecidedUpTo(Event, service="booking", name="decided-up-to", kind="state"):
    """Every decision of the town up to ``instant`` has been said before this."""

    instant: datetime
