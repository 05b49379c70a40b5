"""Request and response models of collections. Amounts are in euro cents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from services.billing.domain.debits.collections import (
    ASIDE,
    AsideCode,
    Collected,
    Collection,
    CollectionState,
    Debit,
    DebitState,
    SequenceType,
)
from services.billing.domain.debits.returns import RETURNS
from shared.money import Cents
from shared.web.routes import Input, Output, Page, PageQuery


class CollectionIn(Input):
    """The day on which banks are to collect."""

    on: date


class AsideOut(Output):
    """A family with something to collect that was left aside, and why."""

    family: str
    code: AsideCode
    text: str


class CollectionOut(Output):
    """A collection of a day; ``number`` is the file's name for itself (``MsgId``).

    ``state``: ``making`` and ``announcing``, then ``made``: the file is there and the families are
    told; ``settling``, then ``settled``; ``cancelling``, then ``cancelled``; ``empty``: there was
    nothing to collect. ``cents`` is of the file; ``paid_cents`` is what came and stands,
    ``back_cents`` what banks sent back.
    """

    collection: str
    office: str
    on: date
    number: str
    creditor: Annotated[str, Field(description="The office's identifier (ICS)")]
    version: str
    state: CollectionState
    since: datetime
    asked_by: str
    asked_at: datetime
    decided_by: str | None
    count: int
    cents: Cents
    paid_cents: Cents
    back_cents: Cents
    aside: tuple[AsideOut, ...]

    @classmethod
    def of(cls, collection: Collection, sums: Mapping[str, int]) -> CollectionOut:
        """The answer for a collection."""
        same = set(cls.model_fields) - {"aside", "number"}
        return cls(
            **collection.model_dump(include=same), collection=collection.id,
            number=collection.number, paid_cents=sums.get("settled", 0),
            back_cents=sums.get("rejected", 0) + sums.get("returned", 0),
            aside=tuple(
                AsideOut(family=one.family, code=one.code, text=ASIDE[one.code])
                for one in collection.aside
            ),
        )  # fmt: skip


class CollectionPage(Page[CollectionOut]):
    """The town's collections, the latest first."""


class DebitQuery(PageQuery):
    """Which debits of a collection."""

    state: DebitState | None = None


class DebitOut(Output):
    """What is collected of a family; ``debit`` is what its bank calls the end-to-end reference.

    ``state``: ``planned``, ``ready``, ``announced``, then ``settled``; ``rejected`` before it was
    paid, ``returned`` after, for the bank's ``code``; ``cancelled`` with its collection;
    ``dropped``: it did not come into the file.
    """

    debit: str
    family: str
    guardian: str
    mandate_reference: Annotated[str, Field(description="The RUM")]
    sequence: SequenceType
    on: date
    cents: Cents
    parts: tuple[Collected, ...]
    state: DebitState
    since: datetime
    code: str | None
    reason: str | None

    @classmethod
    def of(cls, debit: Debit) -> DebitOut:
        """The answer for a debit."""
        same = set(cls.model_fields) - {"debit", "reason"}
        reason = RETURNS[debit.code].words if debit.code else None
        return cls(**debit.model_dump(include=same), debit=debit.id, reason=reason)


class DebitPage(Page[DebitOut]):
    """The debits of a collection."""


class ReturnIn(Input):
    """Why a bank sent a debit back, by its code (ISO 20022): ``AM04``, ``MD01``…"""

    code: Annotated[str, Field(pattern=r"^[A-Z]{2}[A-Z0-9]{2}$")]
