"""What keeps a family from being erased: what is booked still, or waits for an answer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from services.booking.domain.enrolment import Enrolment
from services.booking.domain.request import Request
from shared.contracts.erasure import HoldsBack


def holds_back(
    requests: Iterable[Request], enrolments: Iterable[Enrolment], today: date
) -> tuple[HoldsBack, ...]:
    """One entry per request or enrolment; nothing when the family may go."""
    found: list[HoldsBack] = []
    for request in requests:
        lines = [line for line in request.lines if line.active and line.date >= today]
        if any(line.state in ("requested", "to_pay") for line in lines):
            found.append(HoldsBack(code="waiting-for-an-answer", reference=request.number))
        elif any(line.books and line.absent is None for line in lines):
            found.append(HoldsBack(code="booked-in-the-future", reference=request.number))
    found += [
        HoldsBack(code="waiting-for-an-answer", reference=one.number)
        for one in enrolments
        if one.state == "requested"
    ]
    return tuple(found)
