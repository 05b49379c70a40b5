"""Requests as they are stored, and as rules take them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from datetime import date, datetime, time
from typing import Any

from pydantic import BaseModel

from services.booking.domain.acts import Act
from services.booking.domain.agenda import Row
from services.booking.domain.allowances import Claim
from services.booking.domain.given import Given
from services.booking.domain.proving import Proving
from services.booking.domain.request import Line, Receipt, Request
from shared.contracts.booking import Answered, NotRetained, Period, Reason, Surcharged
from shared.store import Document

#: What is not written into a line's document.
_USUAL = {"quantity": 1, "kind": "book"}


def act_document(act: Act) -> Document:
    """An act, without what is None."""
    return {name: value for name, value in asdict(act).items() if value is not None}


def line_document(line: Line) -> Document:
    """A line, without what is usual."""
    document: Document = {}
    for name in _NAMES:
        value = getattr(line, name)
        if value is None or value is False or value == () or value == _USUAL.get(name):
            continue
        document[name] = value if type(value) in _AS_IT_IS else _written(value)
    if line.claims:
        document["claims"] = [asdict(claim) for claim in line.claims]
    return document


_NAMES = tuple(one.name for one in fields(Line))
#: What most values are: looked at first, since a request may have hundreds of lines.
_AS_IT_IS = (str, bool, int, tuple, datetime)


def _written(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Receipt):
        return {
            one.name: part.model_dump() if isinstance(part, BaseModel) else part
            for one in fields(Receipt)
            if (part := getattr(value, one.name)) not in (None, ())
        }
    return value


def line_of(document: Document) -> Line:
    """A line as rules take it."""
    return Line(**_read(document))


def row_of(request: str, values: Sequence[Any]) -> Row:
    """A line as an agenda shows it: the fields of ``Row`` after the request's id, in their order;
    None where they are as usual."""
    _id, child, activity, day, units, state, kind, of, ended, answer, starts = values
    return Row(
        request, _id, child, activity, date.fromisoformat(day), tuple(units), state,
        kind or "book", of, ended, answer and _READ["answer"](answer),
        starts and time.fromisoformat(starts),
    )  # fmt: skip


def _receipt_of(document: Document) -> Receipt:
    return Receipt(**{"reason": None, "decided_at": None, **_read(document)})


def _read(document: Document) -> Document:
    return {
        name: _READ[name](value) if value and name in _READ else value
        for name, value in document.items()
    }


#: How what is not kept as it is read is read. What is constructed is as it was written.
_READ: dict[str, Callable[[Any], Any]] = {
    "date": date.fromisoformat,
    "units": tuple,
    "was": tuple,
    "overridden": tuple,
    "proofs": tuple,
    "starts": time.fromisoformat,
    "ends": time.fromisoformat,
    "claims": lambda claims: tuple(Claim(**claim) for claim in claims),
    "proof": Proving.model_validate,
    "given": Given.model_validate,
    "receipt": _receipt_of,
    "reason": lambda reason: Reason.model_construct(**reason),
    "surcharge": lambda surcharge: Surcharged.model_construct(**surcharge),
    "answer": lambda answer: Answered.model_construct(**answer),
}


def request_document(request: Request) -> Document:
    """A request as it is first stored."""
    return {
        "_id": request.id,
        "town": request.town,
        "family": request.family,
        "account": request.account,
        "channel": request.channel,
        "number": request.number,
        "requested_at": request.requested_at,
        "body_hash": request.body_hash,
        "periods": [period.model_dump(mode="json") for period in request.periods],
        "lines": [line_document(line) for line in request.lines],
        "not_retained": [n.model_dump(mode="json") for n in request.not_retained],
        "unfinished": request.unfinished,
        "version": request.version,
        **({"guardian": request.guardian} if request.guardian else {}),
        **({"override": request.override} if request.override else {}),
        **({"comment": request.comment} if request.comment else {}),
        **({"attachments": list(request.attachments)} if request.attachments else {}),
    }


def request_of(document: Document) -> Request:
    """A request as rules take it."""
    return Request(
        id=document["_id"],
        town=document["town"],
        family=document["family"],
        account=document["account"],
        channel=document["channel"],
        number=document["number"],
        requested_at=document["requested_at"],
        body_hash=document["body_hash"],
        periods=tuple(Period.model_validate(p) for p in document["periods"]),
        lines=tuple(line_of(line) for line in document["lines"]),
        not_retained=tuple(NotRetained.model_validate(n) for n in document["not_retained"]),
        unfinished=document.get("unfinished"),
        v=document["v"],
        version=document["version"],
        guardian=document.get("guardian"),
        override=document.get("override"),
        comment=document.get("comment"),
        attachments=tuple(document.get("attachments", ())),
        history=tuple(
            Act(**{**act, "lines": tuple(act["lines"])}) for act in document.get("history", ())
        ),
    )
