"""Requests and enrolments as the family's list of requests shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from services.booking.domain.acts import Act, What, typed
from services.booking.domain.enrolment import Act as EnrolmentAct
from services.booking.domain.enrolment import Enrolment, done_by
from services.booking.domain.request import Line, Request
from shared.contracts.booking import EnrolmentState, LineKind, RequestChanged
from shared.contracts.requests import RequestAct, RequestKind, RequestPart, Standing

_KINDS: dict[LineKind, RequestKind] = {
    "book": "booking", "change": "change", "cancel": "cancellation", "absence": "absence",
}  # fmt: skip


def _standing(state: str) -> Standing:
    """``requested`` waits, and so does ``to_pay``; the other states are named alike."""
    return "waiting" if state in ("requested", "to_pay") else state  # type: ignore[return-value]


def card_of(request: Request) -> RequestChanged | None:
    """The card of a request; None while its lines are still being settled.

    What other requests did to its bookings is theirs to say.
    """
    if any(line.state == "asked" for line in request.lines):
        return None
    by_child: dict[str, list[Line]] = {}
    for line in request.lines:
        by_child.setdefault(line.child, []).append(line)
    asked = RequestAct(
        at=request.requested_at, what="asked", by=request.origin.by, children=tuple(by_child),
        count=len(request.lines),
    )  # fmt: skip
    acts = [act for one in request.history if (act := _act(one, request.lines)) is not None]
    return RequestChanged(
        request=request.id,
        kinds=tuple(dict.fromkeys(_KINDS[line.kind] for line in request.lines)),
        number=request.number,
        family=request.family,
        account=request.account,
        channel=typed(request.channel),
        requested_at=request.requested_at,
        parts=tuple(_part(child, lines) for child, lines in by_child.items()),
        history=(asked, *acts),
    )


def _part(child: str, lines: Sequence[Line]) -> RequestPart:
    return RequestPart(
        child=child,
        about=tuple(dict.fromkeys(line.activity for line in lines)),
        first=min(line.date for line in lines),
        last=max(line.date for line in lines),
        states=dict(Counter(_standing(line.state) for line in lines)),
        to_pay=sum(line.state == "to_pay" for line in lines),
    )


#: An act as the family's list names it: a proof is a message, and has its answer.
_WORDS: dict[What, Literal["accepted", "refused", "withdrawn", "message"]] = {
    "accepted": "accepted", "refused": "refused", "withdrawn": "withdrawn",
    "proof_given": "message", "proof_accepted": "accepted", "proof_refused": "refused",
    "proof_missing": "refused",
}  # fmt: skip


def _act(act: Act, lines: Sequence[Line]) -> RequestAct | None:
    what = _WORDS.get(act.what)
    if what is None:
        return None
    children = dict.fromkeys(line.child for line in lines if line.id in act.lines)
    return RequestAct(
        at=act.at, what=what, by=act.by, children=tuple(children), count=len(act.lines),
        reason=act.reason,
    )  # fmt: skip


def card_of_enrolment(enrolment: Enrolment) -> RequestChanged:
    """The card of an enrolment, however often it was sent."""
    return RequestChanged(
        request=enrolment.id,
        kinds=("enrolment",),
        number=enrolment.number,
        family=enrolment.family,
        account=enrolment.sent.account,
        channel=typed(enrolment.sent.channel),
        requested_at=enrolment.requested_at,
        parts=(RequestPart(
            child=enrolment.child, about=(enrolment.group,), states={_standing(enrolment.state): 1}
        ),),
        history=tuple(_enrolment_act(act, enrolment.child) for act in enrolment.history),
    )  # fmt: skip


_SAID: dict[EnrolmentState, str] = {"requested": "asked"}


def _enrolment_act(act: EnrolmentAct, child: str) -> RequestAct:
    return RequestAct.model_validate({
        "at": act.at,
        "what": _SAID.get(act.what, act.what),
        "by": done_by(act),
        "children": (child,),
        "reason": act.reason,
    })  # fmt: skip
